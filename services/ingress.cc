#include "services/ingress.h"

#include <algorithm>
#include <array>

#include "netemu/base/text.h"

namespace services {

namespace {

/// Malformed escapes stay as they are.
std::string decode_escapes(std::string_view path) {
    std::string result;
    result.reserve(path.size());
    for (std::size_t i = 0; i < path.size(); ++i) {
        if (path[i] == '%' && i + 2 < path.size()) {
            const int high = netemu::hex_digit(path[i + 1]);
            const int low = netemu::hex_digit(path[i + 2]);
            if (high >= 0 && low >= 0) {
                result.push_back(static_cast<char>(16 * high + low));
                i += 2;
                continue;
            }
        }
        result.push_back(path[i]);
    }
    return result;
}

/// A prefix without the slash at its end, which says nothing: "/" becomes "".
std::string_view bare_prefix(const std::string& path) {
    std::string_view bare(path);
    while (bare.ends_with('/')) {
        bare.remove_suffix(1);
    }
    return bare;
}

std::size_t path_length(const IngressPath& rule) {
    return rule.type == IngressPathType::Exact ? rule.path.size() : bare_prefix(rule.path).size();
}

/// "*.example" for "shop.example"; "" for a name of one label.
std::string wildcard_of(std::string_view host) {
    const auto dot = host.find('.');
    return dot == std::string_view::npos || dot == 0 ? "" : "*" + std::string(host.substr(dot));
}

} // namespace

std::string_view to_text(IngressPathType type) {
    switch (type) {
    case IngressPathType::Exact:
        return "Exact";
    case IngressPathType::Prefix:
        return "Prefix";
    case IngressPathType::ImplementationSpecific:
        return "ImplementationSpecific";
    }
    return {};
}

std::optional<IngressPathType> parse_ingress_path_type(std::string_view text) {
    constexpr std::array kTypes{
        IngressPathType::Exact, IngressPathType::Prefix, IngressPathType::ImplementationSpecific};
    const auto* found = std::find_if(
        kTypes.begin(), kTypes.end(), [text](auto type) { return to_text(type) == text; });
    return found == kTypes.end() ? std::nullopt : std::optional(*found);
}

void IngressTable::sort_paths() {
    for (auto& [name, host] : hosts) {
        std::stable_sort(
            host.paths.begin(),
            host.paths.end(),
            [](const IngressPath& left, const IngressPath& right) {
                const auto left_length = path_length(left);
                const auto right_length = path_length(right);
                if (left_length != right_length) {
                    return left_length > right_length;
                }
                return left.type == IngressPathType::Exact && right.type != IngressPathType::Exact;
            });
    }
}

std::string ingress_host_name(std::string_view header) {
    if (header.starts_with('[')) { // an IPv6 literal
        const auto end = header.find(']');
        return netemu::to_lower(header.substr(0, end == std::string_view::npos ? end : end + 1));
    }
    auto name = header.substr(0, header.find(':'));
    if (name.ends_with('.')) { // an absolute name
        name.remove_suffix(1);
    }
    return netemu::to_lower(name);
}

std::optional<std::string> normalized_path(std::string_view target) {
    const auto decoded = decode_escapes(target.substr(0, target.find_first_of("?#")));
    if (!decoded.starts_with('/') || decoded.find('\0') != std::string::npos) {
        return std::nullopt;
    }
    std::vector<std::string_view> elements;
    const std::string_view rest(decoded);
    bool directory = false; // it ends with a slash, or with an element that stands for one
    for (std::size_t begin = 1; begin <= rest.size();) {
        const auto end = std::min(rest.find('/', begin), rest.size());
        const auto element = rest.substr(begin, end - begin);
        directory = element.empty() || element == "." || element == "..";
        if (element == "..") {
            if (elements.empty()) {
                return std::nullopt;
            }
            elements.pop_back();
        } else if (!directory) {
            elements.push_back(element);
        }
        begin = end + 1;
    }
    std::string result;
    for (const auto element : elements) {
        result.append("/").append(element);
    }
    return directory || elements.empty() ? result + "/" : result;
}

bool ingress_path_matches(const IngressPath& rule, std::string_view path) {
    if (rule.type == IngressPathType::Exact) {
        return path == rule.path;
    }
    const auto prefix = bare_prefix(rule.path);
    return path.starts_with(prefix) && (path.size() == prefix.size() || path[prefix.size()] == '/');
}

const std::string* ingress_host_key(const IngressTable& table, std::string_view host) {
    for (const auto& key : {std::string(host), wildcard_of(host), std::string()}) {
        const auto found = table.hosts.find(key);
        // A client that asks for the host "*.example" itself means no wildcard.
        if (found != table.hosts.end() && !(key == host && host.starts_with("*."))) {
            return &found->first;
        }
    }
    return nullptr;
}

std::optional<IngressDecision>
route_ingress(const IngressTable& table, std::string_view host, std::string_view target) {
    auto path = normalized_path(target);
    if (!path) {
        return std::nullopt;
    }
    IngressDecision decision;
    decision.host = ingress_host_name(host);
    decision.path = std::move(*path);
    decision.backend = table.default_backend;
    decision.rule = ingress_host_key(table, decision.host);
    if (decision.rule == nullptr) {
        return decision;
    }
    const auto& chosen = table.hosts.at(*decision.rule);
    const auto found = std::find_if(
        chosen.paths.begin(), chosen.paths.end(), [&decision](const IngressPath& rule) {
            return ingress_path_matches(rule, decision.path);
        });
    if (found != chosen.paths.end()) {
        decision.matched = &*found;
        decision.backend = found->backend;
    } else if (chosen.default_backend) {
        decision.backend = chosen.default_backend;
    }
    return decision;
}

const IngressCertificate*
ingress_certificate(const IngressTable& table, std::string_view server_name) {
    for (const auto& wanted : {std::string(server_name), wildcard_of(server_name)}) {
        for (const auto& certificate : table.certificates) {
            const auto& hosts = certificate.hosts;
            if (!wanted.empty() && std::find(hosts.begin(), hosts.end(), wanted) != hosts.end()) {
                return &certificate;
            }
        }
    }
    return nullptr;
}

} // namespace services
