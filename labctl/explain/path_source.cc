#include "labctl/explain/path_source.h"

#include <algorithm>
#include <array>
#include <vector>

#include "labctl/explain/path_route.h"
#include "services/nftables_names.h"
#include "services/tracer.h"

namespace labctl::explain {

using netemu::IpAddress;
using netemu::IpPrefix;
using netemu::LinkSpec;
using netemu::NamespaceSpec;

namespace {

/// Addresses of the host or of the link alone are none for whoever is farther away.
bool is_for_others(const IpPrefix& prefix) {
    static const auto kLinkLocal = *IpPrefix::parse("fe80::/10");
    return !prefix.address.is_loopback() && !kLinkLocal.contains(prefix.address);
}

std::optional<IpAddress> address_on(const LinkSpec& link, const IpAddress& next) {
    std::optional<IpAddress> first;
    for (const auto& prefix : link.addresses) {
        if (prefix.address.family() != next.family() || !is_for_others(prefix)) {
            continue;
        }
        if (prefix.network().contains(next)) {
            return prefix.address;
        }
        first = first ? first : prefix.address;
    }
    return first;
}

bool translates_sources(const netemu::NftTable& table) {
    return table.name != services::kNftProxyTable &&
           std::any_of(table.chains.begin(), table.chains.end(), [](const auto& chain) {
               return chain.base && chain.base->type == "nat" &&
                      chain.base->hook == netemu::NftHook::Postrouting;
           });
}

} // namespace

std::optional<IpAddress>
source_by(const NamespaceSpec& ns, const LinkSpec& link, const IpAddress& next) {
    if (auto own = address_on(link, next)) {
        return own;
    }
    std::vector<const LinkSpec*> others;
    for (const auto& each : ns.links) {
        others.push_back(&each);
    }
    std::stable_sort(others.begin(), others.end(), [](const auto* a, const auto* b) {
        return a->index < b->index;
    });
    for (const auto* each : others) {
        if (auto address = address_on(*each, next)) {
            return address;
        }
    }
    return std::nullopt;
}

IpAddress source_to(const NamespaceSpec& ns, const IpAddress& to) {
    if (holds(ns, to)) {
        return to;
    }
    const auto route = route_to(ns, to);
    const auto* link = route ? link_named(ns, route->link) : nullptr;
    const auto source =
        link == nullptr ? std::nullopt : source_by(ns, *link, route->gateway.value_or(to));
    return source.value_or(IpAddress());
}

bool masquerades(const NamespaceSpec& ns, const LeavingPacket& packet) {
    std::vector<IpAddress> own;
    for (const auto& link : ns.links) {
        for (const auto& prefix : link.addresses) {
            own.push_back(prefix.address);
        }
    }
    services::TracePacket traced;
    traced.source = packet.source;
    traced.destination = packet.destination;
    traced.from_node = packet.in.empty();
    traced.input_interface = packet.in;
    traced.output_interface = packet.out;
    return std::any_of(ns.tables.begin(), ns.tables.end(), [&](const netemu::NftTable& table) {
        if (!translates_sources(table)) {
            return false;
        }
        const std::array<const netemu::NftTable*, 1> tables{&table};
        return services::NftTracer(tables, own).trace(traced).front().masqueraded;
    });
}

} // namespace labctl::explain
