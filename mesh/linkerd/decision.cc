#include "mesh/linkerd/decision.h"

#include <algorithm>
#include <array>
#include <utility>

#include "mesh/linkerd/identity.h"

namespace mesh::linkerd {

namespace {

constexpr int kForbiddenStatus = 403;
constexpr int kNotFoundStatus = 404;

std::string some_patterns(const std::vector<std::string>& patterns) {
    constexpr std::size_t kToldMax = 4;
    std::string text;
    for (std::size_t i = 0; i < patterns.size() && i < kToldMax; ++i) {
        text += (i == 0 ? "" : ", ") + patterns[i];
    }
    return patterns.size() > kToldMax
               ? text + " and " + std::to_string(patterns.size() - kToldMax) + " others"
               : text;
}

const Authorization*
first_match(const std::vector<Authorization>& all, const ConnectionFacts& connection) {
    const auto found = std::find_if(
        all.begin(), all.end(), [&](const auto& one) { return is_authorized(one, connection); });
    return found == all.end() ? nullptr : &*found;
}

/// One question to one port.
class Asked {
public:
    Asked(const InboundServer& server, const ConnectionFacts& connection)
        : server_(server), connection_(connection) {}

    [[nodiscard]] Decision tcp() const { return by({}); }

    [[nodiscard]] Decision http(const RequestFacts& request) const {
        if (server_.routes.empty()) {
            const auto& paths = server_.probe_paths;
            const bool probe = request.method == "GET" &&
                               std::find(paths.begin(), paths.end(), request.path) != paths.end();
            return probe ? authorized("probe", "anybody may ask for the path of a probe") : by({});
        }
        std::vector<const RouteTable*> tables;
        for (const auto& route : server_.routes) {
            tables.push_back(&route.table);
        }
        const auto choice = pick_route(tables, request);
        if (!choice) {
            Decision decision{false, Why::NoRoute, kNotFoundStatus};
            decision.text = where() + ": none of its " + std::to_string(tables.size()) +
                            " HTTPRoutes takes the request";
            return decision;
        }
        const auto& route = server_.routes[choice->route];
        auto decision = by(route.authorizations);
        decision.route = route.table.name;
        decision.text +=
            " (HTTPRoute " + route.table.name + ", rule " + std::to_string(choice->rule + 1) + ")";
        return decision;
    }

    [[nodiscard]] Decision refused(Why why, const char* text) const {
        Decision decision{false, why};
        decision.text = where() + ": " + text;
        return decision;
    }

private:
    [[nodiscard]] std::string where() const { return title(server_.reference()); }

    /// By the Server's authorizations, and others of a route.
    [[nodiscard]] Decision by(const std::vector<Authorization>& of_route) const {
        if (connection_.source.is_loopback()) {
            auto decision = authorized("default/localhost", "it comes from the pod itself");
            decision.why = Why::Localhost;
            return decision;
        }
        for (const auto* all : {&of_route, &server_.authorizations}) {
            if (const auto* found = first_match(*all, connection_)) {
                auto decision = authorized(found->name, "by " + title(found->name));
                decision.audit = found->audit;
                return decision;
            }
        }
        return not_authorized(of_route);
    }

    [[nodiscard]] Decision authorized(const std::string& name, const std::string& text) const {
        Decision decision;
        decision.authorization = name;
        decision.text = where() + ": allowed, " + text;
        return decision;
    }

    [[nodiscard]] Decision not_authorized(const std::vector<Authorization>& of_route) const {
        Decision decision{false, Why::NotAuthorized, kForbiddenStatus};
        std::string reasons;
        for (const auto* all : {&of_route, &server_.authorizations}) {
            for (const auto& one : *all) {
                reasons += (reasons.empty() ? "" : "; ") + title(one.name) + ": " +
                           mismatch(one, connection_);
            }
        }
        decision.text =
            where() + ": " +
            (reasons.empty() ? "nothing is authorized" : "no authorization matches: " + reasons);
        return decision;
    }

    const InboundServer& server_;
    const ConnectionFacts& connection_;
};

} // namespace

Decision decide(
    const InboundServer& server,
    const ConnectionFacts& connection,
    Speech speech,
    const RequestFacts* request) {
    const Asked asked(server, connection);
    const auto protocol = server.protocol;
    const bool opaque = protocol == ProxyProtocol::Opaque || protocol == ProxyProtocol::Tls;
    if (opaque) {
        return asked.tcp();
    }
    const bool wants_http2 = protocol == ProxyProtocol::Http2 || protocol == ProxyProtocol::Grpc;
    switch (speech) {
    case Speech::Tcp:
        return protocol == ProxyProtocol::Unknown
                   ? asked.tcp()
                   : asked.refused(Why::NotHttp, "the port speaks HTTP, and this is none");
    case Speech::Http2:
        // Also on a port of HTTP/1: Linkerd's proxies carry that as HTTP/2 among themselves.
        return asked.http(*request);
    case Speech::Http1:
        break;
    }
    return wants_http2 ? asked.refused(Why::NotHttp, "the port speaks HTTP/2, and this is HTTP/1")
                       : asked.http(*request);
}

bool is_authorized(const Authorization& by, const ConnectionFacts& connection) {
    if (!contains(by.networks, connection.source)) {
        return false;
    }
    switch (by.client) {
    case Authorization::Client::Anybody:
        return true;
    case Authorization::Client::Tls:
        return connection.tls;
    case Authorization::Client::Identities:
        return connection.identity &&
               std::any_of(by.identities.begin(), by.identities.end(), [&](const auto& pattern) {
                   return matches_identity(pattern, *connection.identity);
               });
    }
    return false;
}

std::string mismatch(const Authorization& by, const ConnectionFacts& connection) {
    if (is_authorized(by, connection)) {
        return {};
    }
    if (!contains(by.networks, connection.source)) {
        return connection.source.to_string() + " is not in " + to_string(by.networks);
    }
    if (by.client == Authorization::Client::Tls || !connection.identity) {
        return "the client has no identity of the mesh";
    }
    return *connection.identity + " is not " + some_patterns(by.identities);
}

std::string describe(const Authorization& by) {
    const auto who = by.client == Authorization::Client::Anybody ? std::string("anybody")
                     : by.client == Authorization::Client::Tls
                         ? std::string("any client of the mesh")
                         : "clients " + some_patterns(by.identities);
    return by.networks == all_networks() ? who : who + " from " + to_string(by.networks);
}

std::string title(const std::string& reference) {
    constexpr std::array<std::pair<std::string_view, std::string_view>, 4> kTitles{{
        {"authorizationpolicy/", "AuthorizationPolicy "},
        {"serverauthorization/", "ServerAuthorization "},
        {"server/", "Server "},
        {"default/", "default policy "},
    }};
    for (const auto& [prefix, words] : kTitles) {
        if (reference.starts_with(prefix)) {
            return std::string(words) + reference.substr(prefix.size());
        }
    }
    return reference;
}

} // namespace mesh::linkerd
