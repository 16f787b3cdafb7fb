#include "labctl/compile/ingress_backends.h"

#include <algorithm>
#include <vector>

#include "labctl/compile/service_values.h"
#include "labctl/compile/sidecars.h"
#include "netemu/base/text.h"

namespace labctl::compile {

namespace {

using api::at;
using api::Json;
using api::string_at;

/// "http/80, metrics/9090"
std::string port_list(const services::Service& service) {
    std::vector<std::string> ports;
    for (const auto& port : service.ports) {
        ports.push_back(
            (port.name.empty() ? "" : port.name + "/") + std::to_string(port.port) +
            (port.protocol == services::Protocol::Tcp
                 ? ""
                 : "/" + std::string(services::to_text(port.protocol))));
    }
    return netemu::join(ports, ", ");
}

} // namespace

IngressBackends::Resolved IngressBackends::resolve(const std::string& ns, const Json& backend) {
    Resolved resolved{{}, true};
    auto& result = resolved.backend;
    const auto& wanted = at(backend, "service");
    if (!wanted.is_object()) {
        const auto kind = string_at(backend, "resource.kind");
        result.name = ns + "/" + kind + "/" + string_at(backend, "resource.name");
        result.problem = "a backend of the kind " + kind + " is nothing that can be asked here";
        return resolved;
    }
    const ServiceKey key{ns, string_at(wanted, "name")};
    asked_.insert(key);
    const auto port_name = string_at(wanted, "port.name");
    const auto port_number = api::int_at(wanted, "port.number", 0);
    const auto port_text = port_name.empty() ? std::to_string(port_number) : port_name;
    result.name = ns + "/" + key.second + ":" + port_text;
    const auto object = store_.get({"Service", ns, key.second});
    if (!object) {
        result.problem = "there is no Service " + ns + "/" + key.second;
        return resolved;
    }
    const auto service = service_value(object->body);
    const auto port =
        std::find_if(service.ports.begin(), service.ports.end(), [&](const auto& candidate) {
            return candidate.protocol == services::Protocol::Tcp &&
                   (port_name.empty() ? candidate.port == port_number
                                      : candidate.name == port_name);
        });
    if (service.external_name) {
        result.problem = "Service " + ns + "/" + key.second +
                         " is another name (ExternalName), which this controller does not resolve";
    } else if (port == service.ports.end()) {
        result.problem = "Service " + ns + "/" + key.second + " has no TCP port " + port_text +
                         "; it has " + port_list(service);
    } else {
        resolved.misconfigured = false;
        result.http2 = says_http2(port->app_protocol, {});
        find_endpoints(key, port->name, result);
    }
    return resolved;
}

/// Those that are ready; if there are none, those that still serve while they end. Of one family:
/// IPv4, unless there are only others.
void IngressBackends::find_endpoints(
    const ServiceKey& service, const std::string& port_name, services::IngressBackend& result) {
    std::vector<netemu::Endpoint> ready;
    std::vector<netemu::Endpoint> ending;
    for (const auto& name : slices_.of(service)) {
        const auto object = store_.get({"EndpointSlice", service.first, name});
        const auto slice = object ? slice_value(object->body) : std::nullopt;
        if (!slice) {
            continue;
        }
        const auto port = std::find_if(
            slice->ports.begin(), slice->ports.end(), [&port_name](const auto& candidate) {
                return candidate.name == port_name &&
                       candidate.protocol == services::Protocol::Tcp && candidate.port;
            });
        if (port == slice->ports.end()) {
            continue;
        }
        for (const auto& endpoint : slice->endpoints) {
            if (endpoint.ready) {
                ready.push_back({endpoint.address, *port->port});
            } else if (endpoint.serving && endpoint.terminating) {
                ending.push_back({endpoint.address, *port->port});
            }
        }
    }
    auto& chosen = result.endpoints;
    chosen = ready.empty() ? std::move(ending) : std::move(ready);
    const bool any_v4 = std::any_of(
        chosen.begin(), chosen.end(), [](const auto& one) { return one.address.is_v4(); });
    std::erase_if(chosen, [any_v4](const auto& one) { return any_v4 && !one.address.is_v4(); });
    std::sort(chosen.begin(), chosen.end());
    chosen.erase(std::unique(chosen.begin(), chosen.end()), chosen.end());
    if (chosen.empty()) {
        result.problem =
            "Service " + service.first + "/" + service.second + " has no ready endpoints";
    }
}

} // namespace labctl::compile
