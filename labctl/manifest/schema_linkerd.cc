#include "labctl/manifest/schema_table.h"

/// policy.linkerd.io, with its own HTTPRoute. Source: linkerd/linkerd2
/// charts/linkerd-crds/templates/policy, kubernetes-sigs/gateway-api apis/v1/httproute_types.go.
namespace labctl::manifest::schema {

// clang-format off
namespace {

constexpr std::array<std::string_view, 6> kProxyProtocols{
    "HTTP/1", "HTTP/2", "TLS", "gRPC", "opaque", "unknown"};
constexpr std::array<std::string_view, 6> kAccessPolicies{
    "all-authenticated", "all-unauthenticated", "audit", "cluster-authenticated",
    "cluster-unauthenticated", "deny"};

constexpr Table kServerSpec{
    Code{nullptr, check_linkerd_server_spec},
    object("podSelector", kLabelSelector), object("externalWorkloadSelector", kLabelSelector),
    int_or_text("port").required(),
    text("proxyProtocol").one_of(kProxyProtocols).otherwise("unknown"),
    text("accessPolicy").one_of(kAccessPolicies).otherwise("deny"),
};

constexpr Table kServerTable{
    kApiVersion, kKind, object("metadata", kObjectMeta), object("spec", kServerSpec).required(),
    any("status"),
};

constexpr Table kNetwork{
    Code{nullptr, check_linkerd_network},
    text("cidr").required(), text("except").list(),
};

constexpr Table kServerSelector{
    Code{nullptr, check_linkerd_server_selector},
    text("name").is(dns_subdomain), object("selector", kLabelSelector),
};

constexpr Table kAccount{
    text("name").required().is(dns_subdomain), text("namespace").is(dns_label),
};

constexpr Table kMeshTls{
    Code{nullptr, check_linkerd_mesh_tls},
    flag("unauthenticatedTLS"), text("identities").list(), object("serviceAccounts", kAccount).list(),
};

constexpr Table kClient{
    Code{nullptr, check_linkerd_client},
    object("networks", kNetwork).list(), flag("unauthenticated"), object("meshTLS", kMeshTls),
};

constexpr Table kServerAuthorizationSpec{
    object("server", kServerSelector).required(), object("client", kClient).required(),
};

constexpr Table kServerAuthorizationTable{
    kApiVersion, kKind, object("metadata", kObjectMeta),
    object("spec", kServerAuthorizationSpec).required(), any("status"),
};

constexpr Table kTargetReference{
    text("group"), text("kind").required(), text("name").required(),
};

constexpr Table kAuthenticationReference{
    text("group"), text("kind").required(), text("name").required(),
    text("namespace").is(dns_label),
};

constexpr Table kIdentityReference{
    text("group"), text("kind").required(), text("name"), text("namespace").is(dns_label),
};

constexpr Table kLinkerdAuthorizationSpec{
    Code{nullptr, check_linkerd_authorization_spec},
    object("targetRef", kTargetReference).required(),
    object("requiredAuthenticationRefs", kAuthenticationReference).list(),
};

constexpr Table kLinkerdAuthorizationTable{
    Code{nullptr, check_linkerd_authorization},
    kApiVersion, kKind, object("metadata", kObjectMeta),
    object("spec", kLinkerdAuthorizationSpec).required(), any("status"),
};

constexpr Table kMeshTlsAuthenticationSpec{
    Code{nullptr, check_linkerd_mesh_tls_authentication},
    text("identities").list(), object("identityRefs", kIdentityReference).list(),
};

constexpr Table kMeshTlsAuthenticationTable{
    kApiVersion, kKind, object("metadata", kObjectMeta),
    object("spec", kMeshTlsAuthenticationSpec).required(), any("status"),
};

constexpr Table kNetworkAuthenticationSpec{
    object("networks", kNetwork).list().required(),
};

constexpr Table kNetworkAuthenticationTable{
    kApiVersion, kKind, object("metadata", kObjectMeta),
    object("spec", kNetworkAuthenticationSpec).required(), any("status"),
};

constexpr Table kParentReference{
    text("group"), text("kind"), text("name").required(), text("namespace").is(dns_label),
    text("sectionName"), port("port"),
};

constexpr Table kRouteRule{
    text("name"), object("matches", kHttpRouteMatch).list(), any("filters"), any("backendRefs"),
    any("timeouts"), any("retry"), any("sessionPersistence"),
};

constexpr Table kRouteSpec{
    object("parentRefs", kParentReference).list(),
    text("hostnames").list().is(wildcard_hostname),
    object("rules", kRouteRule).list(), any("useDefaultGateways"),
};

constexpr Table kRouteTable{
    Code{nullptr, check_route},
    kApiVersion, kKind, object("metadata", kObjectMeta),
    object("spec", kRouteSpec).required(), any("status"),
};

} // namespace

constinit const Struct kLinkerdServer{kServerTable.type()};
constinit const Struct kLinkerdServerAuthorization{kServerAuthorizationTable.type()};
constinit const Struct kLinkerdAuthorizationPolicy{kLinkerdAuthorizationTable.type()};
constinit const Struct kLinkerdMeshTlsAuthentication{kMeshTlsAuthenticationTable.type()};
constinit const Struct kLinkerdNetworkAuthentication{kNetworkAuthenticationTable.type()};
constinit const Struct kLinkerdHttpRoute{kRouteTable.type()};
// clang-format on

} // namespace labctl::manifest::schema
