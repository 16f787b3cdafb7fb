#include "labctl/compile/packet_path.h"

#include <algorithm>

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
           (route.onlink ? " onlink" : "");
}

/// One walk through the network.
class PathWalk {
public:
    PathWalk(const netemu::DesiredState& network, const PathQuestion& question)
        : network_(network), question_(question), at_(question.from), to_(question.to) {}

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
        hops_.push_back({at_, in_, link->name, route_text(*route)});
        if (!link->up) {
            end(link->name + " is down");
            return;
        }
        const auto next = route->gateway.value_or(to_);
        std::visit([&](const auto& kind) { leave(ns, *link, kind, next); }, link->kind);
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

    /// The pod's own port.
    void leave(
        const NamespaceSpec& /*ns*/,
        const LinkSpec& link,
        const netemu::VethSpec& veth,
        const IpAddress& /*next*/) {
        if (!link.up) {
            end(link.name + " is down");
            return;
        }
        enter(veth.peer_namespace, veth.peer_name);
    }

    void leave(
        const NamespaceSpec& /*ns*/,
        const LinkSpec& link,
        const netemu::VethPeerSpec& /*kind*/,
        const IpAddress& next) {
        for (const auto& [name, ns] : network_.namespaces) {
            for (const auto& outer : ns.links) {
                const auto* veth = std::get_if<netemu::VethSpec>(&outer.kind);
                if (veth == nullptr || veth->peer_namespace != at_ ||
                    veth->peer_name != link.name) {
                    continue;
                }
                if (!outer.up) {
                    end("its cable is cut: " + outer.name + " of " + name + " is down");
                    return;
                }
                enter(name, outer.name);
                if (!outer.master.empty() && !holds(ns, next)) {
                    switch_on(ns, outer.master, next);
                }
                return;
            }
        }
        end("the other end of " + link.name + " is nowhere");
    }

    void leave(
        const NamespaceSpec& ns,
        const LinkSpec& bridge,
        const netemu::BridgeSpec& /*kind*/,
        const IpAddress& next) {
        if (const auto* port = port_to(ns, bridge.name, next)) {
            hops_.back().out += " " + port->name;
            enter_port(*port);
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
        constexpr std::uint16_t kPort = 6081; // RFC 8926, section 3.3
        hops_.back().how += "; Geneve " + std::to_string(question_.tunnels->vni) + ", identity " +
                            std::to_string(question_.identity) + ", " + self->local.to_string() +
                            " > " + peer->local.to_string() + " UDP " + std::to_string(kPort) +
                            " by " + std::string(kTunnelCarrier) + ", in userspace";
        enter(peer->ns_name, peer->link);
    }

    static bool has_address(const services::IdentityNode& node, const IpAddress& address) {
        return std::any_of(
                   node.ranges.begin(),
                   node.ranges.end(),
                   [&](const IpPrefix& range) { return range.contains(address); }) ||
               std::find(node.addresses.begin(), node.addresses.end(), address) !=
                   node.addresses.end();
    }

    // --- switches

    const LinkSpec*
    port_to(const NamespaceSpec& ns, const std::string& bridge, const IpAddress& next) const {
        for (const auto& port : ns.links) {
            const auto* veth = std::get_if<netemu::VethSpec>(&port.kind);
            if (veth == nullptr || port.master != bridge) {
                continue;
            }
            const auto peer = network_.namespaces.find(veth->peer_namespace);
            if (peer != network_.namespaces.end() && holds(peer->second, next)) {
                return &port;
            }
        }
        return nullptr;
    }

    void switch_on(const NamespaceSpec& ns, const std::string& bridge, const IpAddress& next) {
        const auto* port = port_to(ns, bridge, next);
        if (port == nullptr) { // whoever translates an address may answer for it, too
            const auto found =
                std::find_if(ns.links.begin(), ns.links.end(), [&](const LinkSpec& each) {
                    const auto* veth = std::get_if<netemu::VethSpec>(&each.kind);
                    return veth != nullptr && each.master == bridge &&
                           veth->peer_namespace == question_.translated_in;
                });
            port = found == ns.links.end() ? nullptr : &*found;
        }
        if (port == nullptr) {
            end("nobody on " + bridge + " has " + next.to_string());
            return;
        }
        hops_.push_back({at_, in_, port->name, "switched by " + bridge});
        enter_port(*port);
    }

    void enter_port(const LinkSpec& port) {
        if (!port.up) {
            end(port.name + " is down");
            return;
        }
        const auto& veth = std::get<netemu::VethSpec>(port.kind);
        enter(veth.peer_namespace, veth.peer_name);
    }

    const netemu::DesiredState& network_;
    const PathQuestion& question_;
    std::string at_;
    std::string in_;
    IpAddress to_;
    std::vector<PathHop> hops_;
};

} // namespace

std::vector<PathHop>
packet_path(const netemu::DesiredState& network, const PathQuestion& question) {
    return PathWalk(network, question).run();
}

} // namespace labctl::compile
