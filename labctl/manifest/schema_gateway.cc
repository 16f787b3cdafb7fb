#include "labctl/manifest/schema_table.h"

/// gateway.networking.k8s.io. Source: kubernetes-sigs/gateway-api apis/v1 and apis/v1beta1, and the
/// schemas of its CustomResourceDefinitions (release 1.4).
namespace labctl::manifest::schema {

// clang-format off
namespace {

constexpr std::array<std::string_view, 3> kPathMatches{"Exact", "PathPrefix", "RegularExpression"};
constexpr std::array<std::string_view, 2> kValueMatches{"Exact", "RegularExpression"};
constexpr std::array<std::string_view, 9> kRouteMethods{
    "CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "TRACE"};
constexpr std::array<std::string_view, 4> kFromNamespaces{"All", "None", "Same", "Selector"};
constexpr std::array<std::string_view, 2> kListenerTlsModes{"Passthrough", "Terminate"};
constexpr std::array<std::string_view, 7> kFilterTypes{
    "CORS", "ExtensionRef", "RequestHeaderModifier", "RequestMirror", "RequestRedirect",
    "ResponseHeaderModifier", "URLRewrite"};
constexpr std::array<std::string_view, 2> kPathModifiers{"ReplaceFullPath", "ReplacePrefixMatch"};
constexpr std::array<std::string_view, 2> kRouteRedirectSchemes{"http", "https"};
constexpr std::int64_t kWeightMax = 1'000'000;

constexpr Table kGatewayClassParameters{
    text("group"), text("kind").required(), text("name").required(), text("namespace"),
};

constexpr Table kGatewayClassSpec{
    Code{nullptr, check_gateway_class_spec},
    text("controllerName").required(), object("parametersRef", kGatewayClassParameters),
    text("description"),
};

constexpr Table kGatewayClassTable{
    kApiVersion, kKind, object("metadata", kObjectMeta), object("spec", kGatewayClassSpec).required(),
    any("status"),
};

constexpr Table kRouteKind{
    text("group").otherwise("gateway.networking.k8s.io"), text("kind").required(),
};

constexpr Table kRouteNamespaces{
    Code{nullptr, check_route_namespaces},
    text("from").one_of(kFromNamespaces).otherwise("Same"), object("selector", kLabelSelector),
};

constexpr Table kAllowedRoutes{
    object("namespaces", kRouteNamespaces).always(), object("kinds", kRouteKind).list(),
};

constexpr Table kSecretReference{
    text("group"), text("kind").otherwise("Secret"), text("name").required(),
    text("namespace").is(dns_label),
};

constexpr Table kListenerTls{
    text("mode").one_of(kListenerTlsModes).otherwise("Terminate"),
    object("certificateRefs", kSecretReference).list(), any("frontendValidation"),
    text("options").map(),
};

constexpr Table kListener{
    Code{nullptr, check_gateway_listener},
    text("name").required().is(dns_subdomain), text("hostname").is(wildcard_hostname),
    port("port").required(), text("protocol").required(), object("tls", kListenerTls),
    object("allowedRoutes", kAllowedRoutes).always(),
};

constexpr Table kGatewayAddress{
    text("type").otherwise("IPAddress"), text("value"),
};

constexpr Table kLocalParameters{
    text("group").required(), text("kind").required(), text("name").required(),
};

constexpr Table kGatewayInfrastructure{
    text("labels").map(), text("annotations").map(), object("parametersRef", kLocalParameters),
};

constexpr Table kGatewaySpec{
    Code{nullptr, check_gateway_spec},
    text("gatewayClassName").required().is(dns_subdomain),
    object("listeners", kListener).list().required().unique("name"),
    object("addresses", kGatewayAddress).list(), object("infrastructure", kGatewayInfrastructure),
    any("allowedListeners"), any("backendTLS"), any("tls"), any("defaultScope"),
};

constexpr Table kGatewayTable{
    kApiVersion, kKind, object("metadata", kObjectMeta), object("spec", kGatewaySpec).required(),
    any("status"),
};

constexpr Table kGrantFrom{
    text("group"), text("kind").required(), text("namespace").required().is(dns_label),
};

constexpr Table kGrantTo{
    text("group"), text("kind").required(), text("name"),
};

constexpr Table kReferenceGrantSpec{
    object("from", kGrantFrom).list().required(), object("to", kGrantTo).list().required(),
};

constexpr Table kReferenceGrantTable{
    kApiVersion, kKind, object("metadata", kObjectMeta),
    object("spec", kReferenceGrantSpec).required(),
};

constexpr Table kRouteParent{
    text("group").otherwise("gateway.networking.k8s.io"), text("kind").otherwise("Gateway"),
    text("name").required(), text("namespace").is(dns_label), text("sectionName"), port("port"),
};

constexpr Table kRoutePathMatch{
    text("type").one_of(kPathMatches).otherwise("PathPrefix"), text("value").otherwise("/"),
};

constexpr Table kRouteValueMatch{
    text("type").one_of(kValueMatches).otherwise("Exact"), text("name").required(),
    text("value").required(),
};

constexpr Table kHttpRouteMatchTable{
    Code{nullptr, check_route_match},
    object("path", kRoutePathMatch), object("headers", kRouteValueMatch).list(),
    object("queryParams", kRouteValueMatch).list(), text("method").one_of(kRouteMethods),
};

constexpr Table kRouteHeader{
    text("name").required(), text("value").required(),
};

constexpr Table kRouteHeaderModifier{
    object("set", kRouteHeader).list().unique("name"), object("add", kRouteHeader).list().unique("name"),
    text("remove").list(),
};

constexpr Table kPathModifier{
    Code{nullptr, check_path_modifier},
    text("type").required().one_of(kPathModifiers), text("replaceFullPath"), text("replacePrefixMatch"),
};

constexpr Table kRouteRedirect{
    Code{nullptr, check_route_redirect},
    text("scheme").one_of(kRouteRedirectSchemes), text("hostname").is(dns_subdomain),
    object("path", kPathModifier), port("port"), int32("statusCode").otherwise(302),
};

constexpr Table kRouteRewrite{
    text("hostname").is(dns_subdomain), object("path", kPathModifier),
};

constexpr Table kMirrorBackend{
    Code{nullptr, check_backend_reference},
    text("group"), text("kind").otherwise("Service"), text("name").required(),
    text("namespace").is(dns_label), port("port"),
};

constexpr Table kMirrorFraction{
    int32("numerator").required().at_least(0), int32("denominator").otherwise(100).at_least(1),
};

constexpr Table kRouteMirror{
    Code{nullptr, check_route_mirror},
    object("backendRef", kMirrorBackend).required(), int32("percent").range(0, 100),
    object("fraction", kMirrorFraction),
};

constexpr Table kRouteFilter{
    Code{nullptr, check_route_filter},
    text("type").required().one_of(kFilterTypes),
    object("requestHeaderModifier", kRouteHeaderModifier),
    object("responseHeaderModifier", kRouteHeaderModifier), object("requestMirror", kRouteMirror),
    object("requestRedirect", kRouteRedirect), object("urlRewrite", kRouteRewrite),
    any("extensionRef"), any("cors"),
};

constexpr Table kRouteBackend{
    Code{nullptr, check_backend_reference},
    text("group"), text("kind").otherwise("Service"), text("name").required(),
    text("namespace").is(dns_label), port("port"),
    int32("weight").otherwise(1).range(0, kWeightMax), object("filters", kRouteFilter).list(),
};

constexpr Table kRouteTimeouts{
    Code{nullptr, check_route_timeouts},
    text("request").is(gateway_duration), text("backendRequest").is(gateway_duration),
};

constexpr Table kHttpRouteRule{
    Code{default_route_rule, check_route_rule},
    text("name"), object("matches", kHttpRouteMatchTable).list(), object("filters", kRouteFilter).list(),
    object("backendRefs", kRouteBackend).list(), object("timeouts", kRouteTimeouts), any("retry"),
    any("sessionPersistence"),
};

constexpr Table kHttpRouteSpec{
    object("parentRefs", kRouteParent).list(), text("hostnames").list().is(wildcard_hostname),
    object("rules", kHttpRouteRule).list(), any("useDefaultGateways"),
};

constexpr Table kHttpRouteTable{
    Code{nullptr, check_gateway_route},
    kApiVersion, kKind, object("metadata", kObjectMeta), object("spec", kHttpRouteSpec).required(),
    any("status"),
};

} // namespace

constinit const Struct kGatewayClass{kGatewayClassTable.type()};
constinit const Struct kGateway{kGatewayTable.type()};
constinit const Struct kReferenceGrant{kReferenceGrantTable.type()};
constinit const Struct kHttpRouteMatch{kHttpRouteMatchTable.type()};
constinit const Struct kHttpRoute{kHttpRouteTable.type()};
// clang-format on

} // namespace labctl::manifest::schema
