#include <algorithm>

#include "mesh/tls/certificate.h"
#include "netemu/base/address.h"
#include "netemu/base/text.h"

namespace mesh {
namespace {

constexpr std::string_view kWildcard = "*.";

/// Whether `name` (in lower case, no dot at its end) has labels of letters, digits, '-' and '_'.
bool is_host_name(std::string_view name) {
    const auto labels = netemu::split(name, '.');
    return std::all_of(labels.begin(), labels.end(), [](std::string_view label) {
        return !label.empty() && std::all_of(label.begin(), label.end(), [](char c) {
            return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
        });
    });
}

bool pattern_covers(std::string_view pattern, std::string_view host) {
    if (!pattern.starts_with(kWildcard)) {
        return pattern == host; // a '*' elsewhere is never in a host
    }
    const auto parent = pattern.substr(kWildcard.size());
    const auto dot = host.find('.');
    return dot != std::string_view::npos && host.substr(dot + 1) == parent;
}

} // namespace

bool certificate_covers(std::span<const std::string> names, std::string_view host) {
    if (const auto address = netemu::IpAddress::parse(host)) {
        return std::any_of(names.begin(), names.end(), [&](const std::string& name) {
            return netemu::IpAddress::parse(name) == address;
        });
    }
    auto wanted = netemu::to_lower(host);
    if (wanted.ends_with('.')) {
        wanted.pop_back();
    }
    return is_host_name(wanted) && std::any_of(names.begin(), names.end(), [&](const auto& name) {
               return pattern_covers(netemu::to_lower(name), wanted);
           });
}

std::vector<std::string> CertificateFacts::names() const {
    auto all = dns_names;
    all.insert(all.end(), addresses.begin(), addresses.end());
    return all;
}

std::string CertificateFacts::spiffe_id() const {
    const auto found = std::find_if(uri_names.begin(), uri_names.end(), [](const auto& uri) {
        return uri.starts_with("spiffe://");
    });
    return found == uri_names.end() ? std::string() : *found;
}

bool TlsIdentity::covers(std::string_view host) const {
    return certificate_covers(facts_.names(), host);
}

} // namespace mesh
