#include "labctl/compile/packet_path.h"

#include <algorithm>
#include <functional>

#include "labctl/compile/cni_overlay.h"
#include "labctl/compile/network.h"
#include "labctl/compile/vlan_path.h"
#include "netemu/model/cable.h"
#include "netemu/model/route_protocol.h"

namespace labctl::compile {

namespace {

using netemu::IpAddress;
using netemu::IpPrefix;
using netemu::LinkSpec;
using netemu::NamespaceSpec;
using netemu::RouteSpec;

constexpr std::size_t kPathHopsMax = 32;
constexpr std::string_view kTunnelCarrier = "eth0";

bool holds(const NamespaceSpec& ns, const IpAddress& address) {
    return std::any_of(ns.links.begin(), ns.links.end(), [&](const LinkSpec& link) {
        return std::any_of(link.addresses.begin(), link.addresses.end(), [&](const IpPrefix& each) {
            return each.address == address;
        });
    });
}

const LinkSpec* link_named(const NamespaceSpec& ns, const std::string& name) {
    const auto found = std::find_if(
        ns.links.begin(), ns.links.end(), [&](const LinkSpec& each) { return each.name == name; });
    return found == ns.links.end() ? nullptr : &*found;
}

/// The longest match among the routes and what interface addresses are on-link.
std::optional<RouteSpec> route_to(const NamespaceSpec& ns, const IpAddress& to) {
    std::optional<RouteSpec> best;
    const auto offer = [&](const RouteSpec& route) {
        if (route.destination.contains(to) &&
            (!best || route.destination.length > best->destination.length)) {
            best = route;
        }
    };
    for (const auto& link : ns.links) {
        for (const auto& address : link.addresses) {
            if (link.up) {
                offer({address.network(), {}, link.name, false});
            }
        }
    }
    for (const auto& route : ns.routes) {
        offer(route);
    }
    return best;
}

std::string route_text(const RouteSpec& route) {
    auto text = route.is_blackhole() ? std::string("blackhole ") : std::string();
    text += route.destination.length == 0 ? "default" : route.destination.to_string();
    if (route.gateway) {
        text += " via " + route.gateway->to_string();
    }
    return text + (route.is_blackhole() ? "" : " dev " + route.link) +
           (route.encap ? " encap id " + std::to_string(route.encap->id) + " dst " +
                              route.encap->remote.to_string()
                        : "") +
           (route.onlink ? " onlink" : "") +
           (route.more.empty()
                ? ""
                : " (one of " + std::to_string(route.more.size() + 1) + " equal ways)");
}

/// One walk through the network.
class PathWalk {
public:
    PathWalk(
        const netemu::DesiredState& network, const PathQuestion& question, const RouteNotes& notes)
        : network_(network), question_(question), notes_(notes), at_(question.from),
          to_(question.to) {}

    std::vector<PathHop> run() {
        while (!at_.empty() && hops_.size() < kPathHopsMax) {
            const auto found = network_.namespaces.find(at_);
            if (found == network_.namespaces.end()) {
                break;
            }
            if (at_ == question_.translated_in) {
                to_ = question_.translated;
            }
            step(found->second);
        }
        return std::move(hops_);
    }

private:
    /// A link, in the namespace that has it.
    struct Placed {
        std::string ns;
        const LinkSpec* link = nullptr;
    };

    void step(const NamespaceSpec& ns) {
        if (holds(ns, to_)) {
            end("arrives");
            return;
        }
        const auto route = route_to(ns, to_);
        const auto* link = route ? link_named(ns, route->link) : nullptr;
        if (link == nullptr) {
            end(route && route->is_blackhole() ? route_text(*route) : "no route");
            return;
        }
        hops_.push_back({at_, in_, link->name, route_text(*route) + note_of(*route)});
        tag_ = 0;
        if (!link->up) {
            end(link->name + " is down");
            return;
        }
        const auto next = route->gateway.value_or(to_);
        std::visit([&](const auto& kind) { leave(ns, *link, kind, next); }, link->kind);
    }

    [[nodiscard]] std::string note_of(const RouteSpec& route) const {
        const auto note = notes_.find({at_, route.destination});
        return note == notes_.end() || route.protocol != netemu::kRouteByBird ? std::string()
                                                                              : ", " + note->second;
    }

    void end(const std::string& how) {
        if (!hops_.empty() && hops_.back().ns == at_ && hops_.back().in == in_) {
            hops_.back().how += ", " + how;
        } else {
            hops_.push_back({at_, in_, {}, how});
        }
        at_.clear();
    }

    void enter(const std::string& ns, const std::string& link) {
        at_ = ns;
        in_ = link;
    }

    // --- by kind of the link that it leaves by

    void leave(
        const NamespaceSpec& /*ns*/,
        const LinkSpec& /*link*/,
        const netemu::LoopbackSpec& /*kind*/,
        const IpAddress& /*next*/) {
        end("lo leads nowhere else");
    }

    void leave(
        const NamespaceSpec& /*ns*/,
        const LinkSpec& link,
        const netemu::DummySpec& /*kind*/,
        const IpAddress& /*next*/) {
        end(link.name + " leads nowhere");
    }

    void leave(
        const NamespaceSpec& /*ns*/,
        const LinkSpec& link,
        const netemu::VethSpec& /*kind*/,
        const IpAddress& next) {
        cross(link, next);
    }

    void leave(
        const NamespaceSpec& /*ns*/,
        const LinkSpec& link,
        const netemu::VethPeerSpec& /*kind*/,
        const IpAddress& next) {
        cross(link, next);
    }

    void leave(
        const NamespaceSpec& /*ns*/,
        const LinkSpec& link,
        const netemu::TapSpec& /*kind*/,
        const IpAddress& next) {
        cross(link, next);
    }

    void leave(
        const NamespaceSpec& ns,
        const LinkSpec& /*link*/,
        const netemu::VlanSpec& vlan,
        const IpAddress& next) {
        const auto* parent = link_named(ns, vlan.parent);
        if (parent == nullptr || !parent->up) {
            end(vlan.parent + " is down");
            return;
        }
        hops_.back().how += "; VLAN " + std::to_string(vlan.id) + " on " + parent->name;
        tag_ = vlan.id;
        cross(*parent, next);
    }

    void leave(
        const NamespaceSpec& ns,
        const LinkSpec& bridge,
        const netemu::BridgeSpec& /*kind*/,
        const IpAddress& next) {
        const auto* port = port_to(ns, {at_, &bridge}, 0, [&](const std::string&, const auto& far) {
            return holds(far, next);
        });
        if (port != nullptr) {
            hops_.back().out += " " + port->name;
            enter_port(*port, next);
        } else {
            end("nobody on " + bridge.name + " has " + next.to_string());
        }
    }

    void leave(
        const NamespaceSpec& ns,
        const LinkSpec& link,
        const netemu::VxlanSpec& vxlan,
        const IpAddress& next) {
        const auto neighbour = std::find_if(
            ns.neighbours.begin(), ns.neighbours.end(), [&](const netemu::NeighbourSpec& each) {
                return each.address == next && each.link == link.name;
            });
        const auto entry = std::find_if(ns.fdb.begin(), ns.fdb.end(), [&](const auto& each) {
            return neighbour != ns.neighbours.end() && each.mac == neighbour->mac &&
                   each.link == link.name;
        });
        if (entry == ns.fdb.end()) {
            end("no node is known behind " + next.to_string());
            return;
        }
        hops_.back().how += "; VXLAN " + std::to_string(vxlan.vni) + ", " +
                            vxlan.local.to_string() + " > " + entry->remote.to_string() + " UDP " +
                            std::to_string(vxlan.port) + " by " + vxlan.underlay;
        if (!carry(entry->remote)) {
            return;
        }
        for (const auto& [name, peer] : network_.namespaces) {
            for (const auto& device : peer.links) {
                const auto* other = std::get_if<netemu::VxlanSpec>(&device.kind);
                if (other != nullptr && other->local == entry->remote && other->vni == vxlan.vni) {
                    enter(name, device.name);
                    return;
                }
            }
        }
        end("no tunnel ends at " + entry->remote.to_string());
    }

    /// Where to is said by the route.
    void leave(
        const NamespaceSpec& ns,
        const LinkSpec& link,
        const netemu::ExternalTunnelSpec& tunnel,
        const IpAddress& next) {
        const auto route = route_to(ns, to_);
        if (!route || !route->encap) {
            end("no node is known behind " + next.to_string());
            return;
        }
        const auto& remote = route->encap->remote;
        const bool vxlan = tunnel.protocol == netemu::ExternalTunnelSpec::Protocol::Vxlan;
        hops_.back().how += std::string("; ") + (vxlan ? "VXLAN " : "Geneve ") +
                            std::to_string(route->encap->id) + ", " + source_to(ns, remote) +
                            " > " + remote.to_string() + " UDP " + std::to_string(tunnel.port) +
                            " by " + std::string(kTunnelCarrier);
        if (!carry(remote)) {
            return;
        }
        for (const auto& [name, peer] : network_.namespaces) {
            const auto* device = holds(peer, remote) ? link_named(peer, link.name) : nullptr;
            if (device != nullptr && device->kind == link.kind) {
                enter(name, device->name);
                return;
            }
        }
        end("no tunnel ends at " + remote.to_string());
    }

    void leave(
        const NamespaceSpec& /*ns*/,
        const LinkSpec& link,
        const netemu::IpipSpec& ipip,
        const IpAddress& next) {
        hops_.back().how += "; IP in IP, " + ipip.local.to_string() + " > " + next.to_string() +
                            " by " + std::string(kTunnelCarrier);
        if (!carry(next)) {
            return;
        }
        for (const auto& [name, peer] : network_.namespaces) {
            if (holds(peer, next) && link_named(peer, link.name) != nullptr) {
                enter(name, link.name);
                return;
            }
        }
        end("no tunnel ends at " + next.to_string());
    }

    /// Where to is said by the addresses that each peer may have.
    void leave(
        const NamespaceSpec& ns,
        const LinkSpec& link,
        const netemu::WireguardSpec& wireguard,
        const IpAddress& /*next*/) {
        const auto peer =
            std::find_if(wireguard.peers.begin(), wireguard.peers.end(), [&](const auto& each) {
                return std::any_of(
                    each.allowed.begin(), each.allowed.end(), [&](const IpPrefix& range) {
                        return range.contains(to_);
                    });
            });
        if (peer == wireguard.peers.end()) {
            end("no peer of " + link.name + " may have " + to_.to_string());
            return;
        }
        const auto far = end_of(*peer);
        const auto& remote = peer->endpoint.address;
        hops_.back().how += "; encrypted by WireGuard for " +
                            (far.link == nullptr ? "nobody" : far.ns) + ", " +
                            source_to(ns, remote) + " > " + remote.to_string() + " UDP " +
                            std::to_string(peer->endpoint.port) + " by " +
                            std::string(kTunnelCarrier) + ", MTU " + std::to_string(link.mtu);
        if (!carry(remote)) {
            return;
        }
        if (far.link == nullptr) {
            end("no device has the key of the peer");
            return;
        }
        enter(far.ns, far.link->name);
    }

    /// The device that has the key of that peer, at its endpoint.
    [[nodiscard]] Placed end_of(const netemu::WireguardPeer& peer) const {
        for (const auto& [name, ns] : network_.namespaces) {
            for (const auto& link : ns.links) {
                const auto* device = std::get_if<netemu::WireguardSpec>(&link.kind);
                if (device != nullptr && device->key == peer.key &&
                    holds(ns, peer.endpoint.address)) {
                    return {name, &link};
                }
            }
        }
        return {};
    }

    /// The address of the link that carries tunnels, of the family of `remote`.
    static std::string source_to(const NamespaceSpec& ns, const IpAddress& remote) {
        const auto* carrier = link_named(ns, std::string(kTunnelCarrier));
        for (const auto& address :
             carrier == nullptr ? std::vector<IpPrefix>{} : carrier->addresses) {
            if (address.address.family() == remote.family()) {
                return address.address.to_string();
            }
        }
        return "?";
    }

    /// A TUN device leads to whoever reads it.
    void leave(
        const NamespaceSpec& /*ns*/,
        const LinkSpec& link,
        const netemu::TunSpec& /*kind*/,
        const IpAddress& next) {
        const services::IdentityNode* self = nullptr;
        const services::IdentityNode* peer = nullptr;
        if (question_.tunnels != nullptr) {
            for (const auto& node : question_.tunnels->nodes) {
                const bool here = node.ns_name == at_ && node.link == link.name;
                self = here ? &node : self;
                peer = !here && has_address(node, next) ? &node : peer;
            }
        }
        if (self == nullptr || peer == nullptr) {
            end("no node is known behind " + next.to_string());
            return;
        }
        hops_.back().how += "; " + in_userspace(*self, *peer) + " by " +
                            std::string(kTunnelCarrier) + ", in userspace";
        if (carry(peer->local)) {
            enter(peer->ns_name, peer->link);
        }
    }

    [[nodiscard]] std::string
    in_userspace(const services::IdentityNode& self, const services::IdentityNode& peer) const {
        const auto way = self.local.to_string() + " > " + peer.local.to_string() + " UDP ";
        if (question_.tunnels->format == services::TunnelFormat::Sleeve) {
            return "Sleeve, peer " + self.peer_name.to_string() + " to " +
                   peer.peer_name.to_string() + ", " + way + std::to_string(kSleevePort);
        }
        return "Geneve " + std::to_string(question_.tunnels->vni) + ", identity " +
               std::to_string(question_.identity) + ", " + way + std::to_string(kGenevePort);
    }

    static bool has_address(const services::IdentityNode& node, const IpAddress& address) {
        return std::any_of(
                   node.ranges.begin(),
                   node.ranges.end(),
                   [&](const IpPrefix& range) { return range.contains(address); }) ||
               std::find(node.addresses.begin(), node.addresses.end(), address) !=
                   node.addresses.end();
    }

    /// The way of the outer packet over a topology. False where it goes no further.
    bool carry(const IpAddress& remote) {
        if (network_.namespaces.contains(kUnderlayNamespace)) {
            return true; // one switch: nothing to tell
        }
        auto outer = PathWalk(network_, {at_, remote, {}, {}}, notes_).run();
        const bool arrives =
            !outer.empty() && outer.back().out.empty() && outer.back().how == "arrives";
        for (std::size_t i = 1; i + (arrives ? 1 : 0) < outer.size(); ++i) {
            outer[i].how += " (outer packet)";
            hops_.push_back(std::move(outer[i]));
        }
        if (!arrives) {
            at_.clear();
        }
        return arrives;
    }

    // --- cables and switches

    /// The other end of a cable; no link where there is none.
    [[nodiscard]] Placed far_end(const Placed& near) const {
        if (const auto end = netemu::cable_peer(near.link->kind)) {
            const auto peer = network_.namespaces.find(end->ns);
            return {
                end->ns,
                peer == network_.namespaces.end() ? nullptr : link_named(peer->second, end->link)};
        }
        for (const auto& [name, ns] : network_.namespaces) {
            for (const auto& outer : ns.links) {
                const auto end = netemu::cable_peer(outer.kind);
                if (end && end->ns == near.ns && end->link == near.link->name) {
                    return {name, &outer};
                }
            }
        }
        return {};
    }

    void cross(const LinkSpec& link, const IpAddress& next) {
        if (link.impairment.any()) {
            hops_.back().how += " [link: " + netemu::to_text(link.impairment) + "]";
        }
        const auto far = far_end({at_, &link});
        if (far.link == nullptr) {
            end("the other end of " + link.name + " is nowhere");
            return;
        }
        if (!far.link->up) {
            end("its cable is cut: " + far.link->name + " of " + far.ns + " is down");
            return;
        }
        enter(far.ns, far.link->name);
        const auto& ns = network_.namespaces.at(far.ns);
        if (!far.link->master.empty()) {
            if (!holds(ns, next)) {
                switch_on(ns, *far.link, next);
            }
            return;
        }
        const auto* taker = taker_of(ns, *far.link, tag_);
        if (taker == nullptr) {
            end("nobody takes what is of VLAN " + std::to_string(tag_) + " from " + far.link->name);
            return;
        }
        in_ = taker->name;
    }

    using Wanted = std::function<bool(const std::string& name, const NamespaceSpec& ns)>;

    /// The port of a bridge that leads to who is wanted, over other switches too. `from` is the
    /// port that the packet came in by, or the bridge itself; `tag` is the packet's.
    [[nodiscard]] const LinkSpec*
    port_to(const NamespaceSpec& ns, const Placed& from, std::uint16_t tag, const Wanted& wanted)
        const {
        const auto network = vlan_at_port(ns, *from.link, tag);
        if (!network) {
            return nullptr;
        }
        const auto& bridge = from.link->master.empty() ? from.link->name : from.link->master;
        for (const auto& port : ns.links) {
            if (port.master != bridge || &port == from.link) {
                continue;
            }
            const auto far = far_end({from.ns, &port});
            const auto out = tag_at_port(ns, port, *network);
            if (far.link == nullptr || !out) {
                continue;
            }
            const auto& there = network_.namespaces.at(far.ns);
            const bool leads =
                far.link->master.empty()
                    ? taker_of(there, *far.link, *out) != nullptr && wanted(far.ns, there)
                    : port_to(there, far, *out, wanted) != nullptr;
            if (leads) {
                return &port;
            }
        }
        return nullptr;
    }

    void switch_on(const NamespaceSpec& ns, const LinkSpec& in, const IpAddress& next) {
        const Placed from{at_, &in};
        const auto network = vlan_at_port(ns, in, tag_);
        if (!network) {
            end("the port " + in.name + " is not in " +
                (tag_ == 0 ? "any VLAN without tags" : "VLAN " + std::to_string(tag_)));
            return;
        }
        const auto* port = port_to(
            ns, from, tag_, [&](const std::string&, const auto& far) { return holds(far, next); });
        if (port == nullptr) { // whoever translates an address may answer for it, too
            port = port_to(ns, from, tag_, [&](const std::string& name, const auto&) {
                return name == question_.translated_in;
            });
        }
        const auto where = *network == 0 ? "" : " in VLAN " + std::to_string(*network);
        if (port == nullptr) {
            end("nobody on " + in.master + where + " has " + next.to_string());
            return;
        }
        hops_.push_back({at_, in_, port->name, "switched by " + in.master + where});
        tag_ = *tag_at_port(ns, *port, *network);
        enter_port(*port, next);
    }

    void enter_port(const LinkSpec& port, const IpAddress& next) {
        if (!port.up) {
            end(port.name + " is down");
            return;
        }
        cross(port, next);
    }

    const netemu::DesiredState& network_;
    const PathQuestion& question_;
    const RouteNotes& notes_;
    std::string at_;
    std::string in_;
    std::uint16_t tag_ = 0; // of the frame that is on its way; 0: none
    IpAddress to_;
    std::vector<PathHop> hops_;
};

} // namespace

std::vector<PathHop> packet_path(
    const netemu::DesiredState& network, const PathQuestion& question, const RouteNotes& notes) {
    return PathWalk(network, question, notes).run();
}

} // namespace labctl::compile
