#include "labctl/manifest/schema_table.h"

/// core/v1: pods.
namespace labctl::manifest::schema {

// clang-format off
namespace {

constexpr std::array<std::string_view, 3> kRestartPolicies{"Always", "Never", "OnFailure"};
constexpr std::array<std::string_view, 4> kDnsPolicies{"ClusterFirst", "ClusterFirstWithHostNet", "Default", "None"};
constexpr std::array<std::string_view, 2> kPreemptionPolicies{"Never", "PreemptLowerPriority"};
constexpr std::array<std::string_view, 4> kTolerationOperators{"Equal", "Exists", "Gt", "Lt"};
constexpr Table kSysctl{
    text("name"), text("value"),
};

constexpr Table kPodSecurityContext{
    object("seLinuxOptions", kSELinuxOptions),
    object("windowsOptions", kWindowsSecurityContextOptions), int64("runAsUser"),
    int64("runAsGroup"), flag("runAsNonRoot"), int64("supplementalGroups").list(),
    text("supplementalGroupsPolicy"), int64("fsGroup"), object("sysctls", kSysctl).list(),
    text("fsGroupChangePolicy"), object("seccompProfile", kSeccompProfile),
    object("appArmorProfile", kAppArmorProfile), text("seLinuxChangePolicy"),
};

constexpr Table kToleration{
    Code{nullptr, check_toleration},
    text("key").is(qualified_name), text("operator").one_of(kTolerationOperators), text("value"),
    text("effect").one_of(kTaintEffects), int64("tolerationSeconds"),
};

constexpr Table kHostAlias{
    text("ip").required().is(ip_address), text("hostnames").list().is(dns_subdomain),
};

constexpr Table kPodDNSConfigOption{
    text("name").required(), text("value"),
};

constexpr Table kPodDNSConfig{
    Code{nullptr, check_dns_config},
    text("nameservers").list().is(ip_address), text("searches").list(),
    object("options", kPodDNSConfigOption).list(),
};

constexpr Table kPodReadinessGate{
    text("conditionType").required().is(qualified_name),
};

constexpr Table kPodOS{
    text("name"),
};

constexpr Table kPodSchedulingGate{
    text("name").required().is(qualified_name),
};

constexpr Table kPodResourceClaim{
    text("name").required().is(dns_label), text("resourceClaimName"),
    text("resourceClaimTemplateName"),
};

constexpr Table kPodSchedulingGroup{
    text("podGroupName"),
};

constexpr Table kEvictionResponder{
    text("name"), int32("priority"),
};

constexpr Table kPodSpec{
    Code{default_pod_spec, check_pod_spec},
    object("volumes", kVolume).list().unique("name"), object("initContainers", kContainer).list(),
    object("containers", kContainer).list().required(),
    object("ephemeralContainers", kEphemeralContainer).list(),
    text("restartPolicy").otherwise("Always").one_of(kRestartPolicies),
    int64("terminationGracePeriodSeconds").otherwise(30).at_least(0),
    int64("activeDeadlineSeconds").range(1, kInt32Max),
    text("dnsPolicy").otherwise("ClusterFirst").one_of(kDnsPolicies), labels("nodeSelector"),
    text("serviceAccountName").is(dns_subdomain), text("serviceAccount"),
    flag("automountServiceAccountToken"), text("nodeName").is(dns_subdomain), flag("hostNetwork"),
    flag("hostPID"), flag("hostIPC"), flag("shareProcessNamespace"),
    object("securityContext", kPodSecurityContext).always(),
    object("imagePullSecrets", kLocalObjectReference).list(), text("hostname").is(dns_label),
    text("subdomain").is(dns_label), object("affinity", kAffinity),
    text("schedulerName").otherwise("default-scheduler"), object("tolerations", kToleration).list(),
    object("hostAliases", kHostAlias).list(), text("priorityClassName"), int32("priority"),
    object("dnsConfig", kPodDNSConfig), object("readinessGates", kPodReadinessGate).list(),
    text("runtimeClassName"), flag("enableServiceLinks"),
    text("preemptionPolicy").one_of(kPreemptionPolicies), quantity("overhead").map(),
    object("topologySpreadConstraints", kTopologySpreadConstraint).list(),
    flag("setHostnameAsFQDN"), object("os", kPodOS), flag("hostUsers"),
    object("schedulingGates", kPodSchedulingGate).list(),
    object("resourceClaims", kPodResourceClaim).list(), object("resources", kResourceRequirements),
    text("hostnameOverride"), object("schedulingGroup", kPodSchedulingGroup),
    object("evictionResponders", kEvictionResponder).list(),
};

constexpr Table kPodTemplateSpecTable{
    object("metadata", kObjectMeta), object("spec", kPodSpec).always(),
};

constexpr Table kPodTable{
    Code{default_pod, check_pod},
    kApiVersion, kKind, object("metadata", kObjectMeta), object("spec", kPodSpec).always(),
    any("status"),
};

} // namespace

constinit const Struct kPodTemplateSpec{kPodTemplateSpecTable.type()};
constinit const Struct kPod{kPodTable.type()};
// clang-format on

} // namespace labctl::manifest::schema
