#include <algorithm>

#include "labctl/api/object.h"
#include "netemu/base/text.h"

namespace labctl::api {

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
        {"Event", "v1", "events", {"ev"}},
        {"Lab", "labctl.dev/v1", "labs", {}, false},
        {"Check", "labctl.dev/v1", "checks", {}},
        {"Submission", "labctl.dev/v1", "submissions", {}, false},
    };
    return kKinds;
}

const KindInfo* find_kind(std::string_view word) {
    const auto lower = netemu::to_lower(word);
    const auto found = std::find_if(kinds().begin(), kinds().end(), [&](const KindInfo& info) {
        return lower == netemu::to_lower(info.kind) || lower == info.plural ||
               std::find(info.short_names.begin(), info.short_names.end(), lower) !=
                   info.short_names.end();
    });
    return found == kinds().end() ? nullptr : &*found;
}

const KindInfo* find_kind(std::string_view kind, std::string_view api_version) {
    const auto found = std::find_if(kinds().begin(), kinds().end(), [&](const KindInfo& info) {
        return info.kind == kind && info.api_version == api_version;
    });
    return found == kinds().end() ? nullptr : &*found;
}

std::string guess_plural(std::string_view kind) {
    auto lower = netemu::to_lower(kind);
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

} // namespace labctl::api
