#pragma once

#include <string>
#include <string_view>

#include "labctl/api/object.h"

namespace labctl::manifest {

/// What a pair of apiVersion and kind means.
struct Resolved {
    const api::KindInfo* typed =
        nullptr; // one of api::kinds(), whose apiVersion objects are stored with, whichever they
                 // were written with; null for kinds that are only stored
    bool namespaced = true;
    bool custom = false; // not Kubernetes' own: a CustomResourceDefinition may say more
    std::string problem; // not empty: there is no such kind, in kubectl's words
    std::string hint;
};

/// Kinds of ours; other kinds of Kubernetes 1.36; kinds of API groups that are not Kubernetes' own.
/// Versions that were removed and kinds that no Kubernetes version has are problems, with the right
/// one as the hint.
Resolved resolve_kind(std::string_view api_version, std::string_view kind);

} // namespace labctl::manifest
