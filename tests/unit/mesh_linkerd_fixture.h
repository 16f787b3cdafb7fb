#pragma once

#include <string>
#include <vector>

#include "mesh/linkerd/decision.h"

/// What the tests of Linkerd's policies share.
namespace mesh_linkerd_test {

using namespace mesh::linkerd;

inline const std::string kDomain = "cluster.local";
inline const std::string kWeb = "web.shop.serviceaccount.identity.linkerd.cluster.local";
inline const std::string kOther = "app.other.serviceaccount.identity.linkerd.cluster.local";

/// A client at 10.1.0.5, or elsewhere; an empty identity is plaintext.
ConnectionFacts client(const std::string& identity, const std::string& source = "10.1.0.5");

/// A request with what it refers to.
struct OwnedRequest {
    std::string method = "GET";
    std::string path = "/";
    std::string query{};
    std::string authority = "cart.shop.svc.cluster.local";
    mesh::Headers headers{};
    [[nodiscard]] RequestFacts facts() const { return {method, path, query, authority, &headers}; }
};

/// The pod shop/cart, labels {app: cart}, port 8080 "http" and 6379 "redis".
Workload cart();
/// A Server shop/NAME for pods {app: cart}.
Server server(const std::string& name, std::uint16_t port, const std::string& created = "");
/// An AuthorizationPolicy shop/NAME for a Server, that requires these.
AuthorizationPolicy
policy(const std::string& name, const std::string& server, std::vector<Reference> required = {});
Reference mesh_tls(const std::string& name, const std::string& ns = "");
Reference network(const std::string& name, const std::string& ns = "");
Reference account(const std::string& name, const std::string& ns = "");
Network range(const std::string& cidr, const std::vector<std::string>& except = {});
/// An HTTPRoute shop/NAME of policy.linkerd.io for a Server, with one rule for each path prefix.
HttpRoute
route(const std::string& name, const std::string& server, const std::vector<std::string>& paths);

/// What is asked of the cart's port 8080.
Decision
on_http(const Policies& policies, const ConnectionFacts& from, const OwnedRequest& request = {});
Decision on_tcp(const Policies& policies, const ConnectionFacts& from);

} // namespace mesh_linkerd_test
