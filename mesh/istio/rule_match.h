#pragma once

#include <string>

#include "mesh/istio/authorization.h"

namespace mesh::istio {

/// How a rule of a policy came out.
struct RuleMatch {
    bool matches = false;
    bool left_out = false;                // of ALLOW, with a field that cannot be looked at on TCP
    const Source* source = nullptr;       // the first of `from` that matches; nullptr: it has none
    const Operation* operation = nullptr; // of `to`
};

[[nodiscard]] RuleMatch match_rule(
    const AuthorizationPolicy& policy,
    const Rule& rule,
    const ConnectionFacts& connection,
    const RequestFacts* request);

/// What of a matching rule did match: "methods GET; notPaths /healthz". Of long lists, some.
[[nodiscard]] std::string describe_match(
    const AuthorizationPolicy& policy,
    const Rule& rule,
    const RuleMatch& match,
    const ConnectionFacts& connection,
    const RequestFacts* request);

/// What of a rule that does not match does not: "methods POST: it is GET"; of several sources or
/// operations, of each. One that is left out says so.
[[nodiscard]] std::string describe_mismatch(
    const AuthorizationPolicy& policy,
    const Rule& rule,
    const ConnectionFacts& connection,
    const RequestFacts* request);

/// Whether it has fields that only HTTP has, which a connection of TCP cannot be asked for.
[[nodiscard]] bool asks_for_http(const Rule& rule);

/// Whether it asks who the peer is.
[[nodiscard]] bool needs_identity(const Rule& rule);

/// Whether it asks for what a token says, whether it is to be or not to be so.
[[nodiscard]] bool needs_token(const Rule& rule);

} // namespace mesh::istio
