#include "labctl/compile/topology.h"

#include <algorithm>
#include <limits>

#include "labctl/compile/network.h"
#include "labctl/compile/network_view.h"

namespace labctl::compile {

namespace {

using netemu::IpAddress;
using netemu::NextHop;

const IpAddress* address_of_family(const TopologyInterface& interface, netemu::Family family) {
    for (const auto& prefix : interface.addresses) {
        if (prefix.address.family() == family) {
            return &prefix.address;
        }
    }
    return nullptr;
}

/// The links from one interface to another of the same segment, found by walking its switches.
class SegmentWalk {
public:
    SegmentWalk(const Topology& topology, const TopologyEnd& to) : topology_(topology), to_(to) {}

    /// The least MTU on the way, or nothing if there is none.
    [[nodiscard]] std::optional<std::uint32_t>
    least_mtu(const TopologyEnd& from, std::uint32_t so_far) const {
        const auto& link = topology_.links[topology_.at(from).link];
        const auto here = std::min(so_far, link.mtu);
        const auto& other = topology_.other_end(from);
        if (other.device == to_.device && topology_.at(from).link == topology_.at(to_).link) {
            return here;
        }
        const auto& device = topology_.devices[other.device];
        for (std::size_t i = 0; device.kind == DeviceKind::Switch && i < device.interfaces.size();
             ++i) {
            if (i == other.interface) {
                continue;
            }
            if (const auto found = least_mtu({other.device, i}, here)) {
                return found;
            }
        }
        return std::nullopt;
    }

private:
    const Topology& topology_;
    TopologyEnd to_;
};

/// From a device to a segment, along the routers that the routes lead through.
std::uint32_t way_mtu(
    const Topology& topology,
    const TopologyDevice& from,
    const TopologyEnd& to,
    netemu::Family family,
    std::uint32_t so_far) {
    constexpr std::size_t kRoutersMax = 64;
    const auto* at = &from;
    auto least = so_far;
    for (std::size_t passed = 0; passed < kRoutersMax; ++passed) {
        const auto segment = topology.at(to).segment;
        const auto hops = topology.next_hops(*at, segment, family);
        TopologyEnd next = to;
        std::size_t leaving = segment;
        if (!hops.empty()) {
            const auto owner = topology.owner_of(hops.front().gateway);
            if (!owner) {
                return least;
            }
            next = *owner;
            leaving = topology.at(next).segment;
        }
        const auto device = static_cast<std::size_t>(at - topology.devices.data());
        for (std::size_t i = 0; i < at->interfaces.size(); ++i) {
            if (at->interfaces[i].segment == leaving) {
                const SegmentWalk walk(topology, next);
                least = walk.least_mtu({device, i}, least).value_or(least);
            }
        }
        if (next == to) {
            return least;
        }
        at = &topology.devices[next.device];
    }
    return least;
}

} // namespace

const TopologyDevice* Topology::find(DeviceKind kind, std::string_view name) const {
    const auto found = std::find_if(devices.begin(), devices.end(), [&](const auto& each) {
        return each.kind == kind && each.name == name;
    });
    return found == devices.end() ? nullptr : &*found;
}

const TopologyDevice* Topology::find_ns(std::string_view ns) const {
    const auto found = std::find_if(
        devices.begin(), devices.end(), [&](const auto& each) { return each.ns == ns; });
    return found == devices.end() ? nullptr : &*found;
}

const TopologyEnd& Topology::other_end(const TopologyEnd& end) const {
    const auto& ends = links.at(at(end).link).ends;
    return ends[0].device == end.device ? ends[1] : ends[0];
}

std::vector<Topology::Owned> Topology::addresses() const {
    std::vector<Owned> all;
    for (const auto& device : devices) {
        for (const auto& interface : device.interfaces) {
            for (const auto& prefix : interface.addresses) {
                all.push_back({&device, &interface, &prefix});
            }
        }
    }
    return all;
}

std::optional<TopologyEnd> Topology::owner_of(const IpAddress& address) const {
    for (const auto& segment : segments) {
        const auto found =
            std::find_if(segment.members.begin(), segment.members.end(), [&](const auto& member) {
                const auto& own = at(member).addresses;
                return std::any_of(own.begin(), own.end(), [&](const netemu::IpPrefix& prefix) {
                    return prefix.address == address;
                });
            });
        if (found != segment.members.end()) {
            return *found;
        }
    }
    return std::nullopt;
}

std::vector<TopologyEnd> Topology::routers_of(const TopologyEnd& end) const {
    std::vector<TopologyEnd> routers;
    const auto segment = at(end).segment;
    if (segment == TopologyInterface::kNoSegment) {
        return routers;
    }
    for (const auto& member : segments.at(segment).members) {
        const auto& device = devices[member.device];
        if (device.kind == DeviceKind::Router && member.device != end.device &&
            device.nat != member.interface) {
            routers.push_back(member);
        }
    }
    return routers;
}

std::optional<std::size_t> Topology::segment_of(const IpAddress& address) const {
    for (std::size_t i = 0; i < segments.size(); ++i) {
        for (const auto& range : segments[i].ranges) {
            if (range.contains(address)) {
                return i;
            }
        }
    }
    return std::nullopt;
}

std::vector<NextHop> Topology::next_hops(
    const TopologyDevice& device, std::size_t segment, netemu::Family family) const {
    std::vector<NextHop> hops;
    std::uint16_t nearest = kFarAway;
    const auto number = static_cast<std::size_t>(&device - devices.data());
    for (std::size_t i = 0; i < device.interfaces.size() && routed; ++i) {
        const auto& interface = device.interfaces[i];
        if (interface.segment == segment) {
            return {};
        }
        for (const auto& router : routers_of({number, i})) {
            const auto distance = distances.at(segment).at(router.device);
            const auto* gateway = address_of_family(at(router), family);
            if (distance > nearest || distance == kFarAway || gateway == nullptr) {
                continue;
            }
            if (distance < nearest) {
                hops.clear();
                nearest = distance;
            }
            hops.push_back({*gateway, interface.name});
        }
    }
    return hops;
}

std::vector<NextHop> Topology::next_hops(const TopologyDevice& device, const IpAddress& to) const {
    const auto segment = segment_of(to);
    if (!segment) {
        return {};
    }
    for (const auto& interface : device.interfaces) {
        if (interface.segment == *segment) {
            return {{to, interface.name}};
        }
    }
    return next_hops(device, *segment, to.family());
}

std::uint32_t Topology::node_path_mtu() const {
    constexpr auto kUnknown = std::numeric_limits<std::uint32_t>::max();
    auto least = kUnknown;
    std::vector<TopologyEnd> nodes;
    for (std::size_t i = 0; i < devices.size(); ++i) {
        for (std::size_t j = 0; j < devices[i].interfaces.size(); ++j) {
            if (devices[i].kind == DeviceKind::Node && devices[i].interfaces[j].name == kEth0) {
                nodes.push_back({i, j});
            }
        }
    }
    for (const auto& from : nodes) {
        least = std::min(least, links[at(from).link].mtu);
        for (const auto& to : nodes) {
            if (from != to) {
                const auto family = at(to).addresses.front().address.family();
                least = way_mtu(*this, devices[from.device], to, family, least);
            }
        }
    }
    for (const auto& link : links) {
        least = nodes.empty() ? std::min(least, link.mtu) : least;
    }
    return least == kUnknown ? 0 : least;
}

netemu::RouteSpec
route_by(const netemu::IpPrefix& destination, const std::vector<netemu::NextHop>& hops) {
    netemu::RouteSpec route;
    route.destination = destination;
    route.gateway = hops.front().gateway;
    route.link = hops.front().link;
    route.more.assign(hops.begin() + 1, hops.end());
    return route;
}

std::string_view to_text(DeviceKind kind) {
    switch (kind) {
    case DeviceKind::Switch:
        return "switch";
    case DeviceKind::Router:
        return "router";
    case DeviceKind::Host:
        return "host";
    case DeviceKind::Node:
        return "node";
    case DeviceKind::External:
        break;
    }
    return "external";
}

std::string device_namespace(DeviceKind kind, const std::string& name) {
    return kind == DeviceKind::External ? std::string(kExternalNamespace)
                                        : std::string(to_text(kind)) + "/" + name;
}

} // namespace labctl::compile
