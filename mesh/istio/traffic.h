#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "mesh/http/message.h"
#include "mesh/istio/scope.h"
#include "mesh/istio/string_match.h"

/// Istio's VirtualService as values, as far as sidecars act on it. Source: istio/api
/// networking/v1alpha3/virtual_service.proto; istio/istio pilot/pkg/networking/core/route/route.go
/// (reference mesh.md 6.1, 6.2). Pure.
namespace mesh::istio {

/// A regular expression of RE2, which takes time linear in the text. Compiled when it is made;
/// copies share that.
class Regex {
public:
    Regex() = default;
    explicit Regex(std::string text);

    /// False: it is no regular expression, and matches nothing.
    [[nodiscard]] bool valid() const { return compiled_ != nullptr; }
    [[nodiscard]] const std::string& text() const { return text_; }
    [[nodiscard]] bool matches_all_of(std::string_view value) const;
    /// Each match in `value` replaced; \1 in `by` is the first group.
    [[nodiscard]] std::string replace_all(std::string_view value, const std::string& by) const;
    bool operator==(const Regex& other) const { return text_ == other.text_; }

private:
    struct Compiled;
    std::string text_;
    std::shared_ptr<const Compiled> compiled_;
};

struct StringMatch {
    enum class Kind : std::uint8_t { Present, Exact, Prefix, Regex };
    Kind kind = Kind::Present;
    std::string text{}; // of Exact and Prefix
    Regex regex{};
    bool operator==(const StringMatch&) const = default;
};
[[nodiscard]] bool matches(
    const StringMatch& match, std::string_view value, LetterCase letter_case = LetterCase::Matters);

struct NamedMatch {
    std::string name;
    StringMatch match;
    bool operator==(const NamedMatch&) const = default;
};

/// One block of `match`: all that it says must hold.
struct HttpMatch {
    std::string name{};
    std::optional<StringMatch> uri{};
    bool ignore_uri_case = false; // of Exact and Prefix
    std::optional<StringMatch> scheme{};
    std::optional<StringMatch> method{};
    std::optional<StringMatch> authority{};
    std::vector<NamedMatch> headers{};
    std::vector<NamedMatch> without_headers{};
    std::vector<NamedMatch> query{};
    std::uint16_t port = 0; // that the client has called; 0: any
    Labels source_labels{}; // of the client
    std::string source_ns{};
    bool operator==(const HttpMatch&) const = default;
};

struct HeaderEdits {
    std::vector<Header> set{};
    std::vector<Header> add{};
    std::vector<std::string> remove{};
    bool operator==(const HeaderEdits&) const = default;
};
struct HeaderOperations {
    HeaderEdits request{};
    HeaderEdits response{};
    bool operator==(const HeaderOperations&) const = default;
};

struct Destination {
    std::string host; // in full
    std::string subset{};
    std::uint16_t port = 0; // 0: the one that the client has called
    bool operator==(const Destination&) const = default;
};
struct WeightedDestination {
    Destination to;
    std::uint32_t weight = 0;
    HeaderOperations headers{};
    bool operator==(const WeightedDestination&) const = default;
};

struct Redirect {
    std::string uri{}, authority{}, scheme{};
    std::uint16_t port = 0;
    int status = 301;
    bool operator==(const Redirect&) const = default;
};
struct DirectResponse {
    int status = 200;
    std::string body{};
    bool operator==(const DirectResponse&) const = default;
};
struct Rewrite {
    std::string uri{}, authority{};
    Regex pattern{}; // uriRegexRewrite
    std::string substitution{};
    bool operator==(const Rewrite&) const = default;
};

/// Istio's defaults for routes that say nothing of it.
struct Retries {
    std::uint32_t attempts = 2;                // beyond the first
    std::chrono::milliseconds per_try{0};      // 0: none of its own
    std::string on = "";                       // "": kDefaultRetryOn
    std::chrono::milliseconds backoff_base{0}; // 0: Envoy's
    bool operator==(const Retries&) const = default;
};

/// Shares of all requests are counted in millionths, as Envoy's finest denominator is.
inline constexpr std::uint32_t kEveryRequest = 1'000'000;

struct Delay {
    std::chrono::milliseconds time{0};
    std::uint32_t share = 0;
    bool operator==(const Delay&) const = default;
};
struct Abort {
    int status = 0;
    std::optional<int> grpc_status{};
    std::uint32_t share = 0;
    bool operator==(const Abort&) const = default;
};
struct Fault {
    std::optional<Delay> delay{};
    std::optional<Abort> abort{};
    bool operator==(const Fault&) const = default;
};
struct Mirror {
    Destination to;
    std::uint32_t share = kEveryRequest;
    bool operator==(const Mirror&) const = default;
};

struct HttpRoute {
    std::string name{};
    std::vector<HttpMatch> match{}; // any of them; none: every request
    std::vector<WeightedDestination> to{};
    std::optional<Redirect> redirect{};
    std::optional<DirectResponse> direct{};
    std::optional<Rewrite> rewrite{};
    std::chrono::milliseconds timeout{0}; // 0: none
    std::optional<Retries> retries{};
    Fault fault{};
    std::vector<Mirror> mirrors{};
    HeaderOperations headers{};
    bool operator==(const HttpRoute&) const = default;
};

struct VirtualService {
    std::string ns, name;
    std::vector<std::string> hosts{}; // in full, or with a wildcard: "*.shop.svc.cluster.local"
    std::vector<std::string> export_to{};
    std::string created{}; // metadata.creationTimestamp
    bool of_mesh = true;   // not only of gateways
    std::vector<HttpRoute> http{};
    bool operator==(const VirtualService&) const = default;
};

/// "cart" of the namespace shop is "cart.shop.svc.DOMAIN"; names with dots are complete, and so is
/// what begins with a wildcard.
[[nodiscard]] std::string
complete_host(std::string_view host, std::string_view ns, std::string_view cluster_domain);
/// Whether `pattern` (perhaps "*" or "*.x") is `host` or takes it in.
[[nodiscard]] bool host_matches(std::string_view pattern, std::string_view host);
/// The same with a number for how well: exact ones win, then longer ones. 0: not at all.
[[nodiscard]] std::size_t host_closeness(std::string_view pattern, std::string_view host);
/// Of a resource in `ns`, for clients in `client_ns`; no exportTo is everybody.
[[nodiscard]] bool is_exported(
    const std::vector<std::string>& export_to, std::string_view ns, std::string_view client_ns);

/// What routes are chosen by.
struct RouteFacts {
    std::string_view method;
    std::string_view target; // path and query
    std::string_view authority;
    const Headers* headers = nullptr;
    std::uint16_t port = 0;                // that the client has called
    const Labels* client_labels = nullptr; // null: none
    std::string_view client_ns{};
};
[[nodiscard]] bool matches(const HttpMatch& match, const RouteFacts& facts);

struct RouteChoice {
    std::size_t route = 0;
    std::optional<std::size_t> match{}; // none: the route has none
};
/// The first route that takes the request; none: 404.
[[nodiscard]] std::optional<RouteChoice>
choose_route(const std::vector<HttpRoute>& routes, const RouteFacts& facts);

/// Which destination a number below the sum of weights falls to. A single one takes everything.
[[nodiscard]] std::uint32_t weight_sum(const HttpRoute& route);
[[nodiscard]] std::size_t weighted_choice(const HttpRoute& route, std::uint32_t lot);

/// The target as the destination gets it: the query stays.
[[nodiscard]] std::string
rewritten_target(const HttpRoute& route, const RouteChoice& choice, std::string_view target);
/// Where a redirect leads.
[[nodiscard]] std::string
redirect_location(const Redirect& redirect, std::string_view authority, std::string_view target);
/// Removes, sets, adds. Host is left alone: `set_authority` is what it is set to, or "".
void edit_headers(Headers& headers, const HeaderEdits& edits);
[[nodiscard]] std::string set_authority(const HeaderEdits& edits);

} // namespace mesh::istio
