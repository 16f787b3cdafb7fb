#pragma once

#include "labctl/api/object.h"
#include "labctl/cli/context.h"

namespace labctl::cli {

class Client;

/// The Lab object of the lab that the client talks to.
[[nodiscard]] api::Object running_lab(Client& client);

/// Makes a running lab what `wanted` says as far as that can be: changes the proxy mode. Throws
/// UsageError, before anything is changed, if it cannot: nodes, ranges and CNI are for as long as
/// the lab.
void conform_lab(const Context& context, Client& client, const api::Object& wanted);

} // namespace labctl::cli
