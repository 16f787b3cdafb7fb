#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "services/ingress.h"

/// What a Gateway of the Gateway API does with a request: which listener has it, which rule of
/// which HTTPRoute takes it, and what becomes of it. Pure. Source: kubernetes-sigs/gateway-api
/// apis/v1 (gateway_types.go, httproute_types.go, referencegrant_types.go); reference section 10.2.
namespace services {

enum class GatewayPathKind : std::uint8_t {
    Exact,
    Prefix, // by whole elements between slashes
    Regex,  // of RE2, for the whole path
};

/// A header or a query parameter.
struct GatewayValueMatch {
    std::string name;
    std::string value;
    bool is_regex = false;
    bool operator==(const GatewayValueMatch&) const = default;
};

/// One item of `matches`: all that it says must hold.
struct GatewayMatch {
    GatewayPathKind path_kind = GatewayPathKind::Prefix;
    std::string path = "/";
    std::string method{}; // "": any
    std::vector<GatewayValueMatch> headers{};
    std::vector<GatewayValueMatch> query{};
    bool operator==(const GatewayMatch&) const = default;
};

struct GatewayHeader {
    std::string name;
    std::string value;
    bool operator==(const GatewayHeader&) const = default;
};
struct GatewayHeaderEdits {
    std::vector<GatewayHeader> set{};
    std::vector<GatewayHeader> add{};
    std::vector<std::string> remove{};
    [[nodiscard]] bool empty() const { return set.empty() && add.empty() && remove.empty(); }
    bool operator==(const GatewayHeaderEdits&) const = default;
};

struct GatewayPathEdit {
    enum class Kind : std::uint8_t { None, Full, Prefix };
    Kind kind = Kind::None;
    std::string value{};
    bool operator==(const GatewayPathEdit&) const = default;
};
struct GatewayRedirect {
    std::string scheme{}; // "": as the request came
    std::string host{};   // "": the request's
    std::uint16_t port = 0;
    GatewayPathEdit path{};
    int status = 302;
    bool operator==(const GatewayRedirect&) const = default;
};
struct GatewayRewrite {
    std::string host{}; // "": the request's
    GatewayPathEdit path{};
    bool operator==(const GatewayRewrite&) const = default;
};
struct GatewayMirror {
    std::uint32_t backend = 0;
    std::uint32_t numerator = 1; // of so many requests
    std::uint32_t denominator = 1;
    bool operator==(const GatewayMirror&) const = default;
};

/// A port of a Service, as the Gateway goes by it.
struct GatewayBackend {
    IngressBackend service;
    /// It is missing, of an unknown kind, or not permitted: its share of requests gets 500, where a
    /// Service without endpoints gets 503.
    bool is_wrong = false;
    bool operator==(const GatewayBackend&) const = default;
};
struct GatewayShare {
    std::uint32_t backend = 0; // index in GatewayTable::backends
    std::uint32_t weight = 1;
    GatewayHeaderEdits request{};
    GatewayHeaderEdits response{};
    bool operator==(const GatewayShare&) const = default;
};

struct GatewayRule {
    std::vector<GatewayMatch> matches{}; // never empty: a rule without matches takes everything
    GatewayHeaderEdits request{};
    GatewayHeaderEdits response{};
    std::optional<GatewayRedirect> redirect{};
    std::optional<GatewayRewrite> rewrite{};
    std::vector<GatewayMirror> mirrors{};
    std::vector<GatewayShare> backends{};
    std::chrono::milliseconds timeout{0};         // of the whole request; 0: none
    std::chrono::milliseconds backend_timeout{0}; // of one try; 0: none
    std::string problem{}; // a filter that nothing here acts on: its requests get 500
    bool operator==(const GatewayRule&) const = default;
};
struct GatewayRoute {
    std::string name;    // "NS/NAME"
    std::string created; // RFC 3339
    std::vector<GatewayRule> rules{};
    bool operator==(const GatewayRoute&) const = default;
};

/// One match of a rule, for one hostname that the listener and the route have in common.
struct GatewayEntry {
    std::string hostname; // lower case; "*.example": any number of labels more; "": every host
    std::uint32_t route = 0;
    std::uint32_t rule = 0;
    std::uint32_t match = 0;
    bool operator==(const GatewayEntry&) const = default;
};
struct GatewayListener {
    std::string name;
    std::string hostname{}; // as in GatewayEntry
    std::uint16_t port = 0;
    bool tls = false;
    std::vector<std::uint32_t> certificates{}; // indices in GatewayTable::certificates
    std::vector<GatewayEntry> entries{};       // as they are tried, see `sort`
    bool operator==(const GatewayListener&) const = default;
};

/// All that the pods of one Gateway answer from.
struct GatewayTable {
    std::vector<GatewayListener> listeners{};
    std::vector<GatewayRoute> routes{};
    std::vector<GatewayBackend> backends{};
    std::vector<IngressCertificate> certificates{};
    bool operator==(const GatewayTable&) const = default;

    /// Adds what a listener has of a route: each match of each rule, for each of the hostnames.
    void
    attach(std::size_t listener, std::uint32_t route, const std::vector<std::string>& hostnames);
    /// Puts the entries of every listener into the order in which they are tried: more characters
    /// of a hostname without, then with a wildcard; Exact before a regular expression before a
    /// prefix (where expressions come is the implementation's choice; this is Envoy Gateway's); the
    /// longer path; a method; more headers; more query parameters; the older route; by namespace
    /// and name; the first rule and match.
    void sort();
};

/// Whether a hostname of a listener or route takes in that of a request. A wildcard stands for one
/// label or more, unlike that of an Ingress.
[[nodiscard]] bool gateway_hostname_covers(std::string_view hostname, std::string_view host);
/// What two hostnames have in common: the more specific one; nullopt: nothing.
[[nodiscard]] std::optional<std::string>
intersect_hostnames(std::string_view left, std::string_view right);
/// Those that a route has at a listener. A route without hostnames takes the listener's.
[[nodiscard]] std::vector<std::string>
effective_hostnames(std::string_view listener, const std::vector<std::string>& route);

/// What a listener says to one route that would attach to it.
struct GatewayOffer {
    std::string name;
    std::uint16_t port = 0;
    std::string hostname{};
    bool allows_kind = true;
    bool allows_namespace = true;
    bool is_usable = true; // not Conflicted, of a protocol that is known
};
/// What comes of one parentRef. Reasons as of the condition Accepted of HTTPRoutes.
struct GatewayAttachment {
    struct At {
        std::size_t listener = 0; // index in the offers
        std::vector<std::string> hostnames{};
    };
    std::vector<At> listeners{};
    const char* reason = "Accepted"; // else NoMatchingParent, NotAllowedByListeners,
                                     // NoMatchingListenerHostname
};
/// `section` "" and `port` 0: whichever.
[[nodiscard]] GatewayAttachment attach_route(
    std::string_view section,
    std::uint16_t port,
    const std::vector<std::string>& hostnames,
    const std::vector<GatewayOffer>& offers);

/// What makes two listeners the same one to clients.
struct GatewayListenerKey {
    std::uint16_t port = 0;
    std::string protocol; // "HTTP"
    std::string hostname{};
};
/// For each listener "", or why it is Conflicted: "ProtocolConflict", "HostnameConflict". None of
/// those that conflict counts.
[[nodiscard]] std::vector<const char*>
listener_conflicts(const std::vector<GatewayListenerKey>& listeners);

/// A request, as far as rules look at it. What looks into it is handed in, for this room knows no
/// HTTP and no regular expressions.
struct GatewayFacts {
    std::uint16_t port = 0; // that the client has connected to
    bool tls = false;
    std::string_view authority{}; // the Host header as it came
    std::string_view target{};    // in origin form, with or without a query
    std::string_view method{};
    /// The values of all headers of a name, joined with commas; nullopt: there is none.
    std::function<std::optional<std::string>(std::string_view name)> header{};
    std::function<std::optional<std::string>(std::string_view name)> query{}; // decoded
    std::function<bool(const std::string& pattern, std::string_view text)> matches_all_of{};
};

/// Which entry takes a request. Points into the table.
struct GatewayDecision {
    std::string host;                          // of the request: lower case, no port
    std::string path;                          // of the request, normalized
    const GatewayListener* listener = nullptr; // nullptr: none has the port and host, 404
    const GatewayEntry* entry = nullptr;       // nullptr: no rule takes it, 404
};
/// The most specific listener of the port takes the request, even if another one has a route for it
/// (listener isolation). nullopt: a target that leads above the root or is no path, 400.
[[nodiscard]] std::optional<GatewayDecision>
route_gateway(const GatewayTable& table, const GatewayFacts& facts);
/// The listener of that port whose hostname is the closest to `host`; nullptr: none takes it in.
[[nodiscard]] const GatewayListener*
gateway_listener(const GatewayTable& table, std::uint16_t port, std::string_view host);
/// `path` is normalized.
[[nodiscard]] bool
gateway_matches(const GatewayMatch& match, const GatewayFacts& facts, std::string_view path);

[[nodiscard]] const GatewayRule& rule_of(const GatewayTable& table, const GatewayEntry& entry);
[[nodiscard]] const GatewayMatch& match_of(const GatewayTable& table, const GatewayEntry& entry);

/// Of all requests; 0: nobody gets any, which is 500.
[[nodiscard]] std::uint64_t gateway_weight_sum(const GatewayRule& rule);
/// Which of the rule's backends a number below that sum falls to.
[[nodiscard]] std::size_t gateway_choice(const GatewayRule& rule, std::uint64_t lot);

/// The target (path and query) behind an edit. `match` is the one that has taken the request: its
/// prefix is what is replaced.
[[nodiscard]] std::string gateway_edited_target(
    const GatewayPathEdit& edit, const GatewayMatch& match, std::string_view target);
/// Where a redirect leads: the well-known port of the scheme is left out; without a port and a
/// scheme of its own it is the listener's.
[[nodiscard]] std::string gateway_redirect_location(
    const GatewayRedirect& redirect, const GatewayMatch& match, const GatewayFacts& facts);

/// "GET /api/*, header x-a: b" for people.
[[nodiscard]] std::string describe(const GatewayMatch& match);

/// The certificate that a listener shows to a client that asks for `server_name`; the first one
/// where `covers` says that none is for it. nullopt: it has none.
[[nodiscard]] std::optional<std::uint32_t> gateway_certificate(
    const GatewayListener& listener,
    std::string_view server_name,
    const std::function<bool(std::uint32_t certificate, std::string_view name)>& covers);

} // namespace services
