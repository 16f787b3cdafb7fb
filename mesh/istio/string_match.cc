#include "mesh/istio/string_match.h"

#include <algorithm>

#include "mesh/http/message.h"
#include "netemu/base/text.h"

namespace mesh::istio {

namespace {

constexpr std::string_view kOneSegment = "{*}";
constexpr std::string_view kAnyRest = "{**}";

bool same(std::string_view left, std::string_view right, LetterCase letter_case) {
    return letter_case == LetterCase::Matters ? left == right : equals_ignore_case(left, right);
}

bool matches_template(std::string_view pattern, std::string_view path) {
    while (!pattern.empty()) {
        if (pattern.starts_with(kAnyRest)) {
            return path.ends_with(pattern.substr(kAnyRest.size()));
        }
        if (pattern.starts_with(kOneSegment)) {
            const auto segment = std::min(path.find('/'), path.size());
            if (segment == 0) {
                return false;
            }
            path.remove_prefix(segment);
            pattern.remove_prefix(kOneSegment.size());
            continue;
        }
        if (path.empty() || path.front() != pattern.front()) {
            return false;
        }
        path.remove_prefix(1);
        pattern.remove_prefix(1);
    }
    return path.empty();
}

} // namespace

bool matches_text(std::string_view pattern, std::string_view text, LetterCase letter_case) {
    if (pattern == "*") {
        return !text.empty();
    }
    if (pattern.starts_with('*')) {
        pattern.remove_prefix(1);
        return text.size() >= pattern.size() &&
               same(text.substr(text.size() - pattern.size()), pattern, letter_case);
    }
    if (pattern.ends_with('*')) {
        pattern.remove_suffix(1);
        return same(text.substr(0, pattern.size()), pattern, letter_case);
    }
    return same(text, pattern, letter_case);
}

bool matches_wildcards(std::string_view pattern, std::string_view text) {
    std::size_t at = 0;
    std::size_t star = std::string_view::npos; // where in the pattern the last one was
    std::size_t resumed = 0;                   // what of the text it has taken
    std::size_t i = 0;
    while (i < text.size()) {
        if (at < pattern.size() && pattern[at] == '*') {
            star = at++;
            resumed = i;
        } else if (at < pattern.size() && pattern[at] == text[i]) {
            ++at;
            ++i;
        } else if (star != std::string_view::npos) {
            at = star + 1;
            i = ++resumed;
        } else {
            return false;
        }
    }
    return pattern.find_first_not_of('*', at) == std::string_view::npos;
}

bool matches_path(std::string_view pattern, std::string_view path) {
    const bool is_template = pattern.find(kOneSegment) != std::string_view::npos ||
                             pattern.find(kAnyRest) != std::string_view::npos;
    return is_template ? matches_template(pattern, path) : matches_text(pattern, path);
}

std::optional<netemu::IpPrefix> parse_block(std::string_view text) {
    if (const auto address = netemu::IpAddress::parse(text)) {
        return netemu::IpPrefix::host(*address);
    }
    return netemu::IpPrefix::parse(text);
}

IdentityNames names_of_identity(std::string_view spiffe_id) {
    if (!spiffe_id.starts_with(kSpiffeScheme)) {
        return {};
    }
    const auto parts = netemu::split(spiffe_id.substr(kSpiffeScheme.size()), '/');
    if (parts.size() != 5 || parts[1] != "ns" || parts[3] != "sa") {
        return {parts[0], {}, {}};
    }
    return {parts[0], parts[2], parts[4]};
}

} // namespace mesh::istio
