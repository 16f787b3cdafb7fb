#include "labctl/explain/mesh_outbound.h"

#include <charconv>

#include "labctl/compile/service_values.h"
#include "labctl/compile/sidecars.h"
#include "netemu/base/text.h"

namespace labctl::explain {

namespace {

using api::Json;
using mesh::SidecarProtocol;

/// Why a port of a Service is taken to speak that protocol.
std::string port_reason(const services::ServicePort& port, SidecarProtocol protocol) {
    if (!port.app_protocol.empty()) {
        return "appProtocol " + port.app_protocol +
               (protocol == SidecarProtocol::Detect ? ", which says nothing: the first bytes do"
                                                    : "");
    }
    if (compile::sidecar_protocol({}, port.name, 0) != SidecarProtocol::Detect) {
        return "the port's name, " + port.name;
    }
    return protocol == SidecarProtocol::Tcp
               ? "the port's number: servers speak first there"
               : "neither appProtocol nor the port's name says, so the first bytes do";
}

std::string protocol_reason(const compile::MeshView& view, const mesh::SidecarService& service) {
    const auto host = service.name.substr(service.name.rfind('|') + 1);
    const auto parts = netemu::split(host, '.');
    if (parts.size() < 2) {
        return {};
    }
    const auto object = view.store().get({"Service", std::string(parts[1]), std::string(parts[0])});
    if (!object) {
        return {};
    }
    for (const auto& port : compile::service_value(object->body).ports) {
        if (port.port == cluster_port(service) && port.protocol == services::Protocol::Tcp) {
            return port_reason(port, service.protocol);
        }
    }
    return {};
}

} // namespace

std::uint16_t cluster_port(const mesh::SidecarService& service) {
    const auto parts = netemu::split(service.name, '|'); // outbound|PORT||HOST
    std::uint16_t port = 0;
    if (parts.size() > 1) {
        (void)std::from_chars(parts[1].data(), parts[1].data() + parts[1].size(), port);
    }
    return port;
}

Json explain_application(const MeshSpeech& speech) {
    return {
        {"kind", "application"},
        {"why", "no sidecar: plaintext from the application itself"},
        {"spoken", speech.kind == MeshSpeech::Kind::Http ? "HTTP" : "TCP"}};
}

Json explain_passthrough(const compile::MeshView& view, const netemu::Endpoint& target) {
    return {
        {"kind", "passthrough"},
        {"redirect", mesh::kSidecarOutboundPort},
        {"cluster", "PassthroughCluster"},
        {"spoken", "TCP"},
        {"why",
         view.pod_at(target.address).empty()
             ? "the mesh knows no Service there"
             : "it is a pod's own address, and no headless Service has the pod there"}};
}

Json explain_cluster(
    const compile::MeshView& view, const mesh::SidecarService& service, const MeshSpeech& speech) {
    return {
        {"kind", "cluster"},
        {"redirect", mesh::kSidecarOutboundPort},
        {"cluster", service.name},
        {"protocol", sidecar_protocol_name(service.protocol)},
        {"protocolWhy", protocol_reason(view, service)},
        {"spoken", speech.is_http(service.protocol) ? "HTTP" : "TCP"},
        {"sni", service.sni},
        {"serverIds", service.server_ids}};
}

Json explain_linkerd_outbound(const mesh::SidecarService* service, const MeshSpeech& speech) {
    Json story{{"redirect", mesh::kLinkerdOutboundPort}, {"chain", "PROXY_INIT_OUTPUT"}};
    if (service == nullptr) {
        story["kind"] = "passthrough";
        story["cluster"] = "none";
        story["spoken"] = "TCP";
        story["why"] = "there is no Service, nor a pod with a proxy";
        return story;
    }
    const bool opaque = service->protocol == SidecarProtocol::Tcp;
    const bool http = !opaque && speech.kind == MeshSpeech::Kind::Http;
    story["kind"] = "cluster";
    story["cluster"] = service->name;
    story["protocol"] = opaque ? "opaque" : "detect";
    story["protocolWhy"] = opaque ? "an opaque port: nobody looks into it" : "the first bytes say";
    story["spoken"] = http ? "HTTP" : "TCP";
    return story;
}

} // namespace labctl::explain
