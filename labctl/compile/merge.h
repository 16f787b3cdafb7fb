#pragma once

#include <nlohmann/json_fwd.hpp>

namespace labctl::compile {

/// What `kubectl apply` makes of an object: `current` with the fields of `modified` set and those
/// fields removed that `original` (the last applied configuration; null when there is none) had and
/// `modified` has not. Everything else of `current` stays.
///
/// Lists whose elements have an identity in Kubernetes' own types (containers, env, volumes, ports
/// ...; "patchMergeKey" in k8s.io/api) are merged element by element when `typed`; all others are
/// replaced.
nlohmann::json three_way_merge(
    const nlohmann::json& original,
    const nlohmann::json& modified,
    const nlohmann::json& current,
    bool typed);

} // namespace labctl::compile
