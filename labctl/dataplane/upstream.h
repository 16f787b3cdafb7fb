#pragma once

#include <compare>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>

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

    bool operator==(const Upstream&) const = default;
    bool operator<(const Upstream& other) const {
        if (endpoint != other.endpoint) {
            return endpoint < other.endpoint;
        }
        if (tls != other.tls) {
            return std::less<>()(tls.get(), other.tls.get());
        }
        return server_name != other.server_name ? server_name < other.server_name
                                                : source < other.source;
    }
};

} // namespace labctl::dataplane
