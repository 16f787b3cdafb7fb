#include <algorithm>
#include <functional>

#include "labctl/api/object.h"
#include "netemu/base/text.h"

namespace labctl::api {

namespace {

bool is_called(const KindInfo& info, const std::string& name) {
    return name == netemu::to_lower(plain_kind(info.kind)) || name == info.plural ||
           std::find(info.short_names.begin(), info.short_names.end(), name) !=
               info.short_names.end();
}

/// Whether it is of that group, or of "VERSION.GROUP".
bool is_of(const KindInfo& info, const std::string& place) {
    const std::string group(group_of(info.api_version));
    const auto version = info.api_version.substr(group.empty() ? 0 : group.size() + 1);
    return place == group || place == version + "." + group;
}

/// By their plain names.
std::map<std::string, std::vector<const KindInfo*>, std::less<>> kinds_of_other_groups() {
    std::map<std::string, std::vector<const KindInfo*>, std::less<>> result;
    for (const auto& info : kinds()) {
        const auto group = group_of(info.api_version);
        if (group.ends_with(".istio.io") || group.ends_with(".linkerd.io") ||
            group == "gateway.networking.k8s.io") {
            result[std::string(plain_kind(info.kind))].push_back(&info);
        }
    }
    return result;
}

} // namespace

const std::vector<KindInfo>& kinds() {
    static const std::vector<KindInfo> kKinds{
        {"Namespace", "v1", "namespaces", {"ns"}, false},
        {"Node", "v1", "nodes", {"no"}, false},
        {"Pod", "v1", "pods", {"po"}},
        {"Deployment", "apps/v1", "deployments", {"deploy"}},
        {"ReplicaSet", "apps/v1", "replicasets", {"rs"}},
        {"StatefulSet", "apps/v1", "statefulsets", {"sts"}},
        {"DaemonSet", "apps/v1", "daemonsets", {"ds"}},
        {"Job", "batch/v1", "jobs", {}},
        {"Service", "v1", "services", {"svc"}},
        {"Endpoints", "v1", "endpoints", {"ep"}},
        {"EndpointSlice", "discovery.k8s.io/v1", "endpointslices", {}},
        {"ServiceAccount", "v1", "serviceaccounts", {"sa"}},
        {"ConfigMap", "v1", "configmaps", {"cm"}},
        {"Secret", "v1", "secrets", {}},
        {"NetworkPolicy", "networking.k8s.io/v1", "networkpolicies", {"netpol"}},
        {"AdminNetworkPolicy",
         "policy.networking.k8s.io/v1alpha1",
         "adminnetworkpolicies",
         {"anp"},
         false},
        {"BaselineAdminNetworkPolicy",
         "policy.networking.k8s.io/v1alpha1",
         "baselineadminnetworkpolicies",
         {"banp"},
         false},
        {"ClusterNetworkPolicy",
         "policy.networking.k8s.io/v1alpha2",
         "clusternetworkpolicies",
         {"cnp"},
         false},
        {"CiliumIdentity", "cilium.io/v2", "ciliumidentities", {"ciliumid"}, false},
        {"Ingress", "networking.k8s.io/v1", "ingresses", {"ing"}},
        {"IngressClass", "networking.k8s.io/v1", "ingressclasses", {}, false},
        {"PeerAuthentication", "security.istio.io/v1", "peerauthentications", {"pa"}},
        {"AuthorizationPolicy", "security.istio.io/v1", "authorizationpolicies", {"ap"}},
        {"RequestAuthentication", "security.istio.io/v1", "requestauthentications", {"ra"}},
        {"VirtualService", "networking.istio.io/v1", "virtualservices", {"vs"}},
        {"DestinationRule", "networking.istio.io/v1", "destinationrules", {"dr"}},
        {"Server", "policy.linkerd.io/v1beta3", "servers", {"srv"}},
        {"ServerAuthorization", "policy.linkerd.io/v1beta1", "serverauthorizations", {"saz"}},
        {"AuthorizationPolicy.policy.linkerd.io",
         "policy.linkerd.io/v1alpha1",
         "authorizationpolicies",
         {}},
        {"MeshTLSAuthentication", "policy.linkerd.io/v1alpha1", "meshtlsauthentications", {}},
        {"NetworkAuthentication", "policy.linkerd.io/v1alpha1", "networkauthentications", {}},
        {"GatewayClass", "gateway.networking.k8s.io/v1", "gatewayclasses", {"gc"}, false},
        {"Gateway", "gateway.networking.k8s.io/v1", "gateways", {"gtw"}},
        {"HTTPRoute", "gateway.networking.k8s.io/v1", "httproutes", {}},
        {"ReferenceGrant", "gateway.networking.k8s.io/v1beta1", "referencegrants", {"refgrant"}},
        {"HTTPRoute.policy.linkerd.io", "policy.linkerd.io/v1beta3", "httproutes", {}},
        {"Event", "v1", "events", {"ev"}},
        {"Lab", "labctl.dev/v1", "labs", {}, false},
        {"Check", "labctl.dev/v1", "checks", {}},
        {"Submission", "labctl.dev/v1", "submissions", {}, false},
    };
    return kKinds;
}

std::vector<const KindInfo*> find_kinds(std::string_view word) {
    const auto lower = netemu::to_lower(word);
    const auto dot = lower.find('.');
    const auto name = lower.substr(0, dot);
    const auto rest = dot == std::string::npos ? std::string() : lower.substr(dot + 1);
    std::vector<const KindInfo*> found;
    for (const auto& info : kinds()) {
        if (is_called(info, name) && (rest.empty() || is_of(info, rest))) {
            found.push_back(&info);
        }
    }
    return found;
}

const KindInfo* find_kind(std::string_view word) {
    const auto found = find_kinds(word);
    return found.empty() ? nullptr : found.front();
}

const KindInfo* find_kind(std::string_view kind, std::string_view api_version) {
    const auto found = std::find_if(kinds().begin(), kinds().end(), [&](const KindInfo& info) {
        return plain_kind(info.kind) == plain_kind(kind) && info.api_version == api_version;
    });
    return found == kinds().end() ? nullptr : &*found;
}

std::string_view plain_kind(std::string_view kind) {
    return kind.substr(0, kind.find('.'));
}

std::string_view group_of(std::string_view api_version) {
    const auto slash = api_version.find('/');
    return slash == api_version.npos ? std::string_view{} : api_version.substr(0, slash);
}

std::string unique_kind(std::string_view kind, std::string_view api_version) {
    // Kubernetes' own names are nobody else's.
    static const auto kOthers = kinds_of_other_groups();
    const auto known = kOthers.find(kind);
    const auto group = group_of(api_version);
    if (known == kOthers.end() || group.empty()) {
        return std::string(kind);
    }
    for (const auto* info : known->second) {
        if (group_of(info->api_version) == group) {
            return info->kind;
        }
    }
    return std::string(kind).append(".").append(group);
}

std::string guess_plural(std::string_view kind) {
    auto lower = netemu::to_lower(plain_kind(kind));
    const auto ends = [&](std::string_view tail) { return lower.ends_with(tail); };
    if (ends("s") || ends("x") || ends("ch") || ends("sh")) {
        return lower + "es";
    }
    if (ends("y") && lower.size() > 1 &&
        std::string_view("aeiou").find(lower[lower.size() - 2]) == std::string_view::npos) {
        return lower.substr(0, lower.size() - 1) + "ies";
    }
    return lower + "s";
}

const std::vector<std::string>& plurals_of_all() {
    static const std::vector<std::string> kAll{
        "pods", "services", "daemonsets", "deployments", "replicasets", "statefulsets", "jobs"};
    return kAll;
}

} // namespace labctl::api
