#include "labctl/manifest/versions.h"

#include <algorithm>
#include <array>
#include <vector>

#include "labctl/manifest/compose.h"
#include "netemu/base/text.h"

namespace labctl::manifest {

namespace {

using api::group_of;

struct Served {
    std::string_view api_version;
    std::string_view kinds; // separated by spaces; a '*' in front means cluster-wide
};

/// What Kubernetes serves beside the typed kinds.
constexpr std::array kServed{
    Served{
        "v1",
        "Binding *ComponentStatus Event LimitRange *PersistentVolume PersistentVolumeClaim "
        "PodTemplate ReplicationController ResourceQuota"},
    Served{"apps/v1", "ControllerRevision"},
    Served{"batch/v1", "CronJob"},
    Served{"networking.k8s.io/v1", "*IPAddress *ServiceCIDR"},
    Served{"networking.k8s.io/v1beta1", "*IPAddress *ServiceCIDR"},
    Served{"policy.networking.k8s.io/v1alpha1", ""},
    Served{"policy.networking.k8s.io/v1alpha2", ""},
    Served{"discovery.k8s.io/v1", ""},
    Served{"autoscaling/v1", "HorizontalPodAutoscaler"},
    Served{"autoscaling/v2", "HorizontalPodAutoscaler"},
    Served{"policy/v1", "PodDisruptionBudget Eviction"},
    Served{"rbac.authorization.k8s.io/v1", "Role RoleBinding *ClusterRole *ClusterRoleBinding"},
    Served{
        "storage.k8s.io/v1",
        "*StorageClass *VolumeAttachment *CSIDriver *CSINode CSIStorageCapacity "
        "*VolumeAttributesClass"},
    Served{"scheduling.k8s.io/v1", "*PriorityClass"},
    Served{"node.k8s.io/v1", "*RuntimeClass"},
    Served{"coordination.k8s.io/v1", "Lease"},
    Served{"events.k8s.io/v1", "Event"},
    Served{"apiextensions.k8s.io/v1", "*CustomResourceDefinition"},
    Served{"apiregistration.k8s.io/v1", "*APIService"},
    Served{
        "admissionregistration.k8s.io/v1",
        "*MutatingWebhookConfiguration *ValidatingWebhookConfiguration *ValidatingAdmissionPolicy "
        "*ValidatingAdmissionPolicyBinding *MutatingAdmissionPolicy "
        "*MutatingAdmissionPolicyBinding"},
    Served{"certificates.k8s.io/v1", "*CertificateSigningRequest"},
    Served{"flowcontrol.apiserver.k8s.io/v1", "*FlowSchema *PriorityLevelConfiguration"},
    Served{"resource.k8s.io/v1", "*DeviceClass ResourceClaim ResourceClaimTemplate *ResourceSlice"},
    Served{"labctl.dev/v1", ""},
};

/// Cluster-wide kinds of other groups that labs meet often; a CustomResourceDefinition tells of the
/// rest.
constexpr std::string_view kClusterWideCustom = " GatewayClass ClusterIssuer "
                                                "IPAddressPool ClusterPolicy GlobalNetworkPolicy ";

/// Versions of one group that say the same, and the one that objects are stored with.
struct Alias {
    std::string_view kinds; // separated by spaces
    std::string_view stored;
    std::string_view others; // apiVersions, separated by spaces
};
constexpr std::array kAliases{
    Alias{
        "PeerAuthentication AuthorizationPolicy RequestAuthentication",
        "security.istio.io/v1",
        "security.istio.io/v1beta1"},
    Alias{
        "VirtualService DestinationRule",
        "networking.istio.io/v1",
        "networking.istio.io/v1alpha3 networking.istio.io/v1beta1"},
    Alias{
        "Server HTTPRoute",
        "policy.linkerd.io/v1beta3",
        "policy.linkerd.io/v1alpha1 policy.linkerd.io/v1beta1 policy.linkerd.io/v1beta2"},
    // There is no v1beta2 of it, which does not keep people from writing it.
    Alias{
        "ServerAuthorization",
        "policy.linkerd.io/v1beta1",
        "policy.linkerd.io/v1alpha1 policy.linkerd.io/v1beta2"},
    Alias{
        "HTTPRoute Gateway GatewayClass",
        "gateway.networking.k8s.io/v1",
        "gateway.networking.k8s.io/v1beta1"},
    Alias{
        "ReferenceGrant",
        "gateway.networking.k8s.io/v1beta1",
        "gateway.networking.k8s.io/v1 gateway.networking.k8s.io/v1alpha2"},
};

/// Looks for a word in a list; returns whether it is there and whether it has a star.
enum class Found { No, Namespaced, ClusterWide };
Found find_kind(std::string_view kinds, std::string_view kind) {
    for (auto word : netemu::split(kinds, ' ')) {
        const bool star = word.starts_with('*');
        word.remove_prefix(star ? 1 : 0);
        if (word == kind && !kind.empty()) {
            return star ? Found::ClusterWide : Found::Namespaced;
        }
    }
    return Found::No;
}

/// The version that serves a kind of Kubernetes, or empty.
std::string home_of(std::string_view kind) {
    for (const auto& info : api::kinds()) {
        if (api::plain_kind(info.kind) == kind) {
            return info.api_version;
        }
    }
    std::string_view home;
    for (const auto& served : kServed) {
        if (find_kind(served.kinds, kind) != Found::No) {
            home = served.api_version; // the newest version of a group stands last
        }
    }
    return std::string(home);
}

/// Groups without a dot belong to Kubernetes; so do these suffixes' known members.
bool is_kubernetes_group(std::string_view group) {
    if (group.find('.') == group.npos) {
        return true;
    }
    return std::any_of(kServed.begin(), kServed.end(), [&](const Served& served) {
        return group_of(served.api_version) == group;
    });
}

/// Whether the kind is one of ours, in that group but not in that version.
bool has_other_version(std::string_view api_version, std::string_view kind) {
    const auto& kinds = api::kinds();
    return std::any_of(kinds.begin(), kinds.end(), [&](const api::KindInfo& info) {
        return api::plain_kind(info.kind) == kind &&
               group_of(info.api_version) == group_of(api_version);
    });
}

std::vector<std::string> kinds_of(std::string_view api_version) {
    std::vector<std::string> names;
    for (const auto& info : api::kinds()) {
        if (info.api_version == api_version) {
            names.emplace_back(api::plain_kind(info.kind));
        }
    }
    for (const auto& served : kServed) {
        if (served.api_version != api_version) {
            continue;
        }
        for (auto word : netemu::split(served.kinds, ' ')) {
            word.remove_prefix(word.starts_with('*') ? 1 : 0);
            names.emplace_back(word);
        }
    }
    return names;
}

std::string advice(std::string_view api_version, std::string_view kind) {
    if (const auto home = home_of(kind); !home.empty()) {
        return compose({"write apiVersion: ", home});
    }
    if (const auto near = netemu::nearest(kind, kinds_of(api_version))) {
        return compose({"did you mean '", *near, "'?"});
    }
    std::vector<std::string> versions;
    versions.reserve(kServed.size());
    for (const auto& served : kServed) {
        versions.emplace_back(served.api_version);
    }
    const auto near = netemu::nearest(api_version, versions);
    return near && *near != api_version ? compose({"did you mean apiVersion: ", *near, "?"})
                                        : std::string{};
}

std::string_view stored_version(std::string_view api_version, std::string_view kind) {
    for (const auto& alias : kAliases) {
        if (find_kind(alias.kinds, kind) != Found::No &&
            find_kind(alias.others, api_version) != Found::No) {
            return alias.stored;
        }
    }
    return api_version;
}

} // namespace

Resolved resolve_kind(std::string_view api_version, std::string_view kind) {
    if (const auto* typed = api::find_kind(kind, stored_version(api_version, kind))) {
        return {typed, typed->namespaced, false, {}, {}};
    }
    for (const auto& served : kServed) {
        const auto found =
            served.api_version == api_version ? find_kind(served.kinds, kind) : Found::No;
        if (found != Found::No) {
            return {nullptr, found == Found::Namespaced, false, {}, {}};
        }
    }
    if (is_kubernetes_group(group_of(api_version)) || has_other_version(api_version, kind)) {
        return {
            nullptr,
            true,
            false,
            compose({"no matches for kind \"", kind, "\" in version \"", api_version, "\""}),
            advice(api_version, kind)};
    }
    const bool cluster_wide =
        kClusterWideCustom.find(compose({" ", kind, " "})) != std::string_view::npos;
    return {nullptr, !cluster_wide, true, {}, {}};
}

} // namespace labctl::manifest
