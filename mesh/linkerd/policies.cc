#include "mesh/linkerd/policies.h"

#include <algorithm>
#include <array>
#include <utility>

namespace mesh::linkerd {

namespace {

constexpr std::array<std::pair<ProxyProtocol, std::string_view>, 6> kProxyProtocols{{
    {ProxyProtocol::Unknown, "unknown"},
    {ProxyProtocol::Http1, "HTTP/1"},
    {ProxyProtocol::Http2, "HTTP/2"},
    {ProxyProtocol::Grpc, "gRPC"},
    {ProxyProtocol::Opaque, "opaque"},
    {ProxyProtocol::Tls, "TLS"},
}};

} // namespace

bool Reference::is(std::string_view of_group, std::string_view of_kind) const {
    // "core" is another name of the group without one.
    const auto own = group == "core" ? std::string_view() : std::string_view(group);
    return equals_ignore_case(own, of_group) && equals_ignore_case(kind, of_kind);
}

std::string_view proxy_protocol_name(ProxyProtocol protocol) {
    return kProxyProtocols.at(static_cast<std::size_t>(protocol)).second;
}

std::optional<ProxyProtocol> parse_proxy_protocol(std::string_view name) {
    const auto* const found =
        std::find_if(kProxyProtocols.begin(), kProxyProtocols.end(), [&](const auto& each) {
            return each.second == name;
        });
    return found == kProxyProtocols.end() ? std::nullopt : std::optional(found->first);
}

} // namespace mesh::linkerd
