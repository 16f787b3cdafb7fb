#include "labctl/explain/packet_path.h"

#include <algorithm>

#include "labctl/compile/network.h"
#include "labctl/explain/path_cable.h"
#include "labctl/explain/path_route.h"
#include "labctl/explain/path_source.h"
#include "labctl/explain/path_tunnel.h"
#include "labctl/explain/path_vlan.h"
#include "netemu/model/route_protocol.h"

namespace labctl::explain {

namespace {

using netemu::IpAddress;
using netemu::LinkSpec;
using netemu::NamespaceSpec;
using netemu::RouteSpec;

constexpr std::size_t kPathHopsMax = 32;

/// How a packet leaves a namespace.
struct Leaving {
    const NamespaceSpec& ns;
    const LinkSpec& link;
    IpAddress next; // the gateway of its route, or else its destination
};

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
            const auto& ns = found->second;
            if (hops_.empty()) {
                source_ = question_.source ? *question_.source : source_to(ns, to_);
            }
            relays_ = false;
            if (at_ == question_.translated_in) {
                to_ = question_.translated;
                relays_ = question_.relays;
                source_ = relays_ ? source_to(ns, to_) : source_;
            }
            step(ns);
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
        add_hop(link->name, route_text(*route) + note_of(*route));
        hops_.back().forwarded = !in_.empty() && !relays_;
        translate_source(ns, *route, *link);
        tag_ = 0;
        if (!link->up) {
            end(link->name + " is down");
            return;
        }
        const Leaving from{ns, *link, route->gateway.value_or(to_)};
        std::visit([&](const auto& kind) { leave(from, kind); }, link->kind);
    }

    void add_hop(const std::string& out, const std::string& how) {
        hops_.push_back({at_, in_, out, how, source_, to_});
    }

    void translate_source(const NamespaceSpec& ns, const RouteSpec& route, const LinkSpec& link) {
        const bool by_service = at_ == question_.translated_in && question_.masquerades;
        if (!relays_ && (by_service || masquerades(ns, {source_, to_, in_, link.name}))) {
            source_ = source_by(ns, link, route.gateway.value_or(to_)).value_or(source_);
            hops_.back().masqueraded = true;
            hops_.back().how += "; the source becomes " + source_.to_string();
        }
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
            add_hop({}, how);
        }
        at_.clear();
    }

    void enter(const std::string& ns, const std::string& link) {
        at_ = ns;
        in_ = link;
    }

    // --- by kind of the link that it leaves by

    void leave(const Leaving& /*from*/, const netemu::LoopbackSpec& /*kind*/) {
        end("lo leads nowhere else");
    }

    void leave(const Leaving& from, const netemu::DummySpec& /*kind*/) {
        end(from.link.name + " leads nowhere");
    }

    void leave(const Leaving& from, const netemu::VethSpec& /*kind*/) {
        cross(from.link, from.next);
    }

    void leave(const Leaving& from, const netemu::VethPeerSpec& /*kind*/) {
        cross(from.link, from.next);
    }

    void leave(const Leaving& from, const netemu::TapSpec& /*kind*/) {
        cross(from.link, from.next);
    }

    void leave(const Leaving& from, const netemu::VlanSpec& vlan) {
        const auto* parent = link_named(from.ns, vlan.parent);
        if (parent == nullptr || !parent->up) {
            end(vlan.parent + " is down");
            return;
        }
        hops_.back().how += "; VLAN " + std::to_string(vlan.id) + " on " + parent->name;
        tag_ = vlan.id;
        cross(*parent, from.next);
    }

    void leave(const Leaving& from, const netemu::BridgeSpec& /*kind*/) {
        const auto* port = port_of(from.link, from.next);
        if (port != nullptr) {
            hops_.back().out += " " + port->name;
            enter_port(*port, from.next);
        } else {
            end("nobody on " + from.link.name + " has " + from.next.to_string());
        }
    }

    /// Every other kind is a tunnel.
    template <class Tunnel>
    void leave(const Leaving& from, const Tunnel& tunnel) {
        const auto way = tunnel_way(
            {network_,
             at_,
             from.ns,
             from.link,
             to_,
             from.next,
             question_.tunnels,
             question_.identity},
            tunnel);
        if (way.how.empty()) {
            end(way.failure);
            return;
        }
        hops_.back().how += "; " + way.how;
        if (!carry(way.remote)) {
            return;
        }
        if (way.ns.empty()) {
            end(way.failure);
            return;
        }
        enter(way.ns, way.link);
    }

    /// The way of the outer packet over a topology. False where it goes no further.
    bool carry(const IpAddress& remote) {
        if (network_.namespaces.contains(compile::kUnderlayNamespace)) {
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

    void cross(const LinkSpec& link, const IpAddress& next) {
        if (link.impairment.any()) {
            hops_.back().how += " [link: " + netemu::to_text(link.impairment) + "]";
        }
        const auto far = far_end(network_, {at_, &link});
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

    /// The port by which a frame that came in by `in` gets to who has that address.
    [[nodiscard]] const LinkSpec* port_of(const LinkSpec& in, const IpAddress& next) const {
        return port_to(
            network_, {{at_, &in}, tag_}, [&](const std::string& /*name*/, const auto& far) {
                return holds(far, next);
            });
    }

    void switch_on(const NamespaceSpec& ns, const LinkSpec& in, const IpAddress& next) {
        const auto network = vlan_at_port(ns, in, tag_);
        if (!network) {
            end("the port " + in.name + " is not in " +
                (tag_ == 0 ? "any VLAN without tags" : "VLAN " + std::to_string(tag_)));
            return;
        }
        const auto* port = port_of(in, next);
        if (port == nullptr) { // whoever translates an address may answer for it, too
            port = port_to(
                network_, {{at_, &in}, tag_}, [&](const std::string& name, const auto& /*far*/) {
                    return name == question_.translated_in;
                });
        }
        const auto where = *network == 0 ? "" : " in VLAN " + std::to_string(*network);
        if (port == nullptr) {
            end("nobody on " + in.master + where + " has " + next.to_string());
            return;
        }
        tag_ = *tag_at_port(ns, *port, *network);
        add_hop(
            port->name, "switched by " + in.master + where + (tag_ == 0 ? "" : ", with its tag"));
        hops_.back().forwarded = true;
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
    IpAddress source_;
    bool relays_ = false; // where it is, a proxy sends what goes on
    std::vector<PathHop> hops_;
};

} // namespace

std::vector<PathHop> packet_path(
    const netemu::DesiredState& network, const PathQuestion& question, const RouteNotes& notes) {
    return PathWalk(network, question, notes).run();
}

} // namespace labctl::explain
