#pragma once

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "netemu/model/network.h"
#include "services/identity_network.h"

/// Which devices a packet passes, found as the kernel finds them: by the addresses, routes,
/// neighbours and forwarding entries of the wanted network. It knows no CNI profile.
namespace labctl::explain {

struct PathHop {
    std::string ns;  // "pod/default/a", "node/node-1", "underlay", "external"
    std::string in;  // interface that the packet comes in by; empty where it begins
    std::string out; // interface that it leaves by; empty where it ends
    std::string how; // the route, the switch or the tunnel; or why it goes no further
};

/// The question: from a namespace to an address, which the rules of one node make another one.
struct PathQuestion {
    std::string from;             // namespace
    netemu::IpAddress to;         // what the client calls
    std::string translated_in;    // namespace whose rules replace it; empty: nobody does
    netemu::IpAddress translated; // by this
    /// Where tunnels in userspace lead; nullptr: there are none. And what they say of the sender.
    const services::IdentityNetwork* tunnels = nullptr;
    std::uint32_t identity = 0;
};

/// What to say of routes, by namespace and destination.
using RouteNotes = std::map<std::pair<std::string, netemu::IpPrefix>, std::string>;

/// Ends where the packet arrives, or where nothing leads on.
[[nodiscard]] std::vector<PathHop> packet_path(
    const netemu::DesiredState& network,
    const PathQuestion& question,
    const RouteNotes& notes = {});

} // namespace labctl::explain
