#include "labctl/explain/policy_outside.h"

#include <algorithm>
#include <array>
#include <functional>
#include <optional>
#include <utility>
#include <variant>

namespace labctl::explain {

namespace {

using netemu::Family;
using netemu::IpAddress;
using netemu::IpPrefix;
using services::PolicyDirection;
using services::PolicyRule;

constexpr std::uint16_t kHttps = 443; // what most pods want of the world
constexpr std::array kBothWays{PolicyDirection::Ingress, PolicyDirection::Egress};

void each_rule(
    const compile::PolicyWorld& world,
    PolicyDirection way,
    const std::function<void(const PolicyRule& rule)>& each) {
    for (const auto& [key, policy] : world.cluster.policies) {
        if (const auto& rules = policy->rules(way)) {
            std::for_each(rules->begin(), rules->end(), each);
        }
    }
}

void add_outside_ranges(const services::AddressBlock& block, std::set<IpPrefix>& ranges) {
    ranges.insert(block.cidr.network());
    for (const auto& except : block.except) {
        ranges.insert(except.network());
    }
}

void add_outside_ranges(const PolicyRule& rule, std::set<IpPrefix>& ranges) {
    for (const auto& peer : rule.peers.value_or(std::vector<services::PolicyPeer>{})) {
        if (const auto* block = std::get_if<services::AddressBlock>(&peer)) {
            add_outside_ranges(*block, ranges);
        }
    }
}

std::set<IpPrefix> named_ranges(const std::vector<const compile::PolicyWorld*>& worlds) {
    std::set<IpPrefix> ranges;
    for (const auto* world : worlds) {
        for (const auto way : kBothWays) {
            each_rule(
                *world, way, [&](const PolicyRule& rule) { add_outside_ranges(rule, ranges); });
        }
    }
    return ranges;
}

void add_outside_ports(const PolicyRule& rule, std::set<compile::FlowPort>& ports) {
    for (const auto& port : rule.ports.value_or(std::vector<services::PolicyPort>{})) {
        if (port.protocol && port.name.empty() && port.first != 0) {
            ports.insert({*port.protocol, port.first});
        }
    }
}

/// Those of the cluster's own ends.
std::set<IpAddress> own_addresses(const std::vector<const compile::PolicyWorld*>& worlds) {
    std::set<IpAddress> addresses;
    for (const auto* world : worlds) {
        for (const auto& [key, pod] : world->cluster.pods) {
            addresses.insert(pod.ips.begin(), pod.ips.end());
        }
        for (const auto& [name, node] : world->cluster.nodes) {
            addresses.insert(node.ips.begin(), node.ips.end());
        }
    }
    return addresses;
}

/// The address after this one; nullopt after the last one.
std::optional<IpAddress> next_address(const IpAddress& address) {
    std::vector<std::uint8_t> bytes(address.bytes(), address.bytes() + address.size());
    for (auto byte = bytes.rbegin(); byte != bytes.rend(); ++byte) {
        if (++*byte != 0) {
            return IpAddress::from_bytes(address.family(), bytes.data());
        }
    }
    return std::nullopt;
}

/// The first address of `range` that no smaller range has, and nobody of the cluster.
std::optional<IpAddress> address_of_rest(
    const IpPrefix& range, const std::set<IpPrefix>& ranges, const std::set<IpAddress>& own) {
    std::optional<IpAddress> candidate = range.network().address;
    while (candidate && range.contains(*candidate)) {
        const auto smaller = std::find_if(ranges.begin(), ranges.end(), [&](const auto& each) {
            return each.length > range.length && each.contains(*candidate);
        });
        if (smaller != ranges.end()) {
            candidate = next_address(smaller->last());
        } else if (own.contains(*candidate)) {
            candidate = next_address(*candidate);
        } else {
            return candidate;
        }
    }
    return std::nullopt;
}

bool has_family(const std::vector<const compile::PolicyWorld*>& worlds, Family family) {
    return std::any_of(worlds.begin(), worlds.end(), [&](const auto* world) {
        const auto& pods = world->cluster.pods;
        return std::any_of(pods.begin(), pods.end(), [&](const auto& entry) {
            const auto& ips = entry.second.ips;
            return std::any_of(ips.begin(), ips.end(), [&](const auto& address) {
                return address.family() == family;
            });
        });
    });
}

/// One flow for each address of the pods that is of the family.
template <class FlowOf>
MatrixCell evaluate_outside(
    const services::PolicyEvaluator& evaluator,
    const MatrixEnd& pods,
    const IpAddress& outside,
    const FlowOf& flow_of) {
    MatrixCell cell;
    for (const auto* pod : pods.pods) {
        for (const auto& address : pod->ips) {
            if (address.family() == outside.family()) {
                cell.add(evaluator.evaluate(flow_of(services::PolicyEnd{pod, nullptr, address})));
            }
        }
    }
    return cell;
}

} // namespace

std::vector<OutsideEnd> outside_ends(const std::vector<const compile::PolicyWorld*>& worlds) {
    const auto own = own_addresses(worlds);
    auto ranges = named_ranges(worlds);
    const auto everything4 = *IpPrefix::parse("0.0.0.0/0");
    const auto everything6 = *IpPrefix::parse("::/0");
    ranges.insert(everything4);
    ranges.insert(everything6);
    std::vector<OutsideEnd> ends;
    for (const auto& range : ranges) {
        if (!has_family(worlds, range.address.family())) {
            continue;
        }
        if (const auto address = address_of_rest(range, ranges, own)) {
            ends.push_back(
                {range == everything4   ? "outside"
                 : range == everything6 ? "outside (IPv6)"
                                        : "outside " + range.to_string(),
                 *address});
        }
    }
    return ends;
}

std::set<compile::FlowPort> outside_ports(const std::vector<const compile::PolicyWorld*>& worlds) {
    std::set<compile::FlowPort> ports{{services::Protocol::Tcp, kHttps}};
    for (const auto* world : worlds) {
        each_rule(*world, PolicyDirection::Egress, [&](const PolicyRule& rule) {
            add_outside_ports(rule, ports);
        });
    }
    return ports;
}

MatrixCell evaluate_from_outside(
    const services::PolicyEvaluator& evaluator,
    const OutsideEnd& from,
    const MatrixEnd& to,
    const compile::FlowPort& port) {
    return evaluate_outside(evaluator, to, from.address, [&](const services::PolicyEnd& pod) {
        return services::PolicyFlow{
            {nullptr, nullptr, from.address}, pod, port.protocol, port.port};
    });
}

MatrixCell evaluate_to_outside(
    const services::PolicyEvaluator& evaluator,
    const MatrixEnd& from,
    const OutsideEnd& to,
    const compile::FlowPort& port) {
    return evaluate_outside(evaluator, from, to.address, [&](const services::PolicyEnd& pod) {
        return services::PolicyFlow{pod, {nullptr, nullptr, to.address}, port.protocol, port.port};
    });
}

} // namespace labctl::explain
