#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "mesh/istio/authorization.h"

namespace mesh::istio {

/// How one policy looks at a request or connection: for people who ask why.
struct PolicyMatch {
    std::optional<std::size_t> rule; // the first that matches, from 0; nullopt: none does
    /// What of it matches, "methods GET; paths /api/*"; of none, for each rule what does not:
    /// "rule 1: methods POST: it is GET". One line, rules counted from 1.
    std::string text;
    /// Rules, from 0, that ask on TCP for what only HTTP has: of ALLOW they are left out, of others
    /// only those fields are, which makes them wider.
    std::vector<std::size_t> http_only;
};

/// Whatever the policy's action, and whether it is only told of; see `decide` for what comes of it.
[[nodiscard]] PolicyMatch match_policy(
    const AuthorizationPolicy& policy,
    const ConnectionFacts& connection,
    const RequestFacts* request);

/// "ALLOW", "DENY", "AUDIT", "CUSTOM".
[[nodiscard]] std::string_view action_name(AuthorizationPolicy::Action action);

} // namespace mesh::istio
