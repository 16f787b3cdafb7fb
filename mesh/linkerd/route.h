#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "mesh/http/message.h"

/// Which rule of which HTTPRoute takes a request, as the Gateway API has it (kubernetes-sigs/
/// gateway-api apis/v1/httproute_types.go; linkerd/linkerd2-proxy linkerd/http/route). Pure.
namespace mesh::linkerd {

/// What is known of a request. Views: they must outlive the call.
struct RequestFacts {
    std::string_view method;
    std::string_view path; // as it came, without query
    std::string_view query;
    std::string_view authority;
    const Headers* headers = nullptr; // nullptr: none
};

struct PathMatch {
    enum class Kind : std::uint8_t { Prefix, Exact };
    Kind kind = Kind::Prefix;
    std::string value = "/";
    bool operator==(const PathMatch&) const = default;
};

/// A header or a parameter of the query, with its value.
struct ValueMatch {
    std::string name;
    std::string value;
    bool operator==(const ValueMatch&) const = default;
};

/// All of it must hold.
struct RouteMatch {
    PathMatch path;
    std::string method; // "": any
    std::vector<ValueMatch> headers;
    std::vector<ValueMatch> query;
    bool operator==(const RouteMatch&) const = default;
};

/// Of a rule, any match must hold; without matches it takes every request.
struct RouteRule {
    std::vector<RouteMatch> matches;
    bool operator==(const RouteRule&) const = default;
};

/// What of an HTTPRoute decides which requests are its own.
struct RouteTable {
    std::vector<std::string> hostnames; // "a.lab", "*.lab"; empty: any
    std::vector<RouteRule> rules;
    std::string created; // RFC 3339
    std::string name;    // "NAMESPACE/NAME"
    bool operator==(const RouteTable&) const = default;
};

struct RouteChoice {
    std::size_t route = 0;
    std::size_t rule = 0; // from 0
};

/// By element: "/abc" takes "/abc", "/abc/" and "/abc/x", not "/abcd".
[[nodiscard]] bool matches_path(const PathMatch& match, std::string_view path);
/// Of several headers of a name, the first counts. Names are compared without regard to case.
[[nodiscard]] bool matches(const RouteMatch& match, const RequestFacts& request);

/// Of the routes whose hostnames are for the request, the most exact hostname counts first (an
/// exact one, then the longest wildcard, then none); then an exact path, the longest prefix, a
/// method, more headers, more parameters; then the oldest route, the first by name, the first rule.
[[nodiscard]] std::optional<RouteChoice>
pick_route(std::span<const RouteTable* const> routes, const RequestFacts& request);

/// "GET /api/*, header x-a: b" of a rule's matches, for people.
[[nodiscard]] std::string describe(const RouteRule& rule);

} // namespace mesh::linkerd
