#include "mesh/linkerd/route.h"

#include <algorithm>
#include <tuple>
#include <utility>

#include "netemu/base/text.h"

namespace mesh::linkerd {

namespace {

/// The host of an authority, without its port and a dot at its end.
std::string host_of(std::string_view authority) {
    const auto colon = authority.rfind(':');
    if (colon != authority.npos && authority.find(']', colon) == authority.npos) {
        authority = authority.substr(0, colon);
    }
    if (authority.ends_with('.')) {
        authority.remove_suffix(1);
    }
    return netemu::to_lower(authority);
}

/// How exact a hostname is that takes the host; 0: it does not.
std::size_t host_rank(std::string_view hostname, std::string_view host) {
    constexpr std::size_t kExact = 1U << 16U;
    if (!hostname.starts_with("*.")) {
        return hostname == host ? kExact : 0;
    }
    const auto suffix = hostname.substr(1);
    return host.ends_with(suffix) && host.size() > suffix.size() ? suffix.size() : 0;
}

/// Of a route: nullopt: it is for other hosts.
std::optional<std::size_t> host_rank_of(const RouteTable& route, std::string_view host) {
    if (route.hostnames.empty()) {
        return 0;
    }
    std::size_t best = 0;
    for (const auto& hostname : route.hostnames) {
        best = std::max(best, host_rank(hostname, host));
    }
    return best == 0 ? std::nullopt : std::optional(best);
}

/// More is better.
using MatchRank = std::tuple<bool, std::size_t, bool, std::size_t, std::size_t>;

MatchRank rank_of(const RouteMatch& match) {
    return {
        match.path.kind == PathMatch::Kind::Exact,
        match.path.value.size(),
        !match.method.empty(),
        match.headers.size(),
        match.query.size()};
}

std::optional<MatchRank> rank_of(const RouteRule& rule, const RequestFacts& request) {
    if (rule.matches.empty()) {
        return rank_of(RouteMatch{});
    }
    std::optional<MatchRank> best;
    for (const auto& match : rule.matches) {
        if (matches(match, request)) {
            best = best ? std::max(*best, rank_of(match)) : rank_of(match);
        }
    }
    return best;
}

/// Less is better.
auto age_of(const RouteTable& route) {
    return std::tie(route.created, route.name);
}

} // namespace

bool matches_path(const PathMatch& match, std::string_view path) {
    if (match.kind == PathMatch::Kind::Exact) {
        return path == match.value;
    }
    std::string_view prefix = match.value;
    if (prefix.ends_with('/')) {
        prefix.remove_suffix(1);
    }
    return path.starts_with(prefix) && (path.size() == prefix.size() || path[prefix.size()] == '/');
}

bool matches(const RouteMatch& match, const RequestFacts& request) {
    const auto has_header = [&](const ValueMatch& wanted) {
        const auto* value =
            request.headers == nullptr ? nullptr : request.headers->find(wanted.name);
        return value != nullptr && *value == wanted.value;
    };
    const auto has_parameter = [&](const ValueMatch& wanted) {
        return query_parameter(request.query, wanted.name) == wanted.value;
    };
    return matches_path(match.path, request.path) &&
           (match.method.empty() || match.method == request.method) &&
           std::all_of(match.headers.begin(), match.headers.end(), has_header) &&
           std::all_of(match.query.begin(), match.query.end(), has_parameter);
}

std::optional<RouteChoice>
pick_route(std::span<const RouteTable* const> routes, const RequestFacts& request) {
    const auto host = host_of(request.authority);
    std::optional<RouteChoice> best;
    std::pair<std::size_t, MatchRank> best_rank;
    for (std::size_t i = 0; i < routes.size(); ++i) {
        const auto of_host = host_rank_of(*routes[i], host);
        for (std::size_t j = 0; of_host && j < routes[i]->rules.size(); ++j) {
            const auto of_rule = rank_of(routes[i]->rules[j], request);
            if (!of_rule) {
                continue;
            }
            const std::pair rank{*of_host, *of_rule};
            const bool better =
                !best || rank > best_rank ||
                (rank == best_rank && age_of(*routes[i]) < age_of(*routes[best->route]));
            if (better) {
                best = {i, j};
                best_rank = rank;
            }
        }
    }
    return best;
}

std::string describe(const RouteRule& rule) {
    if (rule.matches.empty()) {
        return "every request";
    }
    std::string text;
    for (const auto& match : rule.matches) {
        text += text.empty() ? "" : " or ";
        text += match.method.empty() ? "" : match.method + " ";
        text += match.path.value;
        if (match.path.kind == PathMatch::Kind::Prefix) {
            text += match.path.value.ends_with('/') ? "*" : "/*";
        }
        for (const auto& header : match.headers) {
            text += ", header " + header.name + ": " + header.value;
        }
        for (const auto& parameter : match.query) {
            text += ", query " + parameter.name + "=" + parameter.value;
        }
    }
    return text;
}

} // namespace mesh::linkerd
