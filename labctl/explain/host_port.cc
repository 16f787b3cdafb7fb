#include "labctl/explain/host_port.h"

#include "labctl/compile/host_ports.h"

namespace labctl::explain {

using api::at;
using api::string_at;
using netemu::IpAddress;

namespace {

std::optional<IpAddress> address_of_family(const api::Json& pod, netemu::Family family) {
    for (const auto& entry : at(pod, "status.podIPs")) {
        const auto address = IpAddress::parse(string_at(entry, "ip"));
        if (address && address->family() == family) {
            return address;
        }
    }
    return std::nullopt;
}

} // namespace

std::optional<HostPort> find_host_port(
    const store::Store& store,
    const std::string& node,
    const netemu::Endpoint& address,
    services::Protocol protocol) {
    if (node.empty() || address.address.is_loopback()) {
        return std::nullopt;
    }
    for (const auto& pod : store.list("Pod")) {
        const auto own = address_of_family(pod->body, address.address.family());
        if (string_at(pod->body, "spec.nodeName") != node || !own ||
            api::bool_at(pod->body, "spec.hostNetwork", false)) {
            continue;
        }
        for (const auto& mapping : compile::host_port_mappings(pod->body)) {
            if (mapping.protocol == services::protocol_number(protocol) &&
                mapping.host_port == address.port && mapping.leads_from(address.address)) {
                return HostPort{pod->ns() + "/" + pod->name(), {*own, mapping.container_port}};
            }
        }
    }
    return std::nullopt;
}

} // namespace labctl::explain
