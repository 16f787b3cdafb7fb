#include "labctl/compile/address_plan.h"

#include <algorithm>
#include <array>

#include "labctl/compile/cluster_config.h"
#include "labctl/compile/network_view.h"
#include "labctl/compile/topology.h"
#include "netemu/base/error.h"

namespace labctl::compile {

namespace {

constexpr unsigned kNodeLengthV4 = 24;
constexpr unsigned kNodeLengthV6 = 64;

unsigned node_length(const netemu::IpPrefix& range) {
    return range.address.is_v4() ? kNodeLengthV4 : kNodeLengthV6;
}

/// How many node ranges fit, saturated far above the number of nodes that there can be.
std::uint64_t node_ranges(const netemu::IpPrefix& range) {
    const auto length = node_length(range);
    if (range.length > length) {
        return 0;
    }
    return std::uint64_t{1} << std::min(length - range.length, 32U);
}

void check_room(const ClusterConfig& config) {
    const auto nodes = config.nodes.size();
    for (const auto& range : config.pod_cidrs) {
        const auto fits = node_ranges(range);
        if (fits < nodes) {
            const auto length = std::to_string(node_length(range));
            throw netemu::UsageError(
                "spec.podCIDR: " + range.to_string() + " holds " + std::to_string(fits) +
                    " ranges of /" + length + ", one per node, but the lab has " +
                    std::to_string(nodes) + " nodes",
                "use a larger range, such as " +
                    std::string(range.address.is_v4() ? "10.244.0.0/16" : "fd00:10:244::/56"));
        }
    }
    for (const auto& range : config.underlay_cidrs) {
        if (!config.topology && range.size() < nodes + 3) {
            throw netemu::UsageError(
                "spec.underlay: " + range.to_string() + " is too small for " +
                std::to_string(nodes) + " nodes");
        }
    }
}

/// Those of a topology's device, which may be missing.
std::vector<netemu::IpPrefix> eth0_addresses(const TopologyDevice* device) {
    if (device == nullptr || device->interfaces.empty()) {
        return {};
    }
    for (const auto& interface : device->interfaces) {
        if (interface.name == kEth0) {
            return interface.addresses;
        }
    }
    return device->interfaces.front().addresses;
}

} // namespace

std::vector<netemu::IpAddress> NodePlan::gateways() const {
    std::vector<netemu::IpAddress> result;
    for (const auto& cidr : pod_cidrs) {
        result.push_back(cidr.network().address.plus(1));
    }
    return result;
}

netemu::IpPrefix subnet(const netemu::IpPrefix& range, unsigned length, std::uint64_t index) {
    const auto base = range.network().address;
    std::array<std::uint8_t, 16> bytes{};
    std::copy_n(base.bytes(), base.size(), bytes.begin());
    // Or the index into the bits just above `length`; inside the range those bits are zero.
    for (unsigned bit = 0; bit < 64 && bit < length; ++bit) {
        if ((index >> bit) & 1U) {
            const auto position = length - 1 - bit;
            bytes.at(position / 8) |= static_cast<std::uint8_t>(0x80U >> (position % 8));
        }
    }
    return {
        netemu::IpAddress::from_bytes(base.family(), bytes.data()),
        static_cast<std::uint8_t>(length)};
}

std::vector<NodePlan> plan_nodes(const ClusterConfig& config) {
    check_room(config);
    std::vector<NodePlan> result;
    for (std::size_t i = 0; i < config.nodes.size(); ++i) {
        NodePlan plan{config.nodes[i].name, {}, {}};
        for (const auto& range : config.pod_cidrs) {
            const auto first = node_ranges(range) > config.nodes.size() ? 1U : 0U;
            plan.pod_cidrs.push_back(subnet(range, node_length(range), first + i));
        }
        if (config.topology) {
            plan.underlay = eth0_addresses(config.topology->find(DeviceKind::Node, plan.name));
        }
        for (const auto& range : config.underlay_cidrs) {
            if (!config.topology) {
                plan.underlay.push_back({range.network().address.plus(2 + i), range.length});
            }
        }
        result.push_back(std::move(plan));
    }
    return result;
}

std::vector<netemu::IpPrefix> external_addresses(const ClusterConfig& config) {
    if (config.topology) {
        return eth0_addresses(config.topology->find(DeviceKind::External, "external"));
    }
    std::vector<netemu::IpPrefix> result;
    for (const auto& range : config.underlay_cidrs) {
        result.push_back({range.network().address.plus(1), range.length});
    }
    return result;
}

} // namespace labctl::compile
