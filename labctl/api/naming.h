#pragma once

#include <cstdint>
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

/// The generated parts of Kubernetes names. Everything here is a pure function, so that the same
/// input gives the same names on every run.
namespace labctl::api {

/// The alphabet of generated names: no vowels, none of 0, 1 and 3
/// (k8s.io/apimachinery/pkg/util/rand).
inline constexpr std::string_view kNameAlphabet = "bcdfghjklmnpqrstvwxz2456789";

/// Maps each character into kNameAlphabet, as rand.SafeEncodeString does.
std::string safe_encode(std::string_view text);

/// The hash of a pod template as it ends a ReplicaSet's name ("7c5ddbdf54"): 32-bit FNV-1a, written
/// in decimal, safe-encoded. Kubernetes hashes a dump of its Go structure where we hash the
/// canonical JSON, so the form is the same and the value is not. `collisions` is the Deployment's
/// status.collisionCount.
std::string pod_template_hash(const nlohmann::json& pod_template, std::int64_t collisions = 0);

/// Five characters of kNameAlphabet that depend on `seed` and `counter` alone.
std::string name_suffix(std::string_view seed, std::uint64_t counter);

/// metadata.generateName plus a suffix, cut as names.SimpleNameGenerator cuts it (63 in total).
std::string generated_name(std::string_view base, std::string_view suffix);

/// What the pods of a Job are labelled with (generateSelector of kubernetes
/// pkg/registry/batch/job/strategy.go).
std::map<std::string, std::string> job_labels(std::string_view name, std::string_view uid);

/// The current time as metav1.Time writes it: "2024-05-01T12:00:00Z".
std::string timestamp_now();
/// The same, `seconds` from now.
std::string timestamp_in(std::int64_t seconds);

} // namespace labctl::api
