#include "labctl/manifest/schema_table.h"

/// policy.networking.k8s.io/v1alpha1 (AdminNetworkPolicy, BaselineAdminNetworkPolicy) and v1alpha2
/// (ClusterNetworkPolicy). Source: network-policy-api apis/v1alpha1, apis/v1alpha2.
namespace labctl::manifest::schema {

// clang-format off
namespace {

constexpr std::array<std::string_view, 3> kAdminActions{"Allow", "Deny", "Pass"};
constexpr std::array<std::string_view, 2> kBaselineActions{"Allow", "Deny"};
constexpr std::array<std::string_view, 3> kClusterActions{"Accept", "Deny", "Pass"};
constexpr std::array<std::string_view, 2> kTiers{"Admin", "Baseline"};
constexpr std::int64_t kPriorityMax = 1000;

constexpr Table kNamespacedPod{
    object("namespaceSelector", kLabelSelector).required(),
    object("podSelector", kLabelSelector).required(),
};

constexpr Table kAdminIngressPeer{ // also what a subject is
    Code{nullptr, check_admin_ingress_peer},
    object("namespaces", kLabelSelector), object("pods", kNamespacedPod),
};

constexpr Table kAdminEgressPeer{
    Code{nullptr, check_admin_egress_peer},
    object("namespaces", kLabelSelector), object("pods", kNamespacedPod),
    object("nodes", kLabelSelector), text("networks").list().is(cidr),
    text("domainNames").list(),
};

constexpr Table kPortNumber{
    text("protocol").otherwise("TCP").one_of(kProtocols), port("port").required(),
};

constexpr Table kPortRange{
    Code{nullptr, check_port_range},
    text("protocol").otherwise("TCP").one_of(kProtocols),
    port("start").required(), port("end").required(),
};

constexpr Table kAdminPort{
    Code{nullptr, check_admin_port},
    object("portNumber", kPortNumber), text("namedPort").is(port_name),
    object("portRange", kPortRange),
};

constexpr Table kAdminIngressRule{
    Code{nullptr, check_admin_rule},
    text("name"), text("action").required().one_of(kAdminActions),
    object("from", kAdminIngressPeer).list().required(), object("ports", kAdminPort).list(),
};

constexpr Table kAdminEgressRule{
    Code{nullptr, check_admin_rule},
    text("name"), text("action").required().one_of(kAdminActions),
    object("to", kAdminEgressPeer).list().required(), object("ports", kAdminPort).list(),
};

constexpr Table kBaselineIngressRule{
    Code{nullptr, check_admin_rule},
    text("name"), text("action").required().one_of(kBaselineActions),
    object("from", kAdminIngressPeer).list().required(), object("ports", kAdminPort).list(),
};

constexpr Table kBaselineEgressRule{
    Code{nullptr, check_admin_rule},
    text("name"), text("action").required().one_of(kBaselineActions),
    object("to", kAdminEgressPeer).list().required(), object("ports", kAdminPort).list(),
};

constexpr Table kAdminSpec{
    Code{nullptr, check_admin_spec},
    int32("priority").range(0, kPriorityMax).required(),
    object("subject", kAdminIngressPeer).required(),
    object("ingress", kAdminIngressRule).list(), object("egress", kAdminEgressRule).list(),
};

constexpr Table kBaselineSpec{
    Code{nullptr, check_admin_spec},
    object("subject", kAdminIngressPeer).required(),
    object("ingress", kBaselineIngressRule).list(), object("egress", kBaselineEgressRule).list(),
};

constexpr Table kNumberOnly{ // a range without a protocol of its own
    Code{nullptr, check_port_range},
    port("start").required(), port("end").required(),
};

constexpr Table kDestinationPort{
    Code{nullptr, check_destination_port},
    port("number"), object("range", kNumberOnly),
};

constexpr Table kProtocolMatch{
    object("destinationPort", kDestinationPort),
};

constexpr Table kClusterProtocol{
    Code{nullptr, check_cluster_protocol},
    object("tcp", kProtocolMatch), object("udp", kProtocolMatch), object("sctp", kProtocolMatch),
    text("destinationNamedPort").is(port_name),
};

constexpr Table kClusterIngressRule{
    Code{nullptr, check_cluster_rule},
    text("name"), text("action").required().one_of(kClusterActions),
    object("from", kAdminIngressPeer).list().required(),
    object("protocols", kClusterProtocol).list(),
};

constexpr Table kClusterEgressRule{
    Code{nullptr, check_cluster_rule},
    text("name"), text("action").required().one_of(kClusterActions),
    object("to", kAdminEgressPeer).list().required(),
    object("protocols", kClusterProtocol).list(),
};

constexpr Table kClusterSpec{
    Code{nullptr, check_cluster_spec},
    text("tier").required().one_of(kTiers),
    int32("priority").range(0, kPriorityMax).required(),
    object("subject", kAdminIngressPeer).required(),
    object("ingress", kClusterIngressRule).list(), object("egress", kClusterEgressRule).list(),
};

constexpr Table kAdminNetworkPolicyTable{
    kApiVersion, kKind, object("metadata", kObjectMeta), object("spec", kAdminSpec).required(),
    any("status"),
};

constexpr Table kBaselineAdminNetworkPolicyTable{
    Code{nullptr, check_baseline_policy},
    kApiVersion, kKind, object("metadata", kObjectMeta), object("spec", kBaselineSpec).required(),
    any("status"),
};

constexpr Table kClusterNetworkPolicyTable{
    kApiVersion, kKind, object("metadata", kObjectMeta), object("spec", kClusterSpec).required(),
    any("status"),
};

} // namespace

constinit const Struct kAdminNetworkPolicy{kAdminNetworkPolicyTable.type()};
constinit const Struct kBaselineAdminNetworkPolicy{kBaselineAdminNetworkPolicyTable.type()};
constinit const Struct kClusterNetworkPolicy{kClusterNetworkPolicyTable.type()};
// clang-format on

} // namespace labctl::manifest::schema
