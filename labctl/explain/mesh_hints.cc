#include "labctl/explain/mesh_hints.h"

#include <algorithm>

#include "labctl/compile/linkerd_objects.h"
#include "labctl/compile/sidecar_objects.h"
#include "mesh/istio/rule_match.h"
#include "mesh/istio/string_match.h"

namespace labctl::explain {

namespace {

using api::Json;
using api::string_at;
using mesh::istio::AuthorizationPolicy;
using mesh::istio::FieldValues;

/// Its negative's, too.
template <class Visit>
void each_value(const FieldValues& field, Visit visit) {
    for (const auto* values : {&field.values, &field.not_values}) {
        std::for_each(values->begin(), values->end(), visit);
    }
}

template <class Visit>
void each_port(const AuthorizationPolicy& policy, Visit visit) {
    for (const auto& rule : policy.rules) {
        for (const auto& operation : rule.to) {
            each_value(operation.ports, visit);
        }
        for (const auto& condition : rule.when) {
            if (condition.key == "destination.port") {
                each_value(condition.values, visit);
            }
        }
    }
}

template <class Visit>
void each_principal(const AuthorizationPolicy& policy, Visit visit) {
    for (const auto& rule : policy.rules) {
        for (const auto& source : rule.from) {
            each_value(source.principals, visit);
        }
        for (const auto& condition : rule.when) {
            if (condition.key == "source.principal") {
                each_value(condition.values, visit);
            }
        }
    }
}

std::string policy_label(const AuthorizationPolicy& policy) {
    return "AuthorizationPolicy " + policy.ns + "/" + policy.name;
}

class ArrivalHints {
public:
    ArrivalHints(
        const compile::MeshView& view,
        const MeshArrival& arrival,
        const Json& story,
        std::uint16_t service_port)
        : view_(view), arrival_(arrival), story_(story), service_port_(service_port) {}

    std::vector<MeshHint> all() && {
        if (!api::bool_at(story_, "mtls.accepted", true) && !arrival_.peer_id) {
            add_plaintext();
        }
        if (const auto pod = view_.pod(arrival_.pod)) {
            for (const auto& policy : view_.authentications()) {
                add_authentication(policy, *pod);
            }
        }
        if (const auto* workload = view_.workload(arrival_.pod)) {
            for (const auto* policy : view_.policies(*workload)) {
                add_ports(*policy);
                add_principals(*policy);
                add_http(*policy);
                add_tokens(*policy, *workload);
            }
        }
        return std::move(hints_);
    }

private:
    void add(std::string text, std::string remedy) {
        MeshHint hint{std::move(text), std::move(remedy)};
        if (std::find(hints_.begin(), hints_.end(), hint) == hints_.end()) {
            hints_.push_back(std::move(hint));
        }
    }

    /// The Service to call instead of the pod: "backend.shop:80"; "" if there is none.
    [[nodiscard]] std::string service_for() const {
        for (const auto& service : view_.table().services) {
            for (const auto& endpoint : service.endpoints) {
                if (endpoint.address == arrival_.address && !service.name.empty()) {
                    return service.name;
                }
            }
        }
        return {};
    }

    void add_plaintext() {
        if (arrival_.by_sidecar) {
            const auto cluster = service_for();
            add("a pod's own address is no Service's: the client's sidecar knows nobody there and "
                "passes "
                "the connection through in plaintext",
                cluster.empty() ? "make a Service for the pod's port, and call that"
                                : "call its Service: " + cluster.substr(cluster.rfind('|') + 1));
            return;
        }
        add("the client has no sidecar, so it cannot speak the mesh's mutual TLS",
            "give it one, or set the mode of the port to PERMISSIVE while there are such clients");
    }

    void add_authentication(const mesh::istio::PeerAuthentication& policy, const api::Object& pod) {
        const bool of_root = policy.ns == compile::kMeshNamespace;
        if (!of_root && policy.ns != pod.ns()) {
            return;
        }
        const auto label = "PeerAuthentication " + policy.ns + "/" + policy.name;
        if (of_root && !policy.selector.empty()) {
            add(label + " is ignored: it is in the root namespace and has a selector",
                "put it into the namespace of the pods");
            return;
        }
        if (policy.selector.empty()) {
            if (!policy.port_modes.empty()) {
                add("portLevelMtls of " + label + " does nothing: the policy has no selector",
                    "select the pods with spec.selector.matchLabels");
            }
            return;
        }
        const auto port = arrival_.address.port;
        if (mesh::istio::selects(policy.selector, compile::mesh_labels(pod)) &&
            service_port_ != port && policy.port_modes.contains(service_port_) &&
            !policy.port_modes.contains(port)) {
            add("portLevelMtls of " + label + " names port " + std::to_string(service_port_) +
                    ", which is the Service's: it does nothing here",
                "write the port of the container: " + std::to_string(port));
        }
    }

    void add_ports(const AuthorizationPolicy& policy) {
        const auto wanted = std::to_string(arrival_.address.port);
        const auto of_service = std::to_string(service_port_);
        bool names_service = false;
        bool names_own = false;
        each_port(policy, [&](const std::string& port) {
            names_service = names_service || port == of_service;
            names_own = names_own || port == wanted;
        });
        if (names_service && !names_own) {
            add(policy_label(policy) + " names port " + of_service +
                    ", which is the Service's: policies see the port of the workload",
                "write " + wanted);
        }
    }

    void add_principals(const AuthorizationPolicy& policy) {
        each_principal(policy, [&](const std::string& principal) {
            if (principal.starts_with(mesh::istio::kSpiffeScheme)) {
                add(policy_label(policy) + " names the principal " + principal +
                        ": principals are written without spiffe://, so this one matches nobody",
                    "write " + principal.substr(mesh::istio::kSpiffeScheme.size()));
            }
        });
    }

    /// Who asks for tokens that nobody validates.
    void add_tokens(const AuthorizationPolicy& policy, const mesh::SidecarWorkload& workload) {
        const bool asks =
            std::any_of(policy.rules.begin(), policy.rules.end(), mesh::istio::needs_token);
        if (asks && workload.authentications.empty()) {
            add(policy_label(policy) +
                    " asks for what a token says (requestPrincipals, request.auth), but no "
                    "RequestAuthentication applies to pod " +
                    arrival_.pod + ", so no token is ever validated there",
                "make one whose selector fits the pod's labels");
        }
    }

    void add_http(const AuthorizationPolicy& policy) {
        for (const auto& told : api::at(story_, "policies")) {
            if (string_at(told, "policy") != policy.ns + "/" + policy.name ||
                api::at(told, "httpOnlyRules").empty()) {
                continue;
            }
            const bool allow = policy.action == AuthorizationPolicy::Action::Allow;
            add(policy_label(policy) +
                    " asks for what only HTTP has (methods, paths, hosts, "
                    "headers), but port " +
                    std::to_string(arrival_.address.port) + " is read as TCP: " +
                    (allow ? "such a rule is left out, so it allows nothing"
                           : "such fields are left out, so the rule matches more than it says"),
                "is it HTTP? Say so in the Service: appProtocol: http, or a port name http or "
                "http-...");
        }
    }

    const compile::MeshView& view_;
    const MeshArrival& arrival_;
    const Json& story_;
    std::uint16_t service_port_;
    std::vector<MeshHint> hints_;
};

} // namespace

std::vector<MeshHint> late_sidecar_hints(const compile::MeshView& view, const std::string& name) {
    const auto pod = view.pod(name);
    const bool late =
        pod && (view.of_linkerd() ? !compile::has_linkerd_proxy(pod->body) &&
                                        compile::linkerd_obstacle(view.store(), pod->body).empty()
                                  : !compile::has_sidecar(pod->body) &&
                                        compile::sidecar_obstacle(view.store(), pod->body).empty());
    if (!late) {
        return {};
    }
    return {
        {"pod " + name +
             " has no sidecar, as it was made before its namespace or its labels asked "
             "for one: sidecars come with new pods only",
         "delete it, so that its workload makes a new one (a pod without one: apply it again)"}};
}

std::vector<MeshHint> arrival_hints(
    const compile::MeshView& view,
    const MeshArrival& arrival,
    const Json& story,
    std::uint16_t service_port) {
    if (view.of_linkerd()) { // what is ignored is told where it would count
        return {};
    }
    return ArrivalHints(view, arrival, story, service_port).all();
}

} // namespace labctl::explain
