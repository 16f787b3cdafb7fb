#include <algorithm>

#include "labctl/compile/cluster_config.h"
#include "labctl/compile/ingress_objects.h"
#include "labctl/compile/sidecar_objects.h"
#include "labctl/explain/mesh.h"
#include "labctl/explain/mesh_inbound.h"
#include "labctl/explain/name.h"
#include "labctl/explain/url.h"
#include "netemu/base/text.h"

/// What is asked about a mesh.
namespace labctl::explain {

using api::at;
using api::Json;
using api::string_at;
using netemu::IpAddress;

namespace {

constexpr const char* kPodTarget = "pod:";

/// Of a Service, a pod or a node.
bool is_address_of_lab(const store::Store& store, const std::string& host) {
    const auto among = [&](const Json& list, const char* field) {
        return std::any_of(list.begin(), list.end(), [&](const Json& entry) {
            return (entry.is_string() ? entry.get<std::string>() : string_at(entry, field)) == host;
        });
    };
    struct Place {
        const char *kind, *list, *field;
    };
    for (const auto& [kind, list, field] :
         {Place{"Service", "spec.clusterIPs", ""},
          Place{"Service", "spec.externalIPs", ""},
          Place{"Service", "status.loadBalancer.ingress", "ip"},
          Place{"Pod", "status.podIPs", "ip"},
          Place{"Node", "status.addresses", "address"}}) {
        for (const auto& object : store.list(kind)) {
            if (among(at(object->body, list), field)) {
                return true;
            }
        }
    }
    return false;
}

/// Of one that has Ingresses.
bool is_controller_address(
    const store::Store& store,
    const std::map<std::string, services::IngressTable>& ingresses,
    const std::string& host) {
    return std::any_of(ingresses.begin(), ingresses.end(), [&](const auto& controller) {
        const auto& [name, table] = controller;
        const auto addresses = compile::ingress_addresses(store, name);
        return (!table.hosts.empty() || table.default_backend) &&
               std::find(addresses.begin(), addresses.end(), host) != addresses.end();
    });
}

} // namespace

MeshSpeech mesh_speech(const ExplainQuestion& question, const netemu::Endpoint& target) {
    MeshSpeech speech;
    speech.authority = target.to_string();
    if (!is_asked_url(question.to)) {
        const auto host = AskedUrl{"", question.to, ""}.host();
        if (!host.starts_with(kPodTarget) && !IpAddress::parse(host) &&
            host.find('/') == std::string::npos) {
            speech.authority = host;
        }
        return speech;
    }
    const auto url = read_asked_url(question.to);
    speech.kind = url.scheme == "https" ? MeshSpeech::Kind::Tls : MeshSpeech::Kind::Http;
    speech.method = question.method;
    speech.target = url.target.substr(0, url.target.find('#'));
    if (!url.authority.starts_with(kPodTarget)) {
        speech.authority = url.authority.ends_with(":80")
                               ? url.authority.substr(0, url.authority.size() - 3)
                               : url.authority;
    }
    for (const auto& [name, value] : question.headers) {
        if (netemu::to_lower(name) == "host") {
            speech.authority = value;
        }
        speech.headers.set(name, value);
    }
    return speech;
}

bool is_service_url(
    const store::Store& store,
    const compile::ClusterConfig& config,
    const std::map<std::string, services::IngressTable>& ingresses,
    const ExplainQuestion& question) {
    if (!is_asked_url(question.to)) {
        return false;
    }
    const auto host = read_asked_url(question.to).host();
    if (is_controller_address(store, ingresses, host) ||
        std::any_of(ingresses.begin(), ingresses.end(), [&](const auto& controller) {
            return services::ingress_host_key(controller.second, host) != nullptr;
        })) {
        return false;
    }
    if (host.starts_with(kPodTarget) || is_address_of_lab(store, host)) {
        return true;
    }
    if (const auto found = find_name(store, config, question, host)) {
        return found->service != nullptr;
    }
    const auto parts = netemu::split(host, '.'); // a Service whose name has no address yet
    return (parts.size() < 3 || parts[2] == "svc") &&
           store.get(
               {"Service",
                parts.size() > 1 ? std::string(parts[1]) : namespace_of_names(store, question),
                std::string(parts[0])}) != nullptr;
}

ExplainQuestion connection_question(const ExplainQuestion& question) {
    auto asked = question;
    if (is_asked_url(question.to)) {
        asked.to = read_asked_url(question.to).connection();
    }
    return asked;
}

} // namespace labctl::explain
