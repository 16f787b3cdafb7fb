#include "labctl/manifest/schema_table.h"

/// networking.k8s.io/v1.
namespace labctl::manifest::schema {

// clang-format off
namespace {

constexpr std::array<std::string_view, 2> kPolicyTypes{"Egress", "Ingress"};
constexpr std::array<std::string_view, 3> kPathTypes{"Exact", "ImplementationSpecific", "Prefix"};

constexpr Table kNetworkPolicyPort{
    Code{nullptr, check_policy_port},
    text("protocol").otherwise("TCP").one_of(kProtocols), int_or_text("port"), int32("endPort"),
};

constexpr Table kIPBlock{
    Code{nullptr, check_ip_block},
    text("cidr").required().is(cidr), text("except").list().is(cidr),
};

constexpr Table kNetworkPolicyPeer{
    Code{nullptr, check_policy_peer},
    object("podSelector", kLabelSelector), object("namespaceSelector", kLabelSelector),
    object("ipBlock", kIPBlock),
};

constexpr Table kNetworkPolicyIngressRule{
    object("ports", kNetworkPolicyPort).list(), object("from", kNetworkPolicyPeer).list(),
};

constexpr Table kNetworkPolicyEgressRule{
    object("ports", kNetworkPolicyPort).list(), object("to", kNetworkPolicyPeer).list(),
};

constexpr Table kNetworkPolicySpec{
    Code{default_policy_spec, check_policy_spec},
    object("podSelector", kLabelSelector).always(),
    object("ingress", kNetworkPolicyIngressRule).list(),
    object("egress", kNetworkPolicyEgressRule).list(),
    text("policyTypes").list().one_of(kPolicyTypes),
};

constexpr Table kNetworkPolicyTable{
    kApiVersion, kKind, object("metadata", kObjectMeta),
    object("spec", kNetworkPolicySpec).always(),
};

constexpr Table kServiceBackendPort{
    text("name"), port("number"),
};

constexpr Table kIngressServiceBackend{
    text("name").required().is(dns_service_name), object("port", kServiceBackendPort).always(),
};

constexpr Table kIngressBackend{
    Code{nullptr, check_ingress_backend},
    object("service", kIngressServiceBackend), object("resource", kTypedLocalObjectReference),
};

constexpr Table kIngressTLS{
    text("hosts").list(), text("secretName"),
};

constexpr Table kHTTPIngressPath{
    Code{nullptr, check_ingress_path},
    text("path"), text("pathType").required().one_of(kPathTypes),
    object("backend", kIngressBackend).always(),
};

constexpr Table kHTTPIngressRuleValue{
    object("paths", kHTTPIngressPath).list().required(),
};

constexpr Table kIngressRule{
    Code{nullptr, check_ingress_rule},
    text("host"), object("http", kHTTPIngressRuleValue),
};

constexpr Table kIngressSpec{
    Code{nullptr, check_ingress_spec},
    text("ingressClassName"), object("defaultBackend", kIngressBackend),
    object("tls", kIngressTLS).list(), object("rules", kIngressRule).list(),
};

constexpr Table kIngressTable{
    Code{nullptr, check_ingress},
    kApiVersion, kKind, object("metadata", kObjectMeta), object("spec", kIngressSpec).always(),
    any("status"),
};

constexpr Table kIngressClassParameters{
    text("apiGroup"), text("kind").required(), text("name").required(), text("scope").otherwise("Cluster"),
    text("namespace"),
};

constexpr Table kIngressClassSpec{
    Code{nullptr, check_ingress_class_spec},
    text("controller"), object("parameters", kIngressClassParameters),
};

constexpr Table kIngressClassTable{
    kApiVersion, kKind, object("metadata", kObjectMeta), object("spec", kIngressClassSpec).always(),
};

} // namespace

constinit const Struct kNetworkPolicy{kNetworkPolicyTable.type()};
constinit const Struct kIngress{kIngressTable.type()};
constinit const Struct kIngressClass{kIngressClassTable.type()};
// clang-format on

} // namespace labctl::manifest::schema
