#pragma once

#include <optional>

#include "labctl/api/object.h"
#include "labctl/cli/context.h"
#include "labctl/cli/lab_difference.h"

namespace labctl::cli {

class Client;

/// The Lab object of the lab that the client talks to.
[[nodiscard]] api::Object running_lab(Client& client);

/// What there is to change so that a running lab is as `wanted` says: nothing, or its proxy mode.
/// Throws UsageError for all else: nodes, ranges and CNI are for as long as the lab.
[[nodiscard]] std::optional<LabDifference>
change_of_lab(const api::Object& running, const api::Object& wanted);

/// Makes that change, which comes behind what may be refused: `up` and `apply` of a file do
/// nothing, or all of it.
void conform_lab(const Context& context, Client& client, const LabDifference& change);

} // namespace labctl::cli
