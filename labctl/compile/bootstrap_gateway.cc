#include "labctl/compile/bootstrap_gateway.h"

#include <algorithm>
#include <string>
#include <utility>

#include "labctl/compile/control.h"
#include "labctl/compile/gateway_objects.h"
#include "labctl/compile/service_admission.h"

namespace labctl::compile {

namespace {

using api::Json;

constexpr int kGatewayHealthPort = 15021; // Istio's

/// What says that an object was made for the Gateway, and what its spec.infrastructure wants.
Json gateway_labels(const api::Object& gateway) {
    Json labels = Json::object();
    for (const auto& [key, value] : api::labels_at(gateway.body, "spec.infrastructure.labels")) {
        labels[key] = value;
    }
    labels[kGatewayNameLabel] = gateway.name();
    return labels;
}

Json gateway_metadata(const api::Object& gateway) {
    Json metadata{
        {"name", gateway_workload_name(gateway.body)},
        {"namespace", gateway.ns()},
        {"labels", gateway_labels(gateway)},
        {"ownerReferences", Json::array({controller_reference(gateway)})}};
    const auto annotations = api::labels_at(gateway.body, "spec.infrastructure.annotations");
    if (!annotations.empty()) {
        metadata["annotations"] = annotations;
    }
    return metadata;
}

std::string port_name_of(const GatewayPort& port) {
    return (port.tls ? "https-" : "http-") + std::to_string(port.port);
}

Json container_ports(const std::set<GatewayPort>& ports) {
    auto list = Json::array();
    for (const auto& port : ports) {
        list.push_back(
            {{"name", port_name_of(port)}, {"containerPort", port.port}, {"protocol", "TCP"}});
    }
    list.push_back(
        {{"name", "healthz"}, {"containerPort", kGatewayHealthPort}, {"protocol", "TCP"}});
    return list;
}

Json service_ports(const std::set<GatewayPort>& ports) {
    auto list = Json::array();
    for (const auto& port : ports) {
        list.push_back(
            {{"name", port_name_of(port)},
             {"port", port.port},
             {"protocol", "TCP"},
             {"targetPort", port.port}});
    }
    return list;
}

/// Proxies of a mesh are not put beside it, as with Istio's own gateways.
Json pod_metadata(const api::Object& gateway) {
    auto labels = gateway_labels(gateway);
    labels["sidecar.istio.io/inject"] = "false";
    return {{"labels", std::move(labels)}, {"annotations", {{"linkerd.io/inject", "disabled"}}}};
}

Json gateway_deployment(const api::Object& gateway, const std::set<GatewayPort>& ports) {
    const auto name = gateway_workload_name(gateway.body);
    Json container{
        {"name", "gateway"},
        {"image", std::string(kGatewayImage) + ":v1"},
        {"args", Json::array({"--gateway=" + gateway.ns() + "/" + gateway.name()})},
        {"ports", container_ports(ports)},
        {"readinessProbe",
         {{"httpGet", {{"path", "/healthz"}, {"port", kGatewayHealthPort}, {"scheme", "HTTP"}}}}}};
    Json spec{
        {"containers", Json::array({std::move(container)})},
        {"dnsPolicy", "ClusterFirst"},
        {"restartPolicy", "Always"},
        {"serviceAccountName", name},
        {"terminationGracePeriodSeconds", 30}};
    return {
        {"apiVersion", "apps/v1"},
        {"kind", "Deployment"},
        {"metadata", gateway_metadata(gateway)},
        {"spec",
         {{"replicas", 1},
          {"selector", {{"matchLabels", {{kGatewayNameLabel, gateway.name()}}}}},
          {"strategy",
           {{"type", "RollingUpdate"},
            {"rollingUpdate", {{"maxUnavailable", "25%"}, {"maxSurge", "25%"}}}}},
          {"progressDeadlineSeconds", 600},
          {"revisionHistoryLimit", 10},
          {"template", {{"metadata", pod_metadata(gateway)}, {"spec", std::move(spec)}}}}}};
}

/// The external policy is Local: the Gateway sees who asks, not a node's address.
Json gateway_service(
    const api::Object& gateway, const ClusterConfig& config, const std::set<GatewayPort>& ports) {
    Json service{
        {"apiVersion", "v1"},
        {"kind", "Service"},
        {"metadata", gateway_metadata(gateway)},
        {"spec",
         {{"type", "LoadBalancer"},
          {"externalTrafficPolicy", "Local"},
          {"ipFamilyPolicy", config.service_cidrs.size() > 1 ? "PreferDualStack" : "SingleStack"},
          {"selector", {{kGatewayNameLabel, gateway.name()}}},
          {"ports", service_ports(ports)}}}};
    for (const auto& address : api::at(gateway.body, "spec.addresses")) {
        if (api::string_at(address, "type", "IPAddress") == "IPAddress") {
            service["spec"]["loadBalancerIP"] = api::string_at(address, "value");
            break;
        }
    }
    return service;
}

/// Whether the Service has these ports already, whatever else was given to them.
bool has_ports(const Json& service, const std::set<GatewayPort>& ports) {
    const auto& list = api::at(service, "spec.ports");
    return list.size() == ports.size() &&
           std::all_of(list.begin(), list.end(), [&ports](const Json& one) {
               const auto name = api::string_at(one, "name");
               return std::any_of(ports.begin(), ports.end(), [&](const GatewayPort& port) {
                   return port_name_of(port) == name && api::int_at(one, "port", 0) == port.port;
               });
           });
}

/// These, with the node ports that are known to clients already.
Json changed_ports(const Json& service, const std::set<GatewayPort>& ports) {
    auto changed = service_ports(ports);
    for (auto& port : changed) {
        for (const auto& old : api::at(service, "spec.ports")) {
            const auto node_port = api::int_at(old, "nodePort", 0);
            if (old["name"] == port["name"] && node_port != 0) {
                port["nodePort"] = node_port;
            }
        }
    }
    return changed;
}

void ensure_gateway_service(
    Control& control,
    const ClusterConfig& config,
    const api::Object& gateway,
    const std::set<GatewayPort>& ports) {
    const auto name = gateway_workload_name(gateway.body);
    const auto service = control.store.get({"Service", gateway.ns(), name});
    if (ports.empty()) {
        if (service && service->labels().contains(kGatewayNameLabel)) {
            control.store.remove({"Service", gateway.ns(), name});
        }
    } else if (!service) {
        auto made = gateway_service(gateway, config, ports);
        admit_new_service(control.state.services(), made);
        control.store.put({std::move(made), {}});
    } else if (service->labels().contains(kGatewayNameLabel) && !has_ports(service->body, ports)) {
        control.edit(service, [&](Json& body) {
            body["spec"]["ports"] = changed_ports(service->body, ports);
            admit_changed_service(control.state.services(), service->body, body);
        });
    }
}

void ensure_gateway_deployment(
    Control& control, const api::Object& gateway, const std::set<GatewayPort>& ports) {
    const auto name = gateway_workload_name(gateway.body);
    const auto deployment = control.store.get({"Deployment", gateway.ns(), name});
    if (!deployment) {
        control.store.put({gateway_deployment(gateway, ports), {}});
        return;
    }
    if (!deployment->labels().contains(kGatewayNameLabel)) {
        return; // somebody else's, of the same name
    }
    const auto& containers = api::at(deployment->body, "spec.template.spec.containers");
    if (!containers.is_array() || containers.empty() ||
        api::at(containers.front(), "ports") == container_ports(ports)) {
        return;
    }
    control.edit(deployment, [&ports](Json& body) {
        body["spec"]["template"]["spec"]["containers"][0]["ports"] = container_ports(ports);
    });
}

} // namespace

void ensure_gateway_class(Control& control) {
    const auto classes = control.store.list("GatewayClass");
    const bool known = std::any_of(classes.begin(), classes.end(), [](const auto& one) {
        return api::string_at(one->body, "spec.controllerName") == kGatewayController;
    });
    if (!known && !control.store.get({"GatewayClass", "", kGatewayClass})) {
        control.store.put(
            {{{"apiVersion", std::string(kGatewayApiGroup) + "/v1"},
              {"kind", "GatewayClass"},
              {"metadata", {{"name", kGatewayClass}}},
              {"spec", {{"controllerName", kGatewayController}}}},
             {}});
    }
}

void ensure_gateway_workload(
    Control& control,
    const ClusterConfig& config,
    const api::ObjectPtr& gateway,
    const std::set<GatewayPort>& ports) {
    const auto name = gateway_workload_name(gateway->body);
    if (!control.store.get({"ServiceAccount", gateway->ns(), name})) {
        control.store.put(
            {{{"apiVersion", "v1"},
              {"kind", "ServiceAccount"},
              {"metadata", gateway_metadata(*gateway)}},
             {}});
    }
    ensure_gateway_service(control, config, *gateway, ports);
    ensure_gateway_deployment(control, *gateway, ports);
}

} // namespace labctl::compile
