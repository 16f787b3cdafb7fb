#include "labctl/manifest/schema.h"

#include <algorithm>
#include <array>
#include <utility>

namespace labctl::manifest::schema {

namespace {

constexpr std::array<std::pair<std::string_view, const Struct*>, 38> kKinds{{
    {"Namespace", &kNamespace},
    {"Node", &kNode},
    {"Pod", &kPod},
    {"Deployment", &kDeployment},
    {"ReplicaSet", &kReplicaSet},
    {"StatefulSet", &kStatefulSet},
    {"DaemonSet", &kDaemonSet},
    {"Job", &kJob},
    {"Service", &kService},
    {"Endpoints", &kEndpoints},
    {"EndpointSlice", &kEndpointSlice},
    {"ServiceAccount", &kServiceAccount},
    {"ConfigMap", &kConfigMap},
    {"Secret", &kSecret},
    {"NetworkPolicy", &kNetworkPolicy},
    {"AdminNetworkPolicy", &kAdminNetworkPolicy},
    {"BaselineAdminNetworkPolicy", &kBaselineAdminNetworkPolicy},
    {"ClusterNetworkPolicy", &kClusterNetworkPolicy},
    {"Ingress", &kIngress},
    {"IngressClass", &kIngressClass},
    {"PeerAuthentication", &kPeerAuthentication},
    {"AuthorizationPolicy", &kAuthorizationPolicy},
    {"RequestAuthentication", &kRequestAuthentication},
    {"VirtualService", &kVirtualService},
    {"DestinationRule", &kDestinationRule},
    {"Server", &kLinkerdServer},
    {"ServerAuthorization", &kLinkerdServerAuthorization},
    {"AuthorizationPolicy.policy.linkerd.io", &kLinkerdAuthorizationPolicy},
    {"MeshTLSAuthentication", &kLinkerdMeshTlsAuthentication},
    {"NetworkAuthentication", &kLinkerdNetworkAuthentication},
    {"HTTPRoute", &kHttpRoute},
    {"HTTPRoute.policy.linkerd.io", &kLinkerdHttpRoute},
    {"GatewayClass", &kGatewayClass},
    {"Gateway", &kGateway},
    {"ReferenceGrant", &kReferenceGrant},
    {"Lab", &kLab},
    {"Check", &kCheck},
    {"Submission", &kSubmission},
}};

} // namespace

const Field* Struct::find(std::string_view name) const {
    const auto found =
        std::find_if(fields.begin(), fields.end(), [&](const Field& f) { return f.name == name; });
    return found == fields.end() ? nullptr : &*found;
}

const Struct* find_struct(std::string_view kind) {
    const auto* found = std::find_if(
        kKinds.begin(), kKinds.end(), [&](const auto& entry) { return entry.first == kind; });
    return found == kKinds.end() ? nullptr : found->second;
}

} // namespace labctl::manifest::schema
