#pragma once

#include <compare>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "netemu/base/address.h"

namespace mesh {
class TlsClientConfig;
}

namespace labctl::dataplane {

/// Where a proxy's request can go, and how it is spoken to there. Connections to equal ones can be
/// used in each other's place.
struct Upstream {
    netemu::Endpoint endpoint;
    std::shared_ptr<const mesh::TlsClientConfig> tls{}; // null: plain
    std::string server_name{};                          // SNI, with TLS
    std::optional<netemu::IpAddress> source{};          // that the connection comes from; none: any
    bool http2 = false; // HTTP/2 is spoken, by prior knowledge (RFC 9113 section 3.3)

    bool operator==(const Upstream&) const = default;
    bool operator<(const Upstream& other) const {
        if (endpoint != other.endpoint) {
            return endpoint < other.endpoint;
        }
        if (tls != other.tls) {
            return std::less<>()(tls.get(), other.tls.get());
        }
        if (server_name != other.server_name) {
            return server_name < other.server_name;
        }
        return source != other.source ? source < other.source : http2 < other.http2;
    }
};

/// Has that spoken, or HTTP/1.1, at all of them.
inline void speak_http2(std::vector<Upstream>& all, bool http2) {
    for (auto& upstream : all) {
        upstream.http2 = http2;
    }
}

} // namespace labctl::dataplane
