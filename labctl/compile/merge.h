#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

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

/// The field by which elements of both lists are told apart, by the name of the lists' field; empty
/// when such a list is replaced as a whole.
std::string
merge_key_of(const std::string& field, const nlohmann::json& one, const nlohmann::json& other);

} // namespace labctl::compile
