#include "mesh/spiffe/id.h"

#include <algorithm>

#include "netemu/base/error.h"
#include "netemu/base/text.h"

namespace mesh {
namespace {

constexpr std::string_view kScheme = "spiffe://";
constexpr std::string_view kNamespaceSegment = "ns";
constexpr std::string_view kServiceAccountSegment = "sa";

bool is_lower_or_other(char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '-' || c == '_';
}

bool is_upper(char c) {
    return c >= 'A' && c <= 'Z';
}

bool is_of_segment(char c) {
    return is_lower_or_other(c) || is_upper(c);
}

/// For a message: short, and nothing that a terminal would obey.
std::string quoted_id(std::string_view text) {
    constexpr std::size_t kToldMax = 200;
    std::string told(text.substr(0, kToldMax));
    std::replace_if(
        told.begin(), told.end(), [](char c) { return c < 0x20 || c > 0x7e; }, '?');
    return '"' + told + (text.size() > kToldMax ? "...\"" : "\"");
}

std::string segment_problem(std::string_view segment) {
    if (segment.empty()) {
        return "an empty segment of the path, or a slash at its end, is not allowed";
    }
    if (segment == "." || segment == "..") {
        return "the segments \".\" and \"..\" are not allowed in the path";
    }
    if (segment.find('%') != std::string_view::npos) {
        return "percent encoding is not allowed in the path";
    }
    if (!std::all_of(segment.begin(), segment.end(), is_of_segment)) {
        return "the path may have letters, digits, '.', '-' and '_' only";
    }
    return {};
}

/// `path` begins with a slash or is empty.
std::string path_problem(std::string_view path) {
    if (path.empty()) {
        return {};
    }
    for (const auto segment : netemu::split(path.substr(1), '/')) {
        if (auto problem = segment_problem(segment); !problem.empty()) {
            return problem;
        }
    }
    return {};
}

bool has_scheme(std::string_view text) {
    return netemu::to_lower(text.substr(0, kScheme.size())) == kScheme;
}

struct IdParts {
    std::string_view trust_domain;
    std::string_view path;
};

/// Of a text that has the scheme.
IdParts parts_of_id(std::string_view text) {
    const auto rest = text.substr(kScheme.size());
    const auto slash = std::min(rest.find('/'), rest.size());
    return {rest.substr(0, slash), rest.substr(slash)};
}

std::string id_problem(std::string_view text) {
    if (text.size() > kSpiffeIdMax) {
        return "it has more than " + std::to_string(kSpiffeIdMax) + " bytes";
    }
    if (!has_scheme(text)) {
        return "it has to begin with spiffe://";
    }
    if (const auto at = text.find_first_of("?#"); at != std::string_view::npos) {
        return text[at] == '?' ? "a query is not allowed" : "a fragment is not allowed";
    }
    const auto parts = parts_of_id(text);
    auto problem = trust_domain_problem(parts.trust_domain);
    return problem.empty() ? path_problem(parts.path) : problem;
}

} // namespace

std::string trust_domain_problem(std::string_view name) {
    if (name.empty()) {
        return "the trust domain is empty";
    }
    if (name.size() > kTrustDomainMax) {
        return "the trust domain has more than " + std::to_string(kTrustDomainMax) + " bytes";
    }
    const auto bad = std::find_if_not(name.begin(), name.end(), is_lower_or_other);
    if (bad == name.end()) {
        return {};
    }
    // Of a name with several faults the one that says most.
    if (name.find('@') != std::string_view::npos) {
        return "user info is not allowed in front of the trust domain";
    }
    if (*bad == ':') {
        return "a port is not allowed behind the trust domain";
    }
    if (*bad == '%') {
        return "percent encoding is not allowed in the trust domain";
    }
    return is_upper(*bad) ? "the trust domain has to be in lower case"
                          : "the trust domain may have a-z, 0-9, '.', '-' and '_' only";
}

SpiffeId SpiffeId::parse(std::string_view text) {
    if (const auto problem = id_problem(text); !problem.empty()) {
        throw netemu::Error(quoted_id(text) + " is no SPIFFE ID: " + problem);
    }
    const auto parts = parts_of_id(text);
    return {parts.trust_domain, parts.path};
}

std::optional<SpiffeId> SpiffeId::try_parse(std::string_view text) {
    if (!id_problem(text).empty()) {
        return std::nullopt;
    }
    const auto parts = parts_of_id(text);
    return SpiffeId(parts.trust_domain, parts.path);
}

SpiffeId SpiffeId::of_service_account(
    std::string_view trust_domain, std::string_view name_space, std::string_view service_account) {
    std::string text(kScheme);
    text.append(trust_domain).append("/").append(kNamespaceSegment).append("/");
    text.append(name_space).append("/").append(kServiceAccountSegment).append("/");
    text.append(service_account);
    auto made = parse(text);
    // A slash in one of the names would make it somebody else's.
    if (made.trust_domain_ != trust_domain || !made.workload()) {
        throw netemu::Error(
            quoted_id(text) + " has more parts than a namespace and a service account");
    }
    return made;
}

std::string SpiffeId::to_string() const {
    return std::string(kScheme) + trust_domain_ + path_;
}

std::optional<SpiffeId::Workload> SpiffeId::workload() const {
    const auto segments = netemu::split(path_, '/');
    if (segments.size() != 5 || segments[1] != kNamespaceSegment ||
        segments[3] != kServiceAccountSegment) {
        return std::nullopt;
    }
    return Workload{std::string(segments[2]), std::string(segments[4])};
}

} // namespace mesh
