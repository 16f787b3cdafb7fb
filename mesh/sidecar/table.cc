#include "mesh/sidecar/table.h"

#include <algorithm>
#include <charconv>

namespace mesh {

std::string_view service_host(std::string_view cluster) {
    return cluster.substr(cluster.rfind('|') + 1);
}

std::string_view host_namespace(std::string_view host) {
    const auto dot = host.find('.');
    if (dot == std::string_view::npos) {
        return {};
    }
    host.remove_prefix(dot + 1);
    return host.substr(0, host.find('.'));
}

std::uint16_t service_port(std::string_view cluster) {
    const auto begin = std::min(cluster.find('|') + 1, cluster.size()); // outbound|PORT|...
    std::uint16_t port = 0;
    (void)std::from_chars(cluster.data() + begin, cluster.data() + cluster.size(), port);
    return port;
}

std::string cluster_name(std::string_view host, std::uint16_t port, std::string_view subset) {
    std::string name = "outbound|" + std::to_string(port) + "|";
    return name.append(subset).append("|").append(host);
}

const istio::VirtualService* virtual_service_for(
    const SidecarTable& table, const SidecarService& service, std::string_view client_ns) {
    for (const auto index : service.virtual_services) {
        const auto& found = table.virtual_services.at(index);
        if (istio::is_exported(found.export_to, found.ns, client_ns)) {
            return &found;
        }
    }
    return nullptr;
}

const SidecarDestinationRule*
destination_rule_for(const SidecarService& service, std::string_view client_ns) {
    for (const auto ns :
         {client_ns, host_namespace(service_host(service.name)), istio::kRootNamespace}) {
        for (const auto& rule : service.rules) {
            if (rule.ns == ns && istio::is_exported(rule.export_to, rule.ns, client_ns)) {
                return &rule;
            }
        }
    }
    return nullptr;
}

std::vector<istio::RequestAuthentication>
request_authentications(const SidecarTable& table, const SidecarWorkload& workload) {
    std::vector<istio::RequestAuthentication> all;
    all.reserve(workload.authentications.size());
    for (const auto index : workload.authentications) {
        all.push_back(table.request_authentications.at(index));
    }
    return all;
}

} // namespace mesh
