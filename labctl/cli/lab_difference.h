#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "labctl/api/object.h"
#include "labctl/cli/context.h"

namespace labctl::cli {

class Client;

/// A field of a lab's spec that a running lab has otherwise than it is wanted. Values as JSON text;
/// "": not set.
struct LabDifference {
    std::string path; // "spec.proxy.mode"
    std::string runs;
    std::string wanted;
    bool operator==(const LabDifference&) const = default;
};

/// Leaf by leaf, lists as a whole. Both have the reader's defaults.
[[nodiscard]] std::vector<LabDifference>
lab_differences(const nlohmann::json& running, const nlohmann::json& wanted);

/// The Lab object of the lab that the client talks to.
[[nodiscard]] api::Object running_lab(Client& client);

/// Makes a running lab what `wanted` says as far as that can be: changes the proxy mode. Throws
/// UsageError, before anything is changed, if it cannot: nodes, ranges and CNI are for as long as
/// the lab.
void conform_lab(const Context& context, Client& client, const api::Object& wanted);

} // namespace labctl::cli
