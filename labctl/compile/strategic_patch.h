#pragma once

#include <nlohmann/json_fwd.hpp>

namespace labctl::compile {

/// `current` with a strategic merge patch, as kubectl sends it for Kubernetes' own kinds: a merge
/// patch (RFC 7386) in which lists whose elements have an identity are merged element by element,
/// with the directives `$patch: delete|replace|merge`, `$retainKeys`, `$setElementOrder/LIST` and
/// `$deleteFromPrimitiveList/LIST`. Source: "Strategic Merge Patch" in
/// kubernetes/community:contributors/devel/sig-api-machinery. Throws api::StatusError 400 for a
/// directive that is none.
nlohmann::json strategic_merge(const nlohmann::json& current, const nlohmann::json& patch);

} // namespace labctl::compile
