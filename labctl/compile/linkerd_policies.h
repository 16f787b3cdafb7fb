#pragma once

#include "labctl/api/object.h"
#include "labctl/store/store.h"
#include "mesh/linkerd/policies.h"

/// Linkerd's policies, from objects of the store to the values of `mesh`. Objects have been
/// validated; what is of another type than it should be reads as absent. Pure.
namespace labctl::compile {

[[nodiscard]] mesh::linkerd::Policies read_linkerd_policies(const store::Store& store);

[[nodiscard]] mesh::linkerd::Server read_linkerd_server(const api::Object& object);
[[nodiscard]] mesh::linkerd::ServerAuthorization
read_server_authorization(const api::Object& object);
[[nodiscard]] mesh::linkerd::AuthorizationPolicy
read_linkerd_authorization(const api::Object& object);
[[nodiscard]] mesh::linkerd::HttpRoute read_http_route(const api::Object& object);

/// Whether the kind (api::Object::kind) is one of Linkerd's policies, or can be a route of a
/// Server.
[[nodiscard]] bool is_linkerd_kind(const std::string& kind);

/// The same without HTTPRoutes of the Gateway API, which may be anybody's.
[[nodiscard]] bool is_linkerd_policy_kind(const std::string& kind);

inline constexpr const char* kLinkerdAuthorizationKind = "AuthorizationPolicy.policy.linkerd.io";
inline constexpr const char* kLinkerdRouteKind = "HTTPRoute.policy.linkerd.io";

} // namespace labctl::compile
