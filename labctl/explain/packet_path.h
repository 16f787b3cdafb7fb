#pragma once

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "netemu/model/network.h"
#include "services/identity_network.h"

/// Which devices a packet passes and whose address it bears, found as the kernel finds them: by the
/// addresses, routes, neighbours, forwarding entries and translated sources of the wanted network.
/// It knows no CNI profile.
namespace labctl::explain {

struct PathHop {
    std::string ns;  // "pod/default/a", "node/node-1", "underlay", "external"
    std::string in;  // interface that the packet comes in by; empty where it begins
    std::string out; // interface that it leaves by; empty where it ends
    std::string how; // the route, the switch or the tunnel; or why it goes no further
    /// Both as the rules on forwarding see them: the destination that rules here have made of it,
    /// and the source before they make another one of it.
    netemu::IpAddress source{};
    netemu::IpAddress destination{};
    bool forwarded = false;   // passed on, and so seen by these rules; else it begins or ends here
    bool masqueraded = false; // leaves with an address of this namespace
};

/// The question: from a namespace to an address, which the rules of one node make another one.
struct PathQuestion {
    std::string from;             // namespace
    netemu::IpAddress to;         // what the client calls
    std::string translated_in;    // namespace whose rules replace it; empty: nobody does
    netemu::IpAddress translated; // by this
    /// The sender's; none: one of the namespace, by the route that leads on.
    std::optional<netemu::IpAddress> source{};
    bool masquerades = false; // the rules that translate take the sender's address, too
    bool relays = false;      // they lead to a proxy there, which makes a connection of its own
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
