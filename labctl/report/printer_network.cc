#include <map>

#include "labctl/report/printer_kinds.h"
#include "netemu/base/text.h"

namespace labctl::report {

namespace {

using api::at;
using api::int_at;
using api::Json;
using api::string_at;
using Cells = std::vector<Cell>;

constexpr std::size_t kListedMax = 3; // as in kubectl

std::vector<std::string> strings(const Json& list) {
    std::vector<std::string> result;
    for (const auto& entry : list) {
        if (entry.is_string()) {
            result.push_back(entry.get<std::string>());
        }
    }
    return result;
}

std::string external_ip(const Json& service) {
    const auto type = string_at(service, "spec.type", "ClusterIP");
    const auto external = netemu::join(strings(at(service, "spec.externalIPs")), ",");
    if (type == "ExternalName") {
        return string_at(service, "spec.externalName");
    }
    if (type != "LoadBalancer") {
        return or_none(external);
    }
    const auto balanced = netemu::join(load_balancer_addresses(service), ",");
    if (balanced.empty()) {
        return external.empty() ? "<pending>" : external;
    }
    return external.empty() ? balanced : balanced + "," + external;
}

std::string behind_service(const Json& body, const PrintOptions& options) {
    if (options.endpoints == nullptr) {
        return "<none>";
    }
    const auto found = options.endpoints->find(
        string_at(body, "metadata.namespace") + "/" + string_at(body, "metadata.name"));
    return found == options.endpoints->end() ? "<none>" : found->second;
}

std::string with_port_number(const std::string& ip, const Json& port) {
    const bool v6 = ip.find(':') != std::string::npos;
    return (v6 ? "[" + ip + "]" : ip) + ":" + std::to_string(int_at(port, "port", 0));
}

Cells service_row(const Json& body, const PrintOptions& options) {
    return {
        string_at(body, "spec.type", "ClusterIP"),
        or_none(string_at(body, "spec.clusterIP")),
        external_ip(body),
        or_none(format_service_ports(at(body, "spec.ports"))),
        age_of(body, options),
        format_labels(at(body, "spec.selector")),
        behind_service(body, options)};
}

Cells endpoints_row(const Json& body, const PrintOptions& options) {
    return {format_endpoints(body), age_of(body, options)};
}

Cells endpointslice_row(const Json& body, const PrintOptions& options) {
    std::vector<std::string> ports;
    for (const auto& port : at(body, "ports")) {
        const auto number = int_at(port, "port", 0);
        ports.push_back(number > 0 ? std::to_string(number) : string_at(port, "name", "*"));
    }
    std::vector<std::string> addresses;
    for (const auto& endpoint : at(body, "endpoints")) {
        for (auto& address : strings(at(endpoint, "addresses"))) {
            addresses.push_back(std::move(address));
        }
    }
    return {
        string_at(body, "addressType"),
        with_more(ports, kListedMax, "<unset>"),
        with_more(addresses, kListedMax, "<unset>"),
        age_of(body, options)};
}

Cells networkpolicy_row(const Json& body, const PrintOptions& options) {
    return {format_selector(at(body, "spec.podSelector")), age_of(body, options)};
}

/// The columns of the CustomResourceDefinitions' additionalPrinterColumns.
Cells admin_policy_row(const Json& body, const PrintOptions& options) {
    return {std::to_string(int_at(body, "spec.priority", 0)), age_of(body, options)};
}

Cells baseline_policy_row(const Json& body, const PrintOptions& options) {
    return {age_of(body, options)};
}

Cells cluster_policy_row(const Json& body, const PrintOptions& options) {
    return {
        string_at(body, "spec.tier"),
        std::to_string(int_at(body, "spec.priority", 0)),
        age_of(body, options)};
}

/// The columns of Istio's CustomResourceDefinitions: a field that is not there is an empty cell.
Cells peer_authentication_row(const Json& body, const PrintOptions& options) {
    return {string_at(body, "spec.mtls.mode"), age_of(body, options)};
}

/// A list as kubectl prints it where a column names one.
std::string column_list(const Json& list) {
    return list.is_array() && !list.empty() ? list.dump() : std::string();
}

Cells virtual_service_row(const Json& body, const PrintOptions& options) {
    return {
        column_list(at(body, "spec.gateways")),
        column_list(at(body, "spec.hosts")),
        age_of(body, options)};
}

Cells destination_rule_row(const Json& body, const PrintOptions& options) {
    return {string_at(body, "spec.host"), age_of(body, options)};
}

Cells authorization_policy_row(const Json& body, const PrintOptions& options) {
    return {string_at(body, "spec.action", "ALLOW"), age_of(body, options)};
}

Cells request_authentication_row(const Json& body, const PrintOptions& options) {
    std::vector<std::string> issuers;
    for (const auto& rule : at(body, "spec.jwtRules")) {
        issuers.push_back(string_at(rule, "issuer"));
    }
    return {issuers.empty() ? "<none>" : netemu::join(issuers, ","), age_of(body, options)};
}

Cells ingress_row(const Json& body, const PrintOptions& options) {
    std::vector<std::string> hosts;
    for (const auto& rule : at(body, "spec.rules")) {
        if (const auto host = string_at(rule, "host"); !host.empty()) {
            hosts.push_back(host);
        }
    }
    auto ingress_class = string_at(body, "spec.ingressClassName");
    if (ingress_class.empty()) {
        const auto annotations = api::labels_at(body, "metadata.annotations");
        const auto found = annotations.find("kubernetes.io/ingress.class");
        ingress_class = found == annotations.end() ? "" : found->second;
    }
    return {
        or_none(ingress_class),
        with_more(hosts, kListedMax, "*"),
        netemu::join(load_balancer_addresses(body), ","),
        at(body, "spec.tls").empty() ? "80" : "80, 443",
        age_of(body, options)};
}

Cells ingress_class_row(const Json& body, const PrintOptions& options) {
    const auto kind = string_at(body, "spec.parameters.kind");
    const auto group = string_at(body, "spec.parameters.apiGroup");
    return {
        string_at(body, "spec.controller"),
        kind.empty() ? "<none>"
                     : kind + (group.empty() ? "" : "." + group) + "/" +
                           string_at(body, "spec.parameters.name"),
        age_of(body, options)};
}

} // namespace

std::vector<std::string> load_balancer_addresses(const Json& body) {
    std::vector<std::string> addresses;
    for (const auto& ingress : at(body, "status.loadBalancer.ingress")) {
        const auto ip = string_at(ingress, "ip");
        addresses.push_back(ip.empty() ? string_at(ingress, "hostname") : ip);
    }
    return addresses;
}

std::string format_service_ports(const Json& ports) {
    std::vector<std::string> parts;
    for (const auto& port : ports) {
        const auto node_port = int_at(port, "nodePort", 0);
        parts.push_back(
            std::to_string(int_at(port, "port", 0)) +
            (node_port > 0 ? ":" + std::to_string(node_port) : "") + "/" +
            string_at(port, "protocol", "TCP"));
    }
    return netemu::join(parts, ",");
}

std::string format_endpoints(const Json& endpoints) {
    std::vector<std::string> list;
    for (const auto& subset : at(endpoints, "subsets")) {
        const auto& ports = at(subset, "ports");
        for (const auto& address : at(subset, "addresses")) {
            if (ports.empty()) {
                list.push_back(string_at(address, "ip"));
            }
        }
        for (const auto& port : ports) {
            for (const auto& address : at(subset, "addresses")) {
                list.push_back(with_port_number(string_at(address, "ip"), port));
            }
        }
    }
    return with_more(list, kListedMax, "<none>");
}

namespace {

/// The first address of each endpoint of a slice that is ready.
std::vector<std::string> first_ready_addresses(const Json& slice) {
    std::vector<std::string> ready;
    for (const auto& endpoint : at(slice, "endpoints")) {
        auto addresses = strings(at(endpoint, "addresses"));
        if (!addresses.empty() && api::bool_at(endpoint, "conditions.ready", true)) {
            ready.push_back(std::move(addresses.front()));
        }
    }
    return ready;
}

} // namespace

std::map<std::string, std::string> endpoints_by_service(std::span<const api::ObjectPtr> slices) {
    std::map<std::string, std::vector<std::string>> lists;
    for (const auto& slice : slices) {
        const auto labels = slice->labels();
        const auto service = labels.find("kubernetes.io/service-name");
        if (slice->kind() != "EndpointSlice" || service == labels.end()) {
            continue;
        }
        auto& list = lists[slice->ns() + "/" + service->second];
        const auto& ports = at(slice->body, "ports");
        const auto addresses = first_ready_addresses(slice->body);
        if (ports.empty()) {
            list.insert(list.end(), addresses.begin(), addresses.end());
        }
        for (const auto& port : ports) { // all endpoints of a port, as in the list of Endpoints
            for (const auto& address : addresses) {
                list.push_back(with_port_number(address, port));
            }
        }
    }
    std::map<std::string, std::string> result;
    for (const auto& [service, list] : lists) {
        result[service] = with_more(list, kListedMax, "<none>");
    }
    return result;
}

const KindPrinter* network_printer(const std::string& kind) {
    static const std::map<std::string, KindPrinter> kPrinters{
        {"Service",
         {{{"TYPE"},
           {"CLUSTER-IP"},
           {"EXTERNAL-IP"},
           {"PORT(S)"},
           {"AGE"},
           {"SELECTOR", true},
           {"ENDPOINTS", true}},
          service_row}},
        {"Endpoints", {{{"ENDPOINTS"}, {"AGE"}}, endpoints_row}},
        {"EndpointSlice",
         {{{"ADDRESSTYPE"}, {"PORTS"}, {"ENDPOINTS"}, {"AGE"}}, endpointslice_row}},
        {"NetworkPolicy", {{{"POD-SELECTOR"}, {"AGE"}}, networkpolicy_row}},
        {"AdminNetworkPolicy", {{{"PRIORITY"}, {"AGE"}}, admin_policy_row}},
        {"BaselineAdminNetworkPolicy", {{{"AGE"}}, baseline_policy_row}},
        {"ClusterNetworkPolicy", {{{"TIER"}, {"PRIORITY"}, {"AGE"}}, cluster_policy_row}},
        {"Ingress", {{{"CLASS"}, {"HOSTS"}, {"ADDRESS"}, {"PORTS"}, {"AGE"}}, ingress_row}},
        {"IngressClass", {{{"CONTROLLER"}, {"PARAMETERS"}, {"AGE"}}, ingress_class_row}},
        {"PeerAuthentication", {{{"MODE"}, {"AGE"}}, peer_authentication_row}},
        {"AuthorizationPolicy", {{{"ACTION"}, {"AGE"}}, authorization_policy_row}},
        {"RequestAuthentication", {{{"ISSUERS"}, {"AGE"}}, request_authentication_row}},
        {"VirtualService", {{{"GATEWAYS"}, {"HOSTS"}, {"AGE"}}, virtual_service_row}},
        {"DestinationRule", {{{"HOST"}, {"AGE"}}, destination_rule_row}},
    };
    const auto found = kPrinters.find(kind);
    return found == kPrinters.end() ? nullptr : &found->second;
}

} // namespace labctl::report
