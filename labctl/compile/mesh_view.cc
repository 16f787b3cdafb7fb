#include "labctl/compile/mesh_view.h"

#include <algorithm>
#include <optional>

#include "labctl/compile/linkerd_objects.h"
#include "labctl/compile/linkerd_policies.h"
#include "labctl/compile/mesh_policies.h"
#include "labctl/compile/sidecar_objects.h"
#include "mesh/linkerd/identity.h"
#include "mesh/spiffe/id.h"
#include "netemu/base/error.h"

namespace labctl::compile {

using api::at;
using api::Json;
using api::string_at;

namespace {

constexpr const char* kInjectLabel = "sidecar.istio.io/inject";

std::string label_text(const Json& labels, const std::string& key) {
    const auto found = labels.is_object() ? labels.find(key) : labels.end();
    return found != labels.end() && found->is_string() ? found->get<std::string>() : std::string();
}

std::string
account_id(const std::string& trust_domain, const std::string& ns, const std::string& account) {
    try {
        return mesh::SpiffeId::of_service_account(trust_domain, ns, account).to_string();
    } catch (const netemu::Error&) {
        return {};
    }
}

const char* scope_of(
    const std::vector<mesh::istio::PeerAuthentication>& all,
    const mesh::istio::EffectiveMtls& mtls) {
    if (mtls.policy.empty()) {
        return "default";
    }
    if (mtls.by_port) {
        return "port";
    }
    const auto found = std::find_if(all.begin(), all.end(), [&](const auto& policy) {
        return policy.ns + "/" + policy.name == mtls.policy;
    });
    return found == all.end() || !found->selector.empty() ? "workload"
           : found->ns == kMeshNamespace                  ? "mesh"
                                                          : "namespace";
}

} // namespace

std::string sidecar_obstacle(const store::Store& store, const Json& pod) {
    if (api::bool_at(pod, "spec.hostNetwork", false)) {
        return "it uses the network of its node (hostNetwork)";
    }
    if (wants_sidecar(store, pod)) {
        return {};
    }
    const auto ns = string_at(pod, "metadata.namespace");
    const auto object = store.get({"Namespace", {}, ns});
    const auto of_namespace =
        object ? label_text(at(object->body, "metadata.labels"), "istio-injection") : std::string();
    if (const auto label = label_text(at(pod, "metadata.labels"), kInjectLabel);
        of_namespace != "disabled" && !label.empty()) {
        return std::string("its label ") + kInjectLabel + " is " + label;
    }
    const auto annotation = label_text(at(pod, "metadata.annotations"), kInjectLabel);
    if (of_namespace == "enabled") {
        return std::string("its annotation ") + kInjectLabel + " is " + annotation;
    }
    if (of_namespace.empty() && annotation == "true") {
        return std::string("an annotation ") + kInjectLabel +
               " counts only where the namespace has "
               "the label istio-injection=enabled; the label of that name would do";
    }
    return "its namespace " + ns + " has " +
           (of_namespace.empty() ? std::string("no label istio-injection=enabled")
                                 : "the label istio-injection=" + of_namespace);
}

std::string sidecar_absence(const store::Store& store, const Json& pod) {
    const auto obstacle = sidecar_obstacle(store, pod);
    return obstacle.empty() ? "it was made before its namespace or its labels asked for one"
                            : obstacle;
}

std::string pod_identity(const std::string& trust_domain, const Json& pod) {
    return account_id(
        trust_domain,
        string_at(pod, "metadata.namespace"),
        string_at(pod, "spec.serviceAccountName", "default"));
}

mesh::istio::Labels mesh_labels(const api::Object& object) {
    mesh::istio::Labels labels;
    for (const auto& [key, value] : object.labels()) {
        labels[key] = value;
    }
    return labels;
}

MeshView::MeshView(const store::Store& store, const mesh::SidecarTable& table)
    : store_(store), table_(table) {
    for (const auto& object : store.list("PeerAuthentication")) {
        authentications_.push_back(read_peer_authentication(*object));
    }
    if (of_linkerd()) {
        linkerd_ = read_linkerd_policies(store);
    }
    for (const auto& pod : store.list("Pod")) {
        if (api::bool_at(pod->body, "spec.hostNetwork", false)) {
            continue;
        }
        for (const auto& ip : at(pod->body, "status.podIPs")) {
            pods_[string_at(ip, "ip")] = pod->ns() + "/" + pod->name();
        }
    }
}

api::ObjectPtr MeshView::pod(const std::string& name) const {
    const auto slash = name.find('/');
    return slash == std::string::npos
               ? nullptr
               : store_.get({"Pod", name.substr(0, slash), name.substr(slash + 1)});
}

const mesh::SidecarWorkload* MeshView::workload(const std::string& pod) const {
    const auto found = table_.workloads.find(pod);
    return found == table_.workloads.end() ? nullptr : &found->second;
}

std::string MeshView::pod_at(const netemu::IpAddress& address) const {
    const auto found = pods_.find(address.to_string());
    return found == pods_.end() ? std::string() : found->second;
}

std::string MeshView::id_of(const mesh::SidecarWorkload& workload) const {
    const auto slash = workload.account.find('/');
    if (of_linkerd()) {
        return mesh::linkerd::service_account_identity(
            workload.account.substr(0, slash),
            workload.account.substr(slash + 1),
            table_.trust_domain);
    }
    return account_id(
        table_.trust_domain, workload.account.substr(0, slash), workload.account.substr(slash + 1));
}

const mesh::SidecarService* MeshView::service(const netemu::Endpoint& target) const {
    for (const auto& service : table_.services) {
        if (std::find(service.addresses.begin(), service.addresses.end(), target) !=
            service.addresses.end()) {
            return &service;
        }
    }
    of_peer_ = mesh::service_of_peer(table_, target);
    return of_peer_ ? &*of_peer_ : nullptr;
}

mesh::linkerd::Governing MeshView::governing(const api::Object& pod, std::uint16_t port) const {
    auto governing = mesh::linkerd::govern(
        linkerd_, linkerd_workload(store_, {}, pod), port, table_.trust_domain);
    const auto* known = workload(pod.ns() + "/" + pod.name());
    if (governing.inbound.server.empty() && known != nullptr) { // the cluster's default is in there
        governing.inbound = mesh::inbound_server(table_, *known, port);
    }
    return governing;
}

std::vector<const mesh::istio::AuthorizationPolicy*>
MeshView::policies(const mesh::SidecarWorkload& workload) const {
    std::vector<const mesh::istio::AuthorizationPolicy*> policies;
    for (const auto index : workload.policies) {
        policies.push_back(&table_.policies.at(index));
    }
    return policies;
}

Json MeshView::mtls(const api::Object& pod, std::uint16_t port) const {
    const auto mtls =
        mesh::istio::effective_mtls(authentications_, pod.ns(), mesh_labels(pod), port);
    return {
        {"mode", mesh::istio::mtls_mode_name(mtls.mode)},
        {"policy", mtls.policy},
        {"scope", scope_of(authentications_, mtls)}};
}

} // namespace labctl::compile
