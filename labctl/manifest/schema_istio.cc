#include "labctl/manifest/schema_table.h"

/// security.istio.io/v1. Source: istio/api security/v1.
namespace labctl::manifest::schema {

// clang-format off
namespace {

constexpr std::array<std::string_view, 4> kMtlsModes{"DISABLE", "PERMISSIVE", "STRICT", "UNSET"};
constexpr std::array<std::string_view, 4> kAuthorizationActions{"ALLOW", "AUDIT", "CUSTOM", "DENY"};

constexpr Table kWorkloadSelector{
    labels("matchLabels"),
};

constexpr Table kMutualTls{
    text("mode").one_of(kMtlsModes),
};

constexpr Table kPeerAuthenticationSpec{
    Code{nullptr, check_peer_authentication_spec},
    object("selector", kWorkloadSelector), object("mtls", kMutualTls),
    object("portLevelMtls", kMutualTls).map(),
};

constexpr Table kPeerAuthenticationTable{
    Code{nullptr, check_peer_authentication},
    kApiVersion, kKind, object("metadata", kObjectMeta),
    object("spec", kPeerAuthenticationSpec).always(), any("status"),
};

constexpr Table kPolicyTargetReference{
    text("group"), text("kind").required(), text("name").required(), text("namespace"),
};

constexpr Table kSource{
    Code{nullptr, check_istio_source},
    text("principals").list(), text("notPrincipals").list(),
    text("requestPrincipals").list(), text("notRequestPrincipals").list(),
    text("namespaces").list(), text("notNamespaces").list(),
    text("serviceAccounts").list(), text("notServiceAccounts").list(),
    text("trustDomains").list(), text("notTrustDomains").list(),
    text("ipBlocks").list(), text("notIpBlocks").list(),
    text("remoteIpBlocks").list(), text("notRemoteIpBlocks").list(),
};

constexpr Table kOperation{
    Code{nullptr, check_istio_operation},
    text("hosts").list(), text("notHosts").list(), text("ports").list(), text("notPorts").list(),
    text("methods").list(), text("notMethods").list(), text("paths").list(), text("notPaths").list(),
};

constexpr Table kFrom{
    Code{nullptr, check_istio_from},
    object("source", kSource),
};

constexpr Table kTo{
    Code{nullptr, check_istio_to},
    object("operation", kOperation),
};

constexpr Table kCondition{
    Code{nullptr, check_istio_condition},
    text("key").required(), text("values").list(), text("notValues").list(),
};

constexpr Table kAuthorizationRule{
    Code{nullptr, check_istio_rule},
    object("from", kFrom).list(), object("to", kTo).list(), object("when", kCondition).list(),
};

constexpr Table kExtensionProvider{
    text("name"),
};

constexpr Table kAuthorizationSpec{
    Code{nullptr, check_authorization_spec},
    object("selector", kWorkloadSelector), object("targetRef", kPolicyTargetReference),
    object("targetRefs", kPolicyTargetReference).list(),
    object("rules", kAuthorizationRule).list().without_nulls(), // an empty one matches everything
    text("action").one_of(kAuthorizationActions), object("provider", kExtensionProvider),
};

constexpr Table kAuthorizationPolicyTable{
    kApiVersion, kKind, object("metadata", kObjectMeta),
    object("spec", kAuthorizationSpec).always(), any("status"),
};

constexpr Table kFromHeader{
    text("name").required(), text("prefix"),
};

constexpr Table kClaimToHeader{
    text("header").required().is(istio_header_name), text("claim").required(),
};

constexpr Table kJwtRule{
    Code{nullptr, check_istio_jwt_rule},
    text("issuer").required(), text("audiences").list(), text("jwksUri"), text("jwks"),
    object("fromHeaders", kFromHeader).list(), text("fromParams").list(), text("fromCookies").list(),
    text("outputPayloadToHeader").is(istio_header_name), flag("forwardOriginalToken"),
    object("outputClaimToHeaders", kClaimToHeader).list(), text("timeout"),
};

constexpr Table kRequestAuthenticationSpec{
    Code{nullptr, check_istio_scope},
    object("selector", kWorkloadSelector), object("targetRef", kPolicyTargetReference),
    object("targetRefs", kPolicyTargetReference).list(), object("jwtRules", kJwtRule).list(),
};

constexpr Table kRequestAuthenticationTable{
    kApiVersion, kKind, object("metadata", kObjectMeta),
    object("spec", kRequestAuthenticationSpec).always(), any("status"),
};

} // namespace

constinit const Struct kPeerAuthentication{kPeerAuthenticationTable.type()};
constinit const Struct kAuthorizationPolicy{kAuthorizationPolicyTable.type()};
constinit const Struct kRequestAuthentication{kRequestAuthenticationTable.type()};
// clang-format on

} // namespace labctl::manifest::schema
