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

/// Leaf by leaf, lists as a whole. Both have the reader's defaults. Pure.
[[nodiscard]] std::vector<LabDifference>
lab_differences(const nlohmann::json& running, const nlohmann::json& wanted);

} // namespace labctl::cli
