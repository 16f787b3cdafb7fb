#include "labctl/explain/describe_mesh.h"

#include <algorithm>
#include <functional>
#include <set>

#include "labctl/compile/cluster_config.h"
#include "labctl/compile/mesh_policies.h"
#include "labctl/compile/mesh_view.h"
#include "labctl/compile/sidecar_objects.h"
#include "labctl/explain/describe_linkerd.h"
#include "labctl/explain/mesh_inbound.h"
#include "mesh/istio/policy_match.h"
#include "mesh/istio/rule_match.h"

namespace labctl::explain {

namespace {

using api::at;
using api::Json;
using api::string_at;

/// The ports of a pod that are worth telling of: declared ones, those that Services lead to, and
/// those with a mode of their own.
std::set<std::uint16_t> told_ports(
    const compile::MeshView& view, const api::Object& pod, const mesh::SidecarWorkload& workload) {
    std::set<std::uint16_t> ports;
    for (const auto& container : at(pod.body, "spec.containers")) {
        for (const auto& port : at(container, "ports")) {
            const auto number = api::int_at(port, "containerPort", 0);
            if (string_at(port, "protocol", "TCP") == "TCP" && number > 0 && number <= UINT16_MAX) {
                ports.insert(static_cast<std::uint16_t>(number));
            }
        }
    }
    for (const auto& port : workload.ports) {
        if (port.protocol != mesh::SidecarProtocol::Detect ||
            string_at(view.mtls(pod, port.port), "scope") == "port") {
            ports.insert(port.port);
        }
    }
    return ports;
}

Json describe_pod(const compile::MeshView& view, const api::Object& pod) {
    const auto* workload = view.workload(pod.ns() + "/" + pod.name());
    if (workload == nullptr) {
        const bool late = !compile::has_sidecar(pod.body) &&
                          compile::sidecar_obstacle(view.store(), pod.body).empty();
        return {
            {"sidecar", false},
            {"why", compile::sidecar_absence(view.store(), pod.body)},
            {"late", late}};
    }
    Json answer{
        {"sidecar", true},
        {"id", view.id_of(*workload)},
        {"ports", Json::array()},
        {"others", view.mtls(pod, 0)},
        {"policies", Json::array()},
        {"authentications", Json::array()}};
    for (const auto index : workload->authentications) {
        const auto& policy = view.table().request_authentications.at(index);
        auto issuers = Json::array();
        for (const auto& rule : policy.rules) {
            issuers.push_back(rule.issuer);
        }
        answer["authentications"].push_back(
            {{"policy", policy.ns + "/" + policy.name}, {"issuers", std::move(issuers)}});
    }
    for (const auto number : told_ports(view, pod, *workload)) {
        auto port = view.mtls(pod, number);
        port["port"] = number;
        port["protocol"] = sidecar_protocol_name(mesh::sidecar_port(*workload, number).protocol);
        answer["ports"].push_back(std::move(port));
    }
    for (const auto* policy : view.policies(*workload)) {
        answer["policies"].push_back(
            {{"policy", policy->ns + "/" + policy->name},
             {"action", mesh::istio::action_name(policy->action)},
             {"dryRun", policy->dry_run}});
    }
    return answer;
}

/// Whether the policy decides for some port of the pod, or else who does for all.
Json decider_of(
    const compile::MeshView& view,
    const mesh::istio::PeerAuthentication& policy,
    const api::Object& pod) {
    const auto own = policy.ns + "/" + policy.name;
    const auto others = string_at(view.mtls(pod, 0), "policy");
    const bool by_port =
        std::any_of(policy.port_modes.begin(), policy.port_modes.end(), [&](const auto& entry) {
            return string_at(view.mtls(pod, entry.first), "policy") == own;
        });
    return {
        {"pod", pod.ns() + "/" + pod.name()},
        {"decides", others == own || by_port},
        {"by", others}};
}

/// Pods for which `is_meant` holds, each by what `tell` makes of it, and those without a sidecar.
template <class IsMeant, class Tell>
Json describe_scope(const compile::MeshView& view, IsMeant is_meant, Tell tell) {
    Json answer{{"pods", Json::array()}, {"without", Json::array()}, {"note", ""}};
    for (const auto& pod : view.store().list("Pod")) {
        if (!is_meant(*pod)) {
            continue;
        }
        const auto name = pod->ns() + "/" + pod->name();
        if (view.workload(name) != nullptr) {
            answer["pods"].push_back(tell(*pod));
        } else if (!api::bool_at(pod->body, "spec.hostNetwork", false)) {
            answer["without"].push_back(name);
        }
    }
    return answer;
}

Json describe_authentication(const compile::MeshView& view, const api::Object& object) {
    const auto policy = compile::read_peer_authentication(object);
    const bool of_root = policy.ns == compile::kMeshNamespace;
    if (of_root && !policy.selector.empty()) {
        return {
            {"pods", Json::array()},
            {"without", Json::array()},
            {"note", "it is ignored, as it is in the root namespace and has a selector"}};
    }
    return describe_scope(
        view,
        [&](const api::Object& pod) {
            return (of_root || pod.ns() == policy.ns) &&
                   mesh::istio::selects(policy.selector, compile::mesh_labels(pod));
        },
        [&](const api::Object& pod) { return decider_of(view, policy, pod); });
}

/// Whether some AuthorizationPolicy of the pod asks for a token's principal or claims.
std::function<bool(const api::Object&)> asks_for_token(const compile::MeshView& view) {
    return [&view](const api::Object& pod) {
        const auto* workload = view.workload(pod.ns() + "/" + pod.name());
        const auto policies = workload == nullptr
                                  ? std::vector<const mesh::istio::AuthorizationPolicy*>()
                                  : view.policies(*workload);
        return std::any_of(policies.begin(), policies.end(), [](const auto* policy) {
            return std::any_of(
                policy->rules.begin(), policy->rules.end(), mesh::istio::needs_token);
        });
    };
}

/// `asks`: of a RequestAuthentication, whether somebody asks a pod's callers for tokens.
Json describe_authorization(
    const compile::MeshView& view,
    const api::Object& object,
    const std::function<bool(const api::Object&)>& asks = nullptr) {
    const auto scope = compile::authorization_scope(object);
    auto answer = describe_scope(
        view,
        [&](const api::Object& pod) {
            return mesh::istio::applies(scope, pod.ns(), compile::mesh_labels(pod));
        },
        [&asks](const api::Object& pod) {
            Json told{{"pod", pod.ns() + "/" + pod.name()}};
            if (asks) {
                told["required"] = asks(pod);
            }
            return told;
        });
    if (scope.has_targets) {
        answer["note"] = "it has targetRefs: those are for gateways and waypoints, and sidecars "
                         "ignore it";
    }
    return answer;
}

/// Of a VirtualService: whose requests it may route.
Json describe_routes_of(const compile::MeshView& view, const api::Object& object) {
    Json answer{{"services", Json::array()}};
    for (const auto& service : view.table().services) {
        for (const auto index : service.virtual_services) {
            const auto& known = view.table().virtual_services.at(index);
            if (known.ns == object.ns() && known.name == object.name()) {
                answer["services"].push_back(
                    std::string(mesh::service_host(service.name)) + ":" +
                    std::to_string(mesh::service_port(service.name)));
            }
        }
    }
    return answer;
}

/// Adds the pods of a subset that are ready, each once.
void add_pods(
    const mesh::SidecarService& service, const std::vector<std::uint32_t>& places, Json& pods) {
    for (const auto place : places) {
        const auto& pod = service.endpoints.at(place).pod;
        if (!pod.empty() && std::find(pods.begin(), pods.end(), pod) == pods.end()) {
            pods.push_back(pod);
        }
    }
}

/// The ready pods of each subset. Rules of one namespace for one host are one in the table, by the
/// name of the first.
Json describe_subsets(const compile::MeshView& view, const api::Object& object) {
    Json answer{{"subsets", Json::object()}};
    const auto host = string_at(object.body, "spec.host");
    for (const auto& service : view.table().services) {
        const std::string whole(mesh::service_host(service.name));
        if (whole != host && !whole.starts_with(host + "." + object.ns() + ".") &&
            !mesh::istio::host_matches(host, whole)) {
            continue;
        }
        for (const auto& rule : service.rules) {
            if (rule.ns != object.ns()) {
                continue;
            }
            for (const auto& subset : rule.subsets) {
                auto& pods = answer["subsets"][subset.name];
                pods = pods.is_array() ? pods : Json::array();
                add_pods(service, subset.endpoints, pods);
            }
        }
    }
    return answer;
}

} // namespace

Json describe_mesh(
    const store::Store& store,
    const compile::ClusterConfig& config,
    const mesh::SidecarTable& table,
    const api::ObjectKey& key) {
    const auto object = store.get(key);
    if (config.mesh_profile == "none" || !object) {
        return nullptr;
    }
    const compile::MeshView view(store, table);
    if (view.of_linkerd()) {
        return describe_linkerd(view, *object);
    }
    return key.kind == "Pod"                   ? describe_pod(view, *object)
           : key.kind == "PeerAuthentication"  ? describe_authentication(view, *object)
           : key.kind == "AuthorizationPolicy" ? describe_authorization(view, *object)
           : key.kind == "RequestAuthentication"
               ? describe_authorization(view, *object, asks_for_token(view))
           : key.kind == "VirtualService"  ? describe_routes_of(view, *object)
           : key.kind == "DestinationRule" ? describe_subsets(view, *object)
                                           : Json();
}

} // namespace labctl::explain
