#pragma once

#include <vector>

#include "labctl/api/object.h"
#include "labctl/explain/packet_path.h"
#include "netemu/model/network.h"
#include "services/identity_network.h"

namespace labctl::explain {

/// The way of each branch of an explanation; where a rule drops or rejects it, to the first node
/// alone. Empty where the network is not known, or a proxy gives up.
using BranchWays = std::vector<std::vector<PathHop>>;

/// Adds to each branch of an explanation its "way": which devices a packet passes from the client
/// to where the branch ends, as [{"place", "in", "out", "how"}, ...]. The first branches only,
/// where there are many; returned are all.
/// `tunnels`: those in userspace, or nullptr; the way says the sender's identity as they do.
BranchWays explain_ways(
    api::Json& explanation,
    const netemu::DesiredState& network,
    const RouteNotes& notes = {},
    const services::IdentityNetwork* tunnels = nullptr);

} // namespace labctl::explain
