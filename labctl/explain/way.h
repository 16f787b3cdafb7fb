#pragma once

#include "labctl/api/object.h"
#include "labctl/explain/packet_path.h"
#include "netemu/model/network.h"
#include "services/identity_network.h"

namespace labctl::explain {

/// Adds to each branch of an explanation its "way": which devices a packet passes from the client
/// to where the branch ends, as [{"place", "in", "out", "how"}, ...]. The first branches only,
/// where there are many.
/// `tunnels`: those in userspace, or nullptr; the way says the sender's identity as they do.
void explain_ways(
    api::Json& explanation,
    const netemu::DesiredState& network,
    const RouteNotes& notes = {},
    const services::IdentityNetwork* tunnels = nullptr);

} // namespace labctl::explain
