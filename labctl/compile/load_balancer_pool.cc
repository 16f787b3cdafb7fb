#include "labctl/compile/load_balancer_pool.h"

#include <algorithm>

#include "labctl/compile/address_plan.h"
#include "labctl/compile/cluster_config.h"
#include "labctl/compile/topology.h"
#include "netemu/base/error.h"
#include "netemu/base/text.h"

namespace labctl::compile {

namespace {

using netemu::IpAddress;
using netemu::IpPrefix;
using Span = std::pair<IpAddress, IpAddress>;

[[noreturn]] void refuse_pool(const std::string& text, const std::string& why) {
    throw netemu::UsageError(
        "spec.loadBalancer.pool: '" + text + "' " + why,
        "write 172.18.255.200-172.18.255.250 or 172.18.255.0/28: addresses that nobody has");
}

Span parse_span(const std::string& text) {
    const auto dash = text.find('-');
    if (dash != std::string::npos) {
        const auto first = IpAddress::parse(netemu::trim(text.substr(0, dash)));
        const auto last = IpAddress::parse(netemu::trim(text.substr(dash + 1)));
        if (!first || !last || first->family() != last->family() || *last < *first) {
            refuse_pool(text, "is not a span of addresses");
        }
        return {*first, *last};
    }
    if (const auto address = IpAddress::parse(text)) {
        return {*address, *address};
    }
    const auto range = IpPrefix::parse(text);
    if (!range || range->network() != *range) {
        refuse_pool(text, "is not a range of addresses");
    }
    return {range->address, range->last()};
}

bool overlap(const Span& left, const Span& right) {
    return left.first.family() == right.first.family() && !(left.second < right.first) &&
           !(right.second < left.first);
}

/// The addresses that the lab gives to the external namespace and to its nodes: the first of the
/// range, then one after the other.
std::vector<Span> node_spans(const ClusterConfig& config) {
    std::vector<Span> spans;
    if (config.topology) {
        for (const auto& device : config.topology->devices) {
            for (const auto& interface : device.interfaces) {
                for (const auto& each : interface.addresses) {
                    spans.emplace_back(each.address, each.address);
                }
            }
        }
        return spans;
    }
    for (const auto& external : external_addresses(config)) {
        spans.emplace_back(external.address, external.address.plus(config.nodes.size()));
    }
    return spans;
}

void check_span(const ClusterConfig& config, const std::string& text, const Span& span) {
    for (const auto& [ranges, whose] :
         {std::pair(&config.pod_cidrs, "pods"), std::pair(&config.service_cidrs, "Services")}) {
        for (const auto& range : *ranges) {
            if (overlap(span, {range.network().address, range.last()})) {
                refuse_pool(text, std::string("has addresses of ") + whose);
            }
        }
    }
    for (const auto& nodes : node_spans(config)) {
        if (overlap(span, nodes)) {
            refuse_pool(text, "has addresses of nodes or of the namespace `external`");
        }
    }
}

std::optional<Span> default_span(const ClusterConfig& config, const IpPrefix& range) {
    constexpr std::uint64_t kBlock = 256; // the last one of the first 65536 addresses
    constexpr std::uint64_t kFirst = 200;
    constexpr std::uint64_t kLast = 250;
    constexpr std::uint64_t kSegmentMax = 65536;
    const auto size = std::min(range.size(), kSegmentMax);
    if (size < kBlock) {
        return std::nullopt;
    }
    const auto base = range.network().address.plus(size - kBlock);
    const Span span{base.plus(kFirst), base.plus(kLast)};
    const auto nodes = node_spans(config);
    const bool taken = std::any_of(
        nodes.begin(), nodes.end(), [&](const Span& other) { return overlap(span, other); });
    return taken ? std::nullopt : std::optional(span);
}

} // namespace

void read_load_balancer_pool(ClusterConfig& config, const api::Json& pool) {
    if (pool.is_null()) {
        for (const auto& range : config.underlay_cidrs) {
            if (const auto span = default_span(config, range)) {
                config.load_balancer_pool.push_back(*span);
            }
        }
        return;
    }
    const auto entries = pool.is_array() ? pool : api::Json::array({pool});
    for (const auto& entry : entries) {
        const auto text = entry.is_string() ? entry.get<std::string>() : entry.dump();
        const auto span = parse_span(std::string(netemu::trim(text)));
        check_span(config, text, span);
        for (const auto& other : config.load_balancer_pool) {
            if (overlap(span, other)) {
                refuse_pool(text, "overlaps another entry");
            }
        }
        config.load_balancer_pool.push_back(span);
    }
}

} // namespace labctl::compile
