#pragma once

#include <string>
#include <vector>

#include "mesh/istio/authorization.h"

/// What the tests of Istio's policies share.
namespace mesh_istio_test {

using namespace mesh::istio;
using Action = AuthorizationPolicy::Action;

inline const std::string kIdA = "spiffe://cluster.local/ns/a/sa/app";
inline const std::string kIdB = "spiffe://cluster.local/ns/b/sa/other";

/// A connection to 10.1.0.9:8080; an empty identity is plaintext.
ConnectionFacts connection(const std::string& peer_id, const std::string& source = "10.1.0.5");

/// A request with what it refers to.
struct OwnedRequest {
    std::string method = "GET";
    std::string path = "/";
    std::string authority = "web.prod.svc.cluster.local";
    mesh::Headers headers;
    [[nodiscard]] RequestFacts facts() const { return {method, path, authority, &headers}; }
};

/// A policy prod/NAME with these rules.
AuthorizationPolicy policy(Action action, const std::string& name, std::vector<Rule> rules);
Rule from(Source source);
Rule to(Operation operation);
Rule when(const std::string& key, FieldValues values);

/// Whether a rule matches: by a DENY policy of the namespace prod.
bool matches(const Rule& rule, const ConnectionFacts& peer, const OwnedRequest& request = {});

} // namespace mesh_istio_test
