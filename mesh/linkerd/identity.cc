#include "mesh/linkerd/identity.h"

#include <algorithm>

namespace mesh::linkerd {

namespace {

constexpr std::string_view kControlPlane = "linkerd"; // its namespace
constexpr std::string_view kUriScheme = "spiffe://";

std::string named(std::string_view account, std::string_view ns, std::string_view trust_domain) {
    std::string name(account);
    for (const auto part : {ns, std::string_view("serviceaccount.identity"), kControlPlane}) {
        name.append(".").append(part);
    }
    return name.append(".").append(trust_domain);
}

bool is_wildcard(std::string_view pattern) {
    return pattern == "*" || pattern.starts_with("*.");
}

} // namespace

std::string service_account_identity(
    std::string_view ns, std::string_view account, std::string_view trust_domain) {
    return named(account, ns, trust_domain);
}

std::string namespace_identity(std::string_view ns, std::string_view trust_domain) {
    return named("*", ns, trust_domain);
}

bool is_service_account_identity(std::string_view text) {
    constexpr std::size_t kNameMax = 253; // RFC 1123
    constexpr std::string_view kMiddle = ".serviceaccount.identity.";
    const auto middle = text.find(kMiddle);
    const bool letters = std::all_of(text.begin(), text.end(), [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_';
    });
    return letters && text.size() <= kNameMax && middle != text.npos && middle > 0 &&
           middle + kMiddle.size() < text.size();
}

bool matches_identity(std::string_view pattern, std::string_view identity) {
    if (!is_wildcard(pattern) || identity.starts_with(kUriScheme)) {
        return pattern == identity;
    }
    return identity.ends_with(pattern.substr(1));
}

bool matches_nobody(std::string_view pattern) {
    if (is_wildcard(pattern)) {
        pattern.remove_prefix(1);
    }
    return pattern.find('*') != pattern.npos;
}

} // namespace mesh::linkerd
