#include "labctl/supervisor/pod_workload.h"

#include <algorithm>
#include <string_view>

#include "labctl/api/containers.h"
#include "labctl/compile/gateway_objects.h"
#include "labctl/compile/image_name.h"
#include "labctl/compile/ingress_objects.h"
#include "labctl/compile/linkerd_objects.h"
#include "labctl/compile/pod_dns.h"
#include "labctl/compile/sidecar_objects.h"
#include "labctl/dataplane/gateway_wire.h"

namespace labctl::supervisor {

using api::at;
using api::Json;
using api::string_at;

namespace {

constexpr const char* kReadyAnnotation = "labctl.dev/ready";
/// Where `istioctl kube-inject` has the kubelet's probes of the application go.
constexpr int kSidecarStatusPort = 15020;

/// Whether a container is coredns, of whatever registry and version.
bool is_dns_server(const Json& container) {
    return compile::is_image(string_at(container, "image"), "coredns/coredns");
}

} // namespace

std::string pod_namespace(const api::ObjectKey& pod) {
    return "pod/" + pod.ns + "/" + pod.name;
}

bool runnable(const api::Object& pod) {
    const auto phase = string_at(pod.body, "status.phase");
    return !string_at(pod.body, "spec.nodeName").empty() &&
           !at(pod.body, "status.podIPs").empty() && phase != "Succeeded" && phase != "Failed";
}

std::string network_namespace(const api::Object& pod) {
    return api::bool_at(pod.body, "spec.hostNetwork", false)
               ? "node/" + string_at(pod.body, "spec.nodeName")
               : pod_namespace(pod.key());
}

std::vector<dataplane::WorkloadPort> declared_ports(const Json& pod) {
    std::vector<dataplane::WorkloadPort> ports;
    const bool linkerd = compile::has_linkerd_proxy(pod); // whose container declares its own ports
    for (const Json& container : api::running_containers(pod)) {
        if (linkerd && string_at(container, "name") == compile::kLinkerdContainer) {
            continue;
        }
        for (const auto& port : at(container, "ports")) {
            const auto protocol = string_at(port, "protocol", "TCP");
            ports.push_back(
                {static_cast<std::uint16_t>(api::int_at(port, "containerPort", 0)),
                 protocol == "UDP"    ? dataplane::Protocol::Udp
                 : protocol == "SCTP" ? dataplane::Protocol::Sctp
                                      : dataplane::Protocol::Tcp,
                 string_at(port, "name")});
        }
    }
    return ports;
}

bool has_dns_server(const Json& pod) {
    const auto& containers = at(pod, "spec.containers");
    return std::any_of(containers.begin(), containers.end(), is_dns_server);
}

std::string readiness_failure(const Json& pod, const std::vector<dataplane::WorkloadPort>& ports) {
    // A sidecar answers for itself, and Istio's for others.
    const bool sidecar = compile::has_sidecar(pod);
    const bool linkerd = compile::has_linkerd_proxy(pod);
    for (const auto& container : at(pod, "spec.containers")) {
        const auto name = string_at(container, "name");
        if ((sidecar && name == compile::kSidecarContainer) ||
            (linkerd && name == compile::kLinkerdContainer)) {
            continue;
        }
        const auto& probe = at(container, "readinessProbe");
        for (const auto* kind : {"httpGet", "tcpSocket", "grpc"}) {
            const auto& wanted = at(at(probe, kind), "port");
            if (wanted.is_null() || (sidecar && wanted == kSidecarStatusPort)) {
                continue;
            }
            const bool served = std::any_of(ports.begin(), ports.end(), [&](const auto& port) {
                return port.protocol == dataplane::Protocol::Tcp &&
                       (wanted.is_string() ? wanted == port.name : wanted == port.port);
            });
            if (!served) {
                return "Readiness probe failed: port " + wanted.dump() + " of container '" +
                       string_at(container, "name") +
                       "': nothing listens there: connection refused";
            }
        }
    }
    return {};
}

std::vector<dataplane::WorkloadPort>
coredns_ports(const Json& pod, const std::vector<std::uint16_t>& http) {
    std::vector<dataplane::WorkloadPort> ports{
        {dataplane::kDnsServerPort, dataplane::Protocol::Udp, {}},
        {dataplane::kDnsServerPort, dataplane::Protocol::Tcp, {}}};
    for (const auto port : http) {
        ports.push_back({port, dataplane::Protocol::Tcp, {}});
    }
    for (auto& port : ports) {
        for (const auto& declared : declared_ports(pod)) {
            if (declared.port == port.port && declared.protocol == port.protocol) {
                port.name = declared.name;
            }
        }
    }
    return ports;
}

dataplane::DnsServing dns_serving(const Json& pod, const ClusterDns& dns) {
    constexpr std::uint16_t kNameServerPort = 53;
    const auto conf = compile::pod_resolv_conf(pod, dns);
    dataplane::DnsServing serving;
    for (const auto& text : conf.nameservers) {
        if (const auto address = netemu::IpAddress::parse(text)) {
            serving.nameservers.push_back({*address, kNameServerPort});
        }
    }
    serving.searches = conf.searches;
    return serving;
}

/// A Gateway's pod names its ports "http-80" and "https-443" (compile/bootstrap_gateway.cc).
dataplane::IngressServing gateway_serving(const Json& pod, const std::string& gateway) {
    dataplane::IngressServing serving;
    serving.controller = dataplane::gateway_rules_name(gateway);
    for (const auto& port : declared_ports(pod)) {
        if (port.name.starts_with("https-")) {
            serving.https_ports.push_back(port.port);
        } else if (port.name.starts_with("http-")) {
            serving.http_ports.push_back(port.port);
        }
    }
    return serving;
}

std::optional<dataplane::IngressServing> ingress_serving(const Json& pod) {
    constexpr std::uint16_t kHttpPort = 80;
    constexpr std::uint16_t kHttpsPort = 443;
    dataplane::IngressServing serving;
    if (const auto gateway = compile::gateway_of_pod(pod); !gateway.empty()) {
        return gateway_serving(pod, gateway);
    }
    serving.controller = compile::ingress_controller_of(pod);
    if (serving.controller.empty()) {
        return std::nullopt;
    }
    for (const auto& port : declared_ports(pod)) {
        if (port.protocol != dataplane::Protocol::Tcp) {
            continue;
        }
        if (port.name == "https" || (port.name != "http" && port.port == kHttpsPort)) {
            serving.https_ports.push_back(port.port);
        } else if (port.name == "http" || port.port == kHttpPort) {
            serving.http_ports.push_back(port.port);
        }
    }
    return serving;
}

std::vector<dataplane::WorkloadPort>
listening_ports(const Json& pod, const std::vector<std::uint16_t>& dns_http) {
    constexpr std::uint16_t kIngressHealthPort = 10254;
    if (has_dns_server(pod)) {
        return coredns_ports(pod, dns_http);
    }
    auto ports = declared_ports(pod);
    const bool declared = std::any_of(ports.begin(), ports.end(), [](const auto& port) {
        return port.port == kIngressHealthPort && port.protocol == dataplane::Protocol::Tcp;
    });
    if (!declared && !compile::ingress_controller_of(pod).empty()) {
        ports.push_back({kIngressHealthPort, dataplane::Protocol::Tcp, {}});
    }
    return ports;
}

std::optional<bool> ready_override(const api::Object& pod) {
    const auto annotations = pod.annotations();
    const auto found = annotations.find(kReadyAnnotation);
    if (found == annotations.end()) {
        return std::nullopt;
    }
    return found->second == "true";
}

std::vector<std::string> command_line(const Json& container, const compile::ImageRule& rule) {
    auto arguments = rule.run;
    for (const auto* field : {"command", "args"}) {
        const bool replaced = !rule.run.empty() && std::string_view(field) == "command";
        for (const auto& word : at(container, field)) {
            if (!replaced) {
                arguments.push_back(word.get<std::string>());
            }
        }
    }
    return arguments;
}

} // namespace labctl::supervisor
