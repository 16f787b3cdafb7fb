#include "labctl/manifest/schema_table.h"

/// core/v1: Services and Endpoints.
namespace labctl::manifest::schema {

// clang-format off
namespace {

constexpr std::array<std::string_view, 4> kServiceTypes{"ClusterIP", "ExternalName", "LoadBalancer", "NodePort"};
constexpr std::array<std::string_view, 2> kAffinities{"ClientIP", "None"};
constexpr std::array<std::string_view, 2> kIpFamilies{"IPv4", "IPv6"};
constexpr std::array<std::string_view, 3> kIpFamilyPolicies{"PreferDualStack", "RequireDualStack", "SingleStack"};
constexpr std::array<std::string_view, 2> kTrafficPolicies{"Cluster", "Local"};
constexpr std::array<std::string_view, 3> kDistributions{"PreferClose", "PreferSameNode", "PreferSameZone"};

constexpr Table kServicePort{
    Code{default_service_port, check_service_port},
    text("name").is(dns_label), text("protocol").otherwise("TCP").one_of(kProtocols),
    text("appProtocol").is(qualified_name), port("port").required(), int_or_text("targetPort"),
    int32("nodePort"),
};

constexpr Table kClientIPConfig{
    int32("timeoutSeconds").otherwise(10800).range(1, 86400),
};

constexpr Table kSessionAffinityConfig{
    object("clientIP", kClientIPConfig),
};

constexpr Table kServiceSpec{
    Code{default_service_spec, check_service_spec},
    object("ports", kServicePort).list(), labels("selector"), text("clusterIP"),
    text("clusterIPs").list(), text("type").otherwise("ClusterIP").one_of(kServiceTypes),
    text("externalIPs").list().is(ip_address),
    text("sessionAffinity").otherwise("None").one_of(kAffinities), text("loadBalancerIP"),
    text("loadBalancerSourceRanges").list(), text("externalName"),
    text("externalTrafficPolicy").one_of(kTrafficPolicies), int32("healthCheckNodePort"),
    flag("publishNotReadyAddresses"), object("sessionAffinityConfig", kSessionAffinityConfig),
    text("ipFamilies").list().one_of(kIpFamilies), text("ipFamilyPolicy").one_of(kIpFamilyPolicies),
    flag("allocateLoadBalancerNodePorts"), text("loadBalancerClass").is(qualified_name),
    text("internalTrafficPolicy").one_of(kTrafficPolicies),
    text("trafficDistribution").one_of(kDistributions),
};

constexpr Table kServiceTable{
    kApiVersion, kKind, object("metadata", kObjectMeta), object("spec", kServiceSpec).always(),
    any("status"),
};

constexpr Table kEndpointAddress{
    text("ip").required().is(ip_address), text("hostname").is(dns_label),
    text("nodeName").is(dns_subdomain), object("targetRef", kObjectReference),
};

constexpr Table kEndpointPort{
    text("name").is(dns_label), text("protocol").otherwise("TCP").one_of(kProtocols),
    port("port").required(), text("appProtocol").is(qualified_name),
};

constexpr Table kEndpointSubset{
    Code{nullptr, check_endpoint_subset},
    object("addresses", kEndpointAddress).list(),
    object("notReadyAddresses", kEndpointAddress).list(), object("ports", kEndpointPort).list(),
};

constexpr Table kEndpointsTable{
    kApiVersion, kKind, object("metadata", kObjectMeta), object("subsets", kEndpointSubset).list(),
};

} // namespace

constinit const Struct kService{kServiceTable.type()};
constinit const Struct kEndpoints{kEndpointsTable.type()};
// clang-format on

} // namespace labctl::manifest::schema
