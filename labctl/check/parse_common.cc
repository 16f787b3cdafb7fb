#include "labctl/check/parse_common.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <iterator>
#include <optional>

#include "labctl/api/grpc_status.h"
#include "labctl/check/problems.h"
#include "labctl/check/words.h"
#include "netemu/base/address.h"
#include "netemu/base/error.h"
#include "netemu/base/text.h"

namespace labctl::check {

namespace {

using netemu::UsageError;

constexpr std::array kOutcomes{
    probe::Outcome::Refused,
    probe::Outcome::Unreachable,
    probe::Outcome::Timeout,
    probe::Outcome::Reset,
    probe::Outcome::DnsError,
    probe::Outcome::TlsError,
    probe::Outcome::Unsupported};

std::optional<int> parse_int(std::string_view text) {
    int value = 0;
    const auto* end = text.data() + text.size();
    const auto parsed = std::from_chars(text.data(), end, value);
    return parsed.ec == std::errc{} && parsed.ptr == end ? std::optional(value) : std::nullopt;
}

/// RFC 6335: letters, digits and single hyphens inside, at least one letter, at most 15 characters.
bool is_port_name(std::string_view text) {
    const auto letter = [](char c) { return c >= 'a' && c <= 'z'; };
    return !text.empty() && text.size() <= 15 && text.front() != '-' && text.back() != '-' &&
           std::ranges::any_of(text, letter) && std::ranges::all_of(text, [&](char c) {
               return letter(c) || (c >= '0' && c <= '9') || c == '-';
           });
}

/// The last colon that is not inside braces, brackets or quotes.
std::size_t port_colon(std::string_view text) {
    std::size_t found = std::string_view::npos;
    const auto parts = split_outside(text, ":");
    if (parts.size() > 1) {
        found = static_cast<std::size_t>(parts.back().data() - text.data()) - 1;
        while (text[found] != ':') {
            --found;
        }
    }
    return found;
}

void parse_port(std::string_view text, Destination& destination) {
    const auto slash = text.find('/');
    const auto port = text.substr(0, slash);
    const auto number = parse_int(port);
    if (number ? *number < 1 || *number > 65535 : port != "*" && !is_port_name(port)) {
        throw UsageError(
            quote(port) + " is not a port", "write a number from 1 to 65535, a port's name, or *");
    }
    destination.port = port;
    if (slash == std::string_view::npos) {
        return;
    }
    const auto protocol = netemu::to_lower(text.substr(slash + 1));
    static const std::vector<std::string> kProtocols{"tcp", "udp", "sctp", "http", "https", "grpc"};
    static constexpr std::array kSchemes{
        probe::Scheme::Tcp,
        probe::Scheme::Udp,
        probe::Scheme::Sctp,
        probe::Scheme::Http,
        probe::Scheme::Https,
        probe::Scheme::Grpc};
    const auto found = std::ranges::find(kProtocols, protocol);
    if (found == kProtocols.end()) {
        const auto near = netemu::nearest(protocol, kProtocols);
        throw UsageError(
            quote(text.substr(slash + 1)) + " is not a protocol",
            near ? "did you mean '" + *near + "'?" : "write tcp, udp, sctp, http, https or grpc");
    }
    destination.scheme = kSchemes.at(static_cast<std::size_t>(found - kProtocols.begin()));
}

std::string expected_outcome(const Expectation& expect) {
    switch (expect.kind) {
    case Expectation::Kind::Allow:
        return "allow";
    case Expectation::Kind::Deny:
        return "deny";
    case Expectation::Kind::Outcome:
        return probe::to_string(expect.outcome);
    }
    return {};
}

std::string status_text(const std::vector<std::pair<int, int>>& ranges) {
    std::vector<std::string> parts;
    for (const auto& [low, high] : ranges) {
        const bool whole_class = low % 100 == 0 && high == low + 99;
        parts.push_back(
            whole_class   ? std::to_string(low / 100) + "xx"
            : low == high ? std::to_string(low)
                          : std::to_string(low) + "-" + std::to_string(high));
    }
    return netemu::join(parts, ",");
}

std::string expectation_text(const Expectation& expect) {
    std::vector<std::string> parts;
    const auto add = [&](const char* name, const std::string& value) {
        if (!value.empty()) {
            parts.push_back(std::string(name) + " " + value);
        }
    };
    add("status", status_text(expect.statuses));
    add("gRPC", netemu::join(expect.grpc, ","));
    add("body with", expect.body_contains ? quote(*expect.body_contains) : "");
    add("body matching", expect.body_matches ? quote(*expect.body_matches) : "");
    for (const auto& [name, value] : expect.headers) {
        add("header", name + ": " + value);
    }
    for (const auto& [name, value] : expect.tls) {
        add("TLS", name + " " + value);
    }
    add("backend", expect.backend);
    add("client IP", expect.client_ip);
    add("mtu", expect.mtu ? std::to_string(*expect.mtu) : "");
    add("peerIdentity", expect.peer_identity);
    add("clientIdentity", expect.client_identity);
    if (expect.answers) {
        parts.push_back(
            expect.answers->empty() ? "no answers"
                                    : "answers " + netemu::join(*expect.answers, ","));
    }
    for (const auto& share : expect.spread) {
        add("spread", share.backend + " " + share.text);
    }
    if (parts.empty() || expect.kind != Expectation::Kind::Allow) {
        parts.insert(parts.begin(), expected_outcome(expect));
    }
    add("by", expect.by);
    return netemu::join(parts, ", ");
}

/// Before anything but a status of gRPC.
bool is_grpc_word(std::string_view word) {
    return !word.empty() && word.front() >= 'A' && word.front() <= 'Z';
}

bool asks_for_http(const Expectation& expect) {
    return !expect.statuses.empty() || expect.body_contains || expect.body_matches ||
           !expect.headers.empty() || !expect.peer_identity.empty() ||
           !expect.client_identity.empty();
}

void check_conditions(const Assertion& assertion, Problems& problems) {
    const auto& expect = assertion.expect;
    const bool conditions = asks_for_http(expect) || !expect.grpc.empty() || !expect.tls.empty() ||
                            !expect.backend.empty() || !expect.client_ip.empty() ||
                            expect.answers || !expect.spread.empty() || expect.mtu;
    if (!expect.spread.empty() && assertion.count < 2) {
        problems.add(
            "expect.spread", "'spread' is over many exchanges", "write count: 100 beside it");
    }
    if (conditions && expect.kind != Expectation::Kind::Allow) {
        problems.add(
            "expect",
            "what is expected of an answer makes no sense with '" + expected_outcome(expect) + "'");
    }
    if (!expect.by.empty() && expect.kind != Expectation::Kind::Deny) {
        problems.add("by", "'by' names the rule that denies, so it goes with 'deny' only");
    }
    const auto scheme = assertion.to.url ? assertion.to.url->scheme : assertion.to.scheme;
    if (expect.mtu && (scheme != probe::Scheme::Icmp || assertion.count > 1)) {
        problems.add(
            "expect.mtu",
            "'mtu' is measured with ICMP, one packet of each size",
            "write the target as icmp://..., or NAME icmp, and no count");
    }
    if ((!expect.tls.empty() || !assertion.ca.empty()) && scheme != probe::Scheme::Https) {
        problems.add(
            expect.tls.empty() ? "ca" : "expect.tls",
            "a certificate is expected, but the target is not HTTPS",
            "write the target as https://... or NAME:PORT/https");
    }
    if (!assertion.to.url && assertion.to.port == "*" && probe::is_http(scheme)) {
        problems.add(
            "to",
            "'*' is every declared port, each by the protocol that it declares, and none "
            "declares " +
                probe::to_string(scheme),
            "name the port: " + assertion.to.side.text + ":PORT/" + probe::to_string(scheme));
    }
    if (!expect.grpc.empty() && scheme != probe::Scheme::Grpc) {
        problems.add(
            "expect.grpc",
            "a status of gRPC is expected, but the target is not gRPC",
            "write the target as grpc://... or NAME:PORT/grpc");
    }
    if (expect.answers && scheme != probe::Scheme::Dns) {
        problems.add(
            "expect.answers",
            "'answers' are those of DNS, but the target is no name to look up",
            "write the target as dns://NAME");
    }
    if (asks_for_http(expect) && !probe::is_http(scheme)) {
        problems.add(
            "expect",
            "a status, header, body or identity is expected, but the target is not HTTP",
            "write the target as http://... or NAME:PORT/http, or https or grpc");
    }
}

void check_sides(const Assertion& assertion, Problems& problems) {
    const auto& destination = assertion.to;
    const bool needs_port =
        !destination.url && destination.port.empty() && destination.scheme != probe::Scheme::Icmp;
    for (const auto& term : destination.side.terms) {
        if (needs_port && term.kind != Term::Kind::Name && term.kind != Term::Kind::Labels &&
            term.kind != Term::Kind::Workload && term.kind != Term::Kind::Service) {
            problems.add(
                "to",
                quote(term.text) + " declares no ports, so the assertion must name one",
                "write " + term.text + ":PORT, or " + term.text + " icmp");
        }
    }
    for (const auto& term : assertion.from.terms) {
        if (term.kind == Term::Kind::Address || term.kind == Term::Kind::Service) {
            problems.add(
                "from",
                quote(term.text) + " cannot send",
                "a source is a pod, a node (node/NAME) or external");
        }
    }
}

} // namespace

std::vector<std::string_view> split_outside(std::string_view text, std::string_view separators) {
    std::vector<std::string_view> parts;
    std::string open; // closers that are waited for, innermost last
    std::size_t start = 0;
    const bool keep_empty = separators == ",";
    const auto end_part = [&](std::size_t end) {
        const auto part = netemu::trim(text.substr(start, end - start));
        if (!part.empty() || keep_empty) {
            parts.push_back(part);
        }
        start = end + 1;
    };
    for (std::size_t i = 0; i < text.size(); ++i) {
        const char c = text[i];
        const bool in_quotes = !open.empty() && (open.back() == '"' || open.back() == '\'');
        if (!open.empty() && c == open.back()) {
            open.pop_back();
        } else if (in_quotes) {
            continue;
        } else if (c == '{' || c == '[' || c == '(' || c == '"' || c == '\'') {
            open += c == '{' ? '}' : c == '[' ? ']' : c == '(' ? ')' : c;
        } else if (open.empty() && separators.find(c) != std::string_view::npos) {
            end_part(i);
        }
    }
    if (!open.empty()) {
        throw UsageError(quote(text) + " has no closing " + open.back());
    }
    end_part(text.size());
    return parts;
}

Destination parse_destination(std::string_view text) {
    Destination destination;
    destination.text = text;
    if (text.find("://") != std::string_view::npos) {
        destination.url = probe::Target::parse(std::string(text));
        destination.scheme = destination.url->scheme;
        return destination;
    }
    auto selector = text;
    if (!netemu::IpAddress::parse(text)) {
        const auto colon = port_colon(text);
        if (colon != std::string_view::npos) {
            parse_port(text.substr(colon + 1), destination);
            selector = text.substr(0, colon);
        }
    }
    if (selector.size() > 2 && selector.front() == '[' && selector.back() == ']') {
        selector = selector.substr(1, selector.size() - 2);
    }
    destination.side.terms = parse_terms(selector);
    destination.side.text = selector;
    return destination;
}

std::vector<std::pair<int, int>> parse_statuses(std::string_view text) {
    std::vector<std::pair<int, int>> ranges;
    for (const auto part : netemu::split(text, ',')) {
        const auto word = netemu::trim(part);
        const auto dash = word.find('-');
        auto low = parse_int(word.substr(0, dash));
        auto high = dash == std::string_view::npos ? low : parse_int(word.substr(dash + 1));
        if (word.size() == 3 && word.ends_with("xx")) {
            low = parse_int(word.substr(0, 1));
            low = low ? std::optional(*low * 100) : std::nullopt;
            high = low ? std::optional(*low + 99) : std::nullopt;
        }
        if (!low || !high || *low < 100 || *high > 599 || *low > *high) {
            throw UsageError(
                quote(word) + " is not an HTTP status",
                "write 200, 2xx or 200-204, several with commas");
        }
        ranges.emplace_back(*low, *high);
    }
    return ranges;
}

std::vector<std::string> parse_grpc_words(std::string_view text) {
    std::vector<std::string> known{"SERVING", "NOT_SERVING"};
    std::ranges::copy(api::grpc_status_names(), std::back_inserter(known));
    std::vector<std::string> words;
    for (const auto part : netemu::split(text, ',')) {
        words.emplace_back(netemu::trim(part));
        if (std::ranges::find(known, words.back()) == known.end()) {
            const auto near = netemu::nearest(words.back(), known);
            throw UsageError(
                quote(words.back()) + " is not a status of gRPC",
                near ? "did you mean '" + *near + "'?"
                     : "write OK, PERMISSION_DENIED, UNAVAILABLE or another one by its name, or "
                       "SERVING or NOT_SERVING of a health check; several with commas");
        }
    }
    return words;
}

Expectation parse_expect_word(std::string_view word) {
    Expectation expect;
    if (word == "allow" || word == "ok") {
        return expect;
    }
    if (word == "deny") {
        expect.kind = Expectation::Kind::Deny;
        return expect;
    }
    std::vector<std::string> known{"allow", "deny"};
    for (const auto outcome : kOutcomes) {
        known.push_back(probe::to_string(outcome));
        if (word == known.back()) {
            expect.kind = Expectation::Kind::Outcome;
            expect.outcome = outcome;
            return expect;
        }
    }
    const auto status = word.starts_with("http-") ? word.substr(5) : word;
    if (!status.empty() && status.front() >= '0' && status.front() <= '9') {
        expect.statuses = parse_statuses(status);
        return expect;
    }
    const auto near = netemu::nearest(word, known);
    // Names of gRPC's statuses are in capitals, but so may be a misspelt word.
    if (is_grpc_word(word) && !near) {
        expect.grpc = parse_grpc_words(word);
        return expect;
    }
    throw UsageError(
        quote(word) + " is nothing that can be expected",
        near ? "did you mean '" + *near + "'?"
             : "write allow, deny, refused, unreachable, timeout, reset, an HTTP status, or one of "
               "gRPC by its name");
}

std::uint64_t parse_duration_field(std::string_view name, std::string_view text) {
    constexpr std::uint64_t kDurationMax = 3600ULL * 1000000; // an hour
    const auto value = netemu::parse_duration_us(text);
    if (!value || *value == 0 || *value > kDurationMax) {
        throw UsageError(
            "'" + std::string(name) + "' is " + quote(text) +
                ", which is no time that can be waited for",
            "write for example 500ms, 5s or 2m, at most 1h");
    }
    return *value;
}

std::string parse_rule_name(std::string_view text) {
    const auto parts = netemu::split(text, '/');
    const bool empty_part = std::ranges::any_of(parts, [](auto part) { return part.empty(); });
    const auto* info = api::find_kind(parts[0]);
    if (parts.size() < 2 || parts.size() > 3 || empty_part) {
        throw UsageError(
            "'by' is " + quote(text) + ", which does not name a rule",
            "write KIND/NAMESPACE/NAME, for example networkpolicy/prod/allow-frontend");
    }
    // It would match nothing: rules are named with what they are in.
    if (info != nullptr && info->namespaced != (parts.size() == 3)) {
        const std::string kind(parts.front());
        const std::string name(parts.back());
        throw UsageError(
            "'by' is " + quote(text) + ", but a " + info->kind +
                (info->namespaced ? " is in a namespace" : " is in no namespace"),
            "write " + kind + (info->namespaced ? "/NAMESPACE/" : "/") + name);
    }
    const std::string kind(info == nullptr ? parts[0] : api::plain_kind(info->kind));
    return netemu::to_lower(kind) + std::string(text.substr(parts[0].size()));
}

Level parse_level(std::string_view text) {
    if (text != "error" && text != "warning" && text != "warn") {
        throw UsageError("'level' is " + quote(text), "write error or warning");
    }
    return text == "error" ? Level::Error : Level::Warning;
}

Share parse_share(const std::string& backend, std::string_view text) {
    constexpr double kWhole = 100;
    Share share;
    share.backend = backend;
    share.text = text;
    auto word = netemu::trim(text);
    share.about = word.starts_with('~');
    word.remove_prefix(share.about ? 1 : 0);
    const bool percent = word.ends_with('%');
    word.remove_suffix(percent ? 1 : 0);
    const auto dash = word.find('-');
    const auto low = parse_int(word.substr(0, dash));
    const auto high = dash == std::string_view::npos ? low : parse_int(word.substr(dash + 1));
    const bool range = dash != std::string_view::npos;
    if (!percent || !low || !high || *low < 0 || *high > 100 || *low > *high ||
        (share.about && range)) {
        throw UsageError(
            "the share of " + quote(backend) + " is " + quote(text),
            "write ~50% for what a fair choice gives, or 40-60%");
    }
    share.low = *low / kWhole;
    share.high = *high / kWhole;
    return share;
}

void finish(Assertion& assertion) {
    auto& destination = assertion.to;
    // Only HTTP and gRPC have a status, so a bare port that is expected to give one speaks that.
    const bool bare_port =
        !destination.url && !destination.port.empty() &&
        destination.text.find('/', destination.side.text.size()) == std::string::npos;
    if (bare_port && !assertion.expect.grpc.empty()) {
        destination.scheme = probe::Scheme::Grpc;
    } else if (bare_port && asks_for_http(assertion.expect)) {
        destination.scheme = probe::Scheme::Http;
    }
    Problems problems;
    check_sides(assertion, problems);
    check_conditions(assertion, problems);
    problems.raise();
    assertion.expect.text = expectation_text(assertion.expect);
}

} // namespace labctl::check
