#include "mesh/istio/traffic.h"

#include <algorithm>
#include <limits>

#include "netemu/base/text.h"

namespace mesh::istio {

namespace {

bool starts_with(std::string_view text, std::string_view prefix, LetterCase letter_case) {
    const auto begin = text.substr(0, prefix.size());
    return letter_case == LetterCase::Matters ? begin == prefix : equals_ignore_case(begin, prefix);
}

std::string_view path_of(std::string_view target) {
    return target.substr(0, target.find('?'));
}

std::string_view query_of(std::string_view target) {
    const auto mark = target.find('?');
    return mark == std::string_view::npos ? std::string_view() : target.substr(mark + 1);
}

/// The values of all fields of that name, as one: Envoy joins them.
std::optional<std::string> joined_header(const Headers& headers, std::string_view name) {
    std::optional<std::string> joined;
    for (const auto& field : headers.fields()) {
        if (equals_ignore_case(field.name, name)) {
            joined = joined ? *joined + "," + field.value : field.value;
        }
    }
    return joined;
}

bool header_matches(const NamedMatch& wanted, const Headers* headers) {
    const auto value = headers == nullptr ? std::nullopt : joined_header(*headers, wanted.name);
    return value && matches(wanted.match, *value);
}

/// A header that is not there counts as an empty one, unless it is only asked whether it is there.
bool header_is_unwanted(const NamedMatch& unwanted, const Headers* headers) {
    const auto value = headers == nullptr ? std::nullopt : joined_header(*headers, unwanted.name);
    return unwanted.match.kind == StringMatch::Kind::Present
               ? value.has_value()
               : matches(unwanted.match, value.value_or(""));
}

bool client_matches(const HttpMatch& match, const RouteFacts& facts) {
    if (!match.source_ns.empty() && match.source_ns != facts.client_ns) {
        return false;
    }
    static const Labels kNone;
    return selects(
        match.source_labels, facts.client_labels == nullptr ? kNone : *facts.client_labels);
}

bool is_optional_match(const std::optional<StringMatch>& match, std::string_view value) {
    return !match || matches(*match, value);
}

} // namespace

bool matches(const StringMatch& match, std::string_view value, LetterCase letter_case) {
    switch (match.kind) {
    case StringMatch::Kind::Present:
        return true;
    case StringMatch::Kind::Exact:
        return value.size() == match.text.size() && starts_with(value, match.text, letter_case);
    case StringMatch::Kind::Prefix:
        return starts_with(value, match.text, letter_case);
    case StringMatch::Kind::Regex:
        return match.regex.matches_all_of(value);
    }
    return false;
}

std::string
complete_host(std::string_view host, std::string_view ns, std::string_view cluster_domain) {
    std::string whole(host);
    if (host.find('.') == std::string_view::npos && !host.starts_with('*')) {
        whole.append(".").append(ns).append(".svc.").append(cluster_domain);
    }
    return netemu::to_lower(whole);
}

std::size_t host_closeness(std::string_view pattern, std::string_view host) {
    if (pattern == host) {
        return std::numeric_limits<std::size_t>::max();
    }
    if (!pattern.starts_with('*')) {
        return 0;
    }
    return host.ends_with(pattern.substr(1)) ? pattern.size() : 0;
}

bool host_matches(std::string_view pattern, std::string_view host) {
    return host_closeness(pattern, host) > 0;
}

bool is_exported(
    const std::vector<std::string>& export_to, std::string_view ns, std::string_view client_ns) {
    return export_to.empty() ||
           std::any_of(export_to.begin(), export_to.end(), [&](const auto& whom) {
               return whom == "*" || whom == client_ns || (whom == "." && ns == client_ns);
           });
}

bool matches(const HttpMatch& match, const RouteFacts& facts) {
    const auto letter_case = match.ignore_uri_case ? LetterCase::Ignored : LetterCase::Matters;
    if ((match.port != 0 && match.port != facts.port) || !client_matches(match, facts) ||
        (match.uri && !matches(*match.uri, path_of(facts.target), letter_case)) ||
        !is_optional_match(match.scheme, "http") ||
        !is_optional_match(match.method, facts.method) ||
        !is_optional_match(match.authority, facts.authority)) {
        return false;
    }
    const auto query = query_of(facts.target);
    return std::all_of(
               match.headers.begin(),
               match.headers.end(),
               [&](const auto& wanted) { return header_matches(wanted, facts.headers); }) &&
           std::none_of(
               match.without_headers.begin(),
               match.without_headers.end(),
               [&](const auto& unwanted) { return header_is_unwanted(unwanted, facts.headers); }) &&
           std::all_of(match.query.begin(), match.query.end(), [&](const auto& wanted) {
               const auto value = query_parameter(query, wanted.name);
               return value && matches(wanted.match, *value);
           });
}

std::optional<RouteChoice>
choose_route(const std::vector<HttpRoute>& routes, const RouteFacts& facts) {
    for (std::size_t i = 0; i < routes.size(); ++i) {
        const auto& blocks = routes[i].match;
        if (blocks.empty()) {
            return RouteChoice{i, std::nullopt};
        }
        for (std::size_t k = 0; k < blocks.size(); ++k) {
            if (matches(blocks[k], facts)) {
                return RouteChoice{i, k};
            }
        }
    }
    return std::nullopt;
}

std::uint32_t weight_sum(const HttpRoute& route) {
    if (route.to.size() == 1) {
        return 1;
    }
    std::uint32_t sum = 0;
    for (const auto& destination : route.to) {
        sum += destination.weight;
    }
    return sum;
}

std::size_t weighted_choice(const HttpRoute& route, std::uint32_t lot) {
    for (std::size_t i = 0; i + 1 < route.to.size(); ++i) {
        if (lot < route.to[i].weight) {
            return i;
        }
        lot -= route.to[i].weight;
    }
    return route.to.empty() ? 0 : route.to.size() - 1;
}

std::string
rewritten_target(const HttpRoute& route, const RouteChoice& choice, std::string_view target) {
    if (!route.rewrite) {
        return std::string(target);
    }
    const auto path = path_of(target);
    const auto query = target.substr(path.size());
    const auto& rewrite = *route.rewrite;
    std::string changed(path);
    if (rewrite.pattern.valid()) {
        changed = rewrite.pattern.replace_all(path, rewrite.substitution);
    } else if (!rewrite.uri.empty()) {
        const auto& uri = choice.match ? route.match[*choice.match].uri : std::nullopt;
        // A match that names no path is one for the prefix "/".
        const std::size_t replaced = !uri                                     ? 1
                                     : uri->kind == StringMatch::Kind::Prefix ? uri->text.size()
                                                                              : path.size();
        changed = rewrite.uri + std::string(path.substr(std::min(replaced, path.size())));
    }
    return changed + std::string(query);
}

std::string
redirect_location(const Redirect& redirect, std::string_view authority, std::string_view target) {
    const std::string scheme = redirect.scheme.empty() ? "http" : redirect.scheme;
    std::string host(redirect.authority.empty() ? authority : redirect.authority);
    if (redirect.port != 0) {
        const auto colon = host.rfind(':');
        if (colon != std::string::npos && host.find(']', colon) == std::string::npos) {
            host.resize(colon);
        }
        host += ":" + std::to_string(redirect.port);
    }
    const auto path = path_of(target);
    const std::string query(target.substr(path.size()));
    return scheme + "://" + host + (redirect.uri.empty() ? std::string(path) : redirect.uri) +
           (redirect.uri.find('?') == std::string::npos ? query : "");
}

void edit_headers(Headers& headers, const HeaderEdits& edits) {
    const auto is_host = [](std::string_view name) {
        return equals_ignore_case(name, "host") || name == ":authority";
    };
    for (const auto& name : edits.remove) {
        if (!is_host(name)) {
            headers.remove(name);
        }
    }
    for (const auto& field : edits.set) {
        if (!is_host(field.name)) {
            headers.set(field.name, field.value);
        }
    }
    for (const auto& field : edits.add) {
        if (!is_host(field.name)) {
            headers.add(field.name, field.value);
        }
    }
}

std::string set_authority(const HeaderEdits& edits) {
    for (const auto& field : edits.set) {
        if (equals_ignore_case(field.name, "host") || field.name == ":authority") {
            return field.value;
        }
    }
    return {};
}

} // namespace mesh::istio
