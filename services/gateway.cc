#include "services/gateway.h"

#include <algorithm>
#include <tuple>

#include "netemu/base/text.h"

namespace services {

namespace {

std::string_view bare_path(std::string_view path) {
    while (path.ends_with('/')) {
        path.remove_suffix(1);
    }
    return path;
}

bool is_wildcard(std::string_view hostname) {
    return hostname.starts_with("*.");
}

/// Larger is more specific: characters of a hostname without, then of one with a wildcard.
std::pair<bool, std::size_t> closeness(std::string_view hostname) {
    return {!hostname.empty() && !is_wildcard(hostname), hostname.size()};
}

bool takes_path(const GatewayMatch& match, const GatewayFacts& facts, std::string_view path) {
    switch (match.path_kind) {
    case GatewayPathKind::Exact:
        return path == match.path;
    case GatewayPathKind::Regex:
        return facts.matches_all_of && facts.matches_all_of(match.path, path);
    case GatewayPathKind::Prefix:
        break;
    }
    const auto prefix = bare_path(match.path);
    return path.starts_with(prefix) && (path.size() == prefix.size() || path[prefix.size()] == '/');
}

using Lookup = std::function<std::optional<std::string>(std::string_view name)>;

bool takes_values(
    const std::vector<GatewayValueMatch>& wanted, const Lookup& lookup, const GatewayFacts& facts) {
    return std::all_of(wanted.begin(), wanted.end(), [&](const GatewayValueMatch& one) {
        const auto value = lookup ? lookup(one.name) : std::nullopt;
        if (!value) {
            return false;
        }
        return one.is_regex ? facts.matches_all_of && facts.matches_all_of(one.value, *value)
                            : *value == one.value;
    });
}

std::size_t prefix_size(const GatewayMatch& match) {
    return match.path_kind == GatewayPathKind::Prefix ? bare_path(match.path).size()
                                                      : match.path.size();
}

/// As they are tried: less is first.
auto precedence(const GatewayTable& table, const GatewayEntry& entry) {
    const auto& match = match_of(table, entry);
    const auto& route = table.routes[entry.route];
    const auto [is_exact, characters] = closeness(entry.hostname);
    const int kind = match.path_kind == GatewayPathKind::Exact   ? 0
                     : match.path_kind == GatewayPathKind::Regex ? 1
                                                                 : 2;
    return std::make_tuple(
        !is_exact,
        -static_cast<std::int64_t>(characters),
        kind,
        -static_cast<std::int64_t>(prefix_size(match)),
        match.method.empty(),
        -static_cast<std::int64_t>(match.headers.size()),
        -static_cast<std::int64_t>(match.query.size()),
        std::string_view(route.created),
        std::string_view(route.name),
        entry.rule,
        entry.match);
}

/// Paths that were decoded to be matched: what a target cannot have is written as escapes again.
std::string encoded_path(std::string_view path) {
    constexpr std::string_view kFine =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~!$&'()*+,;=:@/";
    constexpr std::string_view kDigits = "0123456789ABCDEF";
    std::string result;
    for (const char c : path) {
        if (kFine.find(c) != std::string_view::npos) {
            result += c;
            continue;
        }
        const auto byte = static_cast<unsigned char>(c);
        result.append({'%', kDigits[byte >> 4U], kDigits[byte & 0xfU]});
    }
    return result;
}

/// What is behind the prefix of a path that begins with it, as it came if that can be told.
std::string behind_prefix(std::string_view raw, std::string_view prefix) {
    const auto normal = normalized_path(raw).value_or(std::string(raw));
    const bool as_it_came =
        raw.starts_with(prefix) && (raw.size() == prefix.size() || raw[prefix.size()] == '/');
    if (as_it_came && normal.size() <= raw.size() && raw.find("..") == std::string_view::npos) {
        return std::string(raw.substr(prefix.size()));
    }
    return encoded_path(std::string_view(normal).substr(std::min(prefix.size(), normal.size())));
}

std::string_view without_port(std::string_view authority) {
    const auto bracket = authority.rfind(']');
    const auto colon = authority.rfind(':');
    const bool has_port =
        colon != std::string_view::npos && (bracket == std::string_view::npos || colon > bracket);
    return authority.substr(0, has_port ? colon : authority.size());
}

std::string values_text(const std::vector<GatewayValueMatch>& values, const char* what) {
    std::string text;
    for (const auto& one : values) {
        text +=
            std::string(", ") + what + " " + one.name + (one.is_regex ? " ~ " : ": ") + one.value;
    }
    return text;
}

} // namespace

void GatewayTable::attach(
    std::size_t listener, std::uint32_t route, const std::vector<std::string>& hostnames) {
    auto& entries = listeners.at(listener).entries;
    const auto& rules = routes.at(route).rules;
    for (const auto& hostname : hostnames) {
        for (std::uint32_t rule = 0; rule < rules.size(); ++rule) {
            for (std::uint32_t match = 0; match < rules[rule].matches.size(); ++match) {
                entries.push_back({hostname, route, rule, match});
            }
        }
    }
}

void GatewayTable::sort() {
    for (auto& listener : listeners) {
        std::stable_sort(
            listener.entries.begin(),
            listener.entries.end(),
            [this](const GatewayEntry& left, const GatewayEntry& right) {
                return precedence(*this, left) < precedence(*this, right);
            });
    }
}

bool gateway_hostname_covers(std::string_view hostname, std::string_view host) {
    if (hostname.empty()) {
        return true;
    }
    if (!is_wildcard(hostname)) {
        return hostname == host;
    }
    const auto suffix = hostname.substr(1);
    return host.size() > suffix.size() && host.ends_with(suffix) && !host.starts_with('*');
}

std::optional<std::string> intersect_hostnames(std::string_view left, std::string_view right) {
    if (left.empty() || left == right) {
        return std::string(right);
    }
    if (right.empty()) {
        return std::string(left);
    }
    // "*.a.example" is within "*.example" as "a.example" would be.
    const auto within = [](std::string_view outer, std::string_view inner) {
        const auto bare = is_wildcard(inner) ? inner.substr(1) : inner;
        return is_wildcard(outer) && bare.size() >= outer.size() && bare.ends_with(outer.substr(1));
    };
    if (within(left, right)) {
        return std::string(right);
    }
    return within(right, left) ? std::optional(std::string(left)) : std::nullopt;
}

std::vector<std::string>
effective_hostnames(std::string_view listener, const std::vector<std::string>& route) {
    if (route.empty()) {
        return {std::string(listener)};
    }
    std::vector<std::string> result;
    for (const auto& hostname : route) {
        auto common = intersect_hostnames(listener, hostname);
        if (common && std::find(result.begin(), result.end(), *common) == result.end()) {
            result.push_back(*std::move(common));
        }
    }
    return result;
}

GatewayAttachment attach_route(
    std::string_view section,
    std::uint16_t port,
    const std::vector<std::string>& hostnames,
    const std::vector<GatewayOffer>& offers) {
    GatewayAttachment result;
    bool any_named = false;
    bool any_allowed = false;
    for (std::size_t i = 0; i < offers.size(); ++i) {
        const auto& offer = offers[i];
        if ((!section.empty() && offer.name != section) || (port != 0 && offer.port != port)) {
            continue;
        }
        any_named = true;
        if (!offer.allows_kind || !offer.allows_namespace) {
            continue;
        }
        any_allowed = true;
        auto common = effective_hostnames(offer.hostname, hostnames);
        if (!common.empty() && offer.is_usable) {
            result.listeners.push_back({i, std::move(common)});
        }
    }
    if (!any_named) {
        result.reason = "NoMatchingParent";
    } else if (!any_allowed) {
        result.reason = "NotAllowedByListeners";
    } else if (result.listeners.empty()) {
        result.reason = "NoMatchingListenerHostname";
    }
    return result;
}

std::vector<const char*> listener_conflicts(const std::vector<GatewayListenerKey>& listeners) {
    std::vector<const char*> reasons(listeners.size(), "");
    for (std::size_t i = 0; i < listeners.size(); ++i) {
        for (std::size_t k = 0; k < listeners.size(); ++k) {
            const auto& one = listeners[i];
            const auto& other = listeners[k];
            if (i == k || one.port != other.port) {
                continue;
            }
            if (one.protocol != other.protocol) {
                reasons[i] = "ProtocolConflict";
                break;
            }
            if (one.hostname == other.hostname) {
                reasons[i] = "HostnameConflict";
            }
        }
    }
    return reasons;
}

bool gateway_matches(const GatewayMatch& match, const GatewayFacts& facts, std::string_view path) {
    return takes_path(match, facts, path) &&
           (match.method.empty() || match.method == facts.method) &&
           takes_values(match.headers, facts.header, facts) &&
           takes_values(match.query, facts.query, facts);
}

const GatewayListener*
gateway_listener(const GatewayTable& table, std::uint16_t port, std::string_view host) {
    const GatewayListener* closest = nullptr;
    for (const auto& listener : table.listeners) {
        if (listener.port == port && gateway_hostname_covers(listener.hostname, host) &&
            (closest == nullptr || closeness(listener.hostname) > closeness(closest->hostname))) {
            closest = &listener;
        }
    }
    return closest;
}

std::optional<GatewayDecision> route_gateway(const GatewayTable& table, const GatewayFacts& facts) {
    auto path = normalized_path(facts.target);
    if (!path) {
        return std::nullopt;
    }
    GatewayDecision decision;
    decision.host = ingress_host_name(facts.authority);
    decision.path = std::move(*path);
    decision.listener = gateway_listener(table, facts.port, decision.host);
    if (decision.listener == nullptr) {
        return decision;
    }
    for (const auto& entry : decision.listener->entries) {
        if (gateway_hostname_covers(entry.hostname, decision.host) &&
            gateway_matches(match_of(table, entry), facts, decision.path)) {
            decision.entry = &entry;
            break;
        }
    }
    return decision;
}

const GatewayRule& rule_of(const GatewayTable& table, const GatewayEntry& entry) {
    return table.routes.at(entry.route).rules.at(entry.rule);
}

const GatewayMatch& match_of(const GatewayTable& table, const GatewayEntry& entry) {
    return rule_of(table, entry).matches.at(entry.match);
}

std::uint64_t gateway_weight_sum(const GatewayRule& rule) {
    std::uint64_t sum = 0;
    for (const auto& share : rule.backends) {
        sum += share.weight;
    }
    return sum;
}

std::size_t gateway_choice(const GatewayRule& rule, std::uint64_t lot) {
    for (std::size_t i = 0; i < rule.backends.size(); ++i) {
        if (lot < rule.backends[i].weight) {
            return i;
        }
        lot -= rule.backends[i].weight;
    }
    return rule.backends.size() - 1;
}

std::string gateway_edited_target(
    const GatewayPathEdit& edit, const GatewayMatch& match, std::string_view target) {
    const auto path = target.substr(0, target.find('?'));
    const std::string query(target.substr(path.size()));
    if (edit.kind == GatewayPathEdit::Kind::None) {
        return std::string(target);
    }
    if (edit.kind == GatewayPathEdit::Kind::Full) {
        return (edit.value.empty() ? "/" : edit.value) + query;
    }
    const auto rest = behind_prefix(path, bare_path(match.path));
    auto changed = std::string(bare_path(edit.value)) + rest;
    if (rest.empty() && edit.value.ends_with('/')) {
        changed += '/';
    }
    return (changed.empty() ? "/" : changed) + query;
}

std::string gateway_redirect_location(
    const GatewayRedirect& redirect, const GatewayMatch& match, const GatewayFacts& facts) {
    constexpr std::uint16_t kHttpPort = 80;
    constexpr std::uint16_t kHttpsPort = 443;
    const auto scheme = !redirect.scheme.empty() ? redirect.scheme
                        : facts.tls              ? std::string("https")
                                                 : std::string("http");
    const auto well_known = scheme == "https" ? kHttpsPort : kHttpPort;
    const auto port = redirect.port != 0         ? redirect.port
                      : !redirect.scheme.empty() ? well_known
                                                 : facts.port;
    auto location =
        scheme + "://" +
        (redirect.host.empty() ? std::string(without_port(facts.authority)) : redirect.host);
    if (port != well_known) {
        location += ":" + std::to_string(port);
    }
    return location + gateway_edited_target(redirect.path, match, facts.target);
}

std::string describe(const GatewayMatch& match) {
    auto text = match.method.empty() ? std::string() : match.method + " ";
    switch (match.path_kind) {
    case GatewayPathKind::Exact:
        text += match.path;
        break;
    case GatewayPathKind::Regex:
        text += "~" + match.path;
        break;
    case GatewayPathKind::Prefix:
        text += std::string(bare_path(match.path)) + "/*";
        break;
    }
    return text + values_text(match.headers, "header") + values_text(match.query, "parameter");
}

std::optional<std::uint32_t> gateway_certificate(
    const GatewayListener& listener,
    std::string_view server_name,
    const std::function<bool(std::uint32_t certificate, std::string_view name)>& covers) {
    if (listener.certificates.empty()) {
        return std::nullopt;
    }
    const auto found = std::find_if(
        listener.certificates.begin(), listener.certificates.end(), [&](std::uint32_t certificate) {
            return !server_name.empty() && covers(certificate, server_name);
        });
    return found == listener.certificates.end() ? listener.certificates.front() : *found;
}

} // namespace services
