#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

namespace labctl::cli {

/// A field of a lab's spec that a running lab has otherwise than it is wanted. Values as JSON text;
/// "": not set.
struct LabDifference {
    std::string path; // "spec.proxy.mode"
    std::string runs;
    std::string wanted;
    bool operator==(const LabDifference&) const = default;
};

/// Leaf by leaf, lists as a whole, and what files beside the lab file say: the network
/// configuration (`cni.conflist`) by JSON pointers into it, and the paths that are relative to the
/// lab file's directory. Both are Lab objects with the reader's defaults. Pure.
[[nodiscard]] std::vector<LabDifference>
lab_differences(const nlohmann::json& running, const nlohmann::json& wanted);

} // namespace labctl::cli
