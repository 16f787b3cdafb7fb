#include <algorithm>
#include <deque>

#include "labctl/compile/topology_draft.h"

/// Which way a packet goes: the shortest, counted in routers; by all of them where several are
/// equally short (ECMP, RFC 2992).
namespace labctl::compile {

namespace {

using api::Json;
using api::string_at;
using netemu::IpAddress;
using netemu::IpPrefix;
using netemu::NextHop;
using netemu::RouteSpec;

IpPrefix everywhere(netemu::Family family) {
    return {family == netemu::Family::V4 ? IpAddress::v4(0) : *IpAddress::parse("::"), 0};
}

const IpAddress* own_address(const TopologyInterface& interface, netemu::Family family) {
    for (const auto& prefix : interface.addresses) {
        if (prefix.address.family() == family) {
            return &prefix.address;
        }
    }
    return nullptr;
}

class Routing {
public:
    Routing(const TopologyDraft& draft, Topology& topology, TopologyProblems& problems)
        : draft_(draft), topology_(topology), problems_(problems) {}

    void run() {
        topology_.routed = draft_.routed;
        for (std::size_t i = 0; i < topology_.devices.size(); ++i) {
            read_nat(draft_.devices[i], topology_.devices[i]);
        }
        problems_.finish();
        for (std::size_t i = 0; i < topology_.segments.size(); ++i) {
            topology_.distances.push_back(distances_to(i));
        }
        for (std::size_t i = 0; i < topology_.devices.size(); ++i) {
            auto& device = topology_.devices[i];
            if (draft_.routed && device.has_addresses()) {
                device.kind == DeviceKind::Router ? route_router(device) : route_host(device);
            }
            add_written(draft_.devices[i], device);
        }
    }

private:
    // --- nat

    /// true: what leaves by its first interface; or the name of an interface or of what is there.
    void read_nat(const DraftDevice& draft, TopologyDevice& device) {
        if (draft.nat.is_null() || draft.nat == false) {
            return;
        }
        const auto wanted = draft.nat.is_string() ? draft.nat.get<std::string>() : std::string();
        const auto number = static_cast<std::size_t>(&device - topology_.devices.data());
        for (std::size_t i = 0; i < device.interfaces.size(); ++i) {
            const auto& peer = topology_.devices[topology_.other_end({number, i}).device];
            const bool bare =
                device.interfaces[i].segment == TopologyInterface::kNoSegment; // networks alone
            if (!bare &&
                (draft.nat == true || device.interfaces[i].name == wanted || peer.name == wanted)) {
                device.nat = i;
                return;
            }
        }
        problems_.add(
            draft.path + ".nat",
            "router '" + draft.name + "' has no interface towards " + draft.nat.dump(),
            "true for its first one, or the name of one, or of what it is linked to");
    }

    // --- distances

    /// A packet may not come in by the interface that hides what is behind it.
    [[nodiscard]] std::vector<std::uint16_t> distances_to(std::size_t segment) const {
        std::vector<std::uint16_t> distances(topology_.devices.size(), Topology::kFarAway);
        std::deque<std::size_t> next;
        for (const auto& member : topology_.segments[segment].members) {
            if (topology_.devices[member.device].kind == DeviceKind::Router) {
                distances[member.device] = 0;
                next.push_back(member.device);
            }
        }
        for (; !next.empty(); next.pop_front()) {
            for (const auto router : routers_beside(topology_.devices[next.front()])) {
                if (distances[router] == Topology::kFarAway) {
                    distances[router] = static_cast<std::uint16_t>(distances[next.front()] + 1);
                    next.push_back(router);
                }
            }
        }
        return distances;
    }

    /// Those that reach a router by a segment that it does not hide things from; itself, too.
    [[nodiscard]] std::vector<std::size_t> routers_beside(const TopologyDevice& device) const {
        std::vector<std::size_t> routers;
        for (std::size_t i = 0; i < device.interfaces.size(); ++i) {
            if (device.nat == i || device.interfaces[i].segment == TopologyInterface::kNoSegment) {
                continue;
            }
            for (const auto& each : topology_.segments[device.interfaces[i].segment].members) {
                if (topology_.devices[each.device].kind == DeviceKind::Router) {
                    routers.push_back(each.device);
                }
            }
        }
        return routers;
    }

    // --- computed routes

    [[nodiscard]] const TopologyDevice& outside() const { return topology_.devices.front(); }

    void route_router(TopologyDevice& device) {
        for (const auto& range : draft_.ranges) {
            const auto family = range.address.family();
            for (std::size_t i = 0; i < topology_.segments.size(); ++i) {
                const auto hops = topology_.next_hops(device, i, family);
                if (!hops.empty()) {
                    device.routes.push_back(route_by(range_of(i, family), hops));
                }
            }
            add_way_out(device, family);
        }
    }

    /// What no segment has is for the outside to answer.
    void add_way_out(TopologyDevice& device, netemu::Family family) {
        for (const auto& interface : outside().interfaces) {
            const auto* address = own_address(interface, family);
            if (address == nullptr) {
                continue;
            }
            const auto hops = topology_.next_hops(device, *address);
            if (!hops.empty()) {
                device.routes.push_back(route_by(everywhere(family), hops));
                return;
            }
        }
    }

    /// A default route by the gateway that most ways have in common, and the others one by one.
    void route_host(TopologyDevice& device) {
        for (const auto& range : draft_.ranges) {
            const auto family = range.address.family();
            std::vector<std::pair<std::size_t, std::vector<NextHop>>> ways;
            for (std::size_t i = 0; i < topology_.segments.size(); ++i) {
                if (auto hops = topology_.next_hops(device, i, family); !hops.empty()) {
                    ways.emplace_back(i, std::move(hops));
                }
            }
            const auto common = commonest(ways);
            for (const auto& [segment, hops] : ways) {
                if (hops != common) {
                    device.routes.push_back(route_by(range_of(segment, family), hops));
                }
            }
            if (!common.empty()) {
                device.routes.push_back(route_by(everywhere(family), common));
            } else {
                add_default(device, family);
            }
        }
    }

    static std::vector<NextHop>
    commonest(const std::vector<std::pair<std::size_t, std::vector<NextHop>>>& ways) {
        std::vector<NextHop> best;
        std::ptrdiff_t most = 0;
        for (const auto& [segment, hops] : ways) {
            const auto count =
                std::count_if(ways.begin(), ways.end(), [&hops = hops](const auto& each) {
                    return each.second == hops;
                });
            if (count > most) {
                most = count;
                best = hops;
            }
        }
        return best;
    }

    /// On the only segment there is: a router, or else the outside, whose own way in is by the
    /// first node (as on the default segment).
    void add_default(TopologyDevice& device, netemu::Family family) {
        const auto number = static_cast<std::size_t>(&device - topology_.devices.data());
        const auto other =
            device.kind == DeviceKind::External ? DeviceKind::Node : DeviceKind::External;
        for (const auto kind : {DeviceKind::Router, other}) {
            for (const auto& interface : device.interfaces) {
                if (const auto* gateway = gateway_on(interface.segment, number, kind, family)) {
                    device.routes.push_back(
                        route_by(everywhere(family), {{*gateway, interface.name}}));
                    return;
                }
            }
        }
    }

    /// The first address on a segment of another device of a kind, or null.
    [[nodiscard]] const IpAddress* gateway_on(
        std::size_t segment, std::size_t but_not, DeviceKind kind, netemu::Family family) const {
        if (segment == TopologyInterface::kNoSegment) {
            return nullptr;
        }
        for (const auto& member : topology_.segments[segment].members) {
            const auto& peer = topology_.devices[member.device];
            const auto* gateway = own_address(topology_.at(member), family);
            if (member.device != but_not && peer.kind == kind && gateway != nullptr &&
                peer.nat != member.interface) {
                return gateway;
            }
        }
        return nullptr;
    }

    [[nodiscard]] const IpPrefix& range_of(std::size_t segment, netemu::Family family) const {
        const auto& ranges = topology_.segments[segment].ranges;
        return *std::find_if(ranges.begin(), ranges.end(), [&](const IpPrefix& each) {
            return each.address.family() == family;
        });
    }

    // --- routes as written

    void add_written(const DraftDevice& draft, TopologyDevice& device) {
        for (std::size_t i = 0; i < draft.routes.size(); ++i) {
            const auto path = draft.path + ".routes[" + std::to_string(i) + "]";
            const auto via = IpAddress::parse(string_at(draft.routes[i], "via"));
            const auto text = string_at(draft.routes[i], "to");
            const auto to =
                text == "default" && via ? everywhere(via->family()) : IpPrefix::parse(text);
            if (!to || to->network() != *to) {
                problems_.add(
                    path + ".to",
                    "'" + text + "' is not a range of addresses",
                    to ? "did you mean " + to->network().to_string() + "?"
                       : "for example 10.0.0.0/8, or default");
            } else if (!via || via->family() != to->address.family()) {
                problems_.add(
                    path + ".via",
                    "'" + string_at(draft.routes[i], "via") +
                        "' is not an address of the family "
                        "of " +
                        text);
            } else {
                add_route(device, *to, *via, path);
            }
        }
    }

    void add_route(
        TopologyDevice& device, const IpPrefix& to, const IpAddress& via, const std::string& path) {
        for (const auto& interface : device.interfaces) {
            const auto& own = interface.addresses;
            const bool beside = std::any_of(own.begin(), own.end(), [&](const IpPrefix& address) {
                return address.contains(via) && address.address != via;
            });
            if (beside) {
                std::erase_if(
                    device.routes, [&](const auto& route) { return route.destination == to; });
                device.routes.push_back(route_by(to, {{via, interface.name}}));
                return;
            }
        }
        problems_.add(
            path + ".via",
            device.name + " is not on a segment with " + via.to_string(),
            "a gateway is a neighbour");
    }

    const TopologyDraft& draft_;
    Topology& topology_;
    TopologyProblems& problems_;
};

} // namespace

void route_topology(const TopologyDraft& draft, Topology& topology, TopologyProblems& problems) {
    Routing(draft, topology, problems).run();
}

} // namespace labctl::compile
