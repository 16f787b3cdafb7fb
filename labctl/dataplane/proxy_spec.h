#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "labctl/dataplane/spec.h"
#include "services/service.h"

namespace labctl::dataplane {

/// One socket of kube-proxy's userspace mode: a service port on a node in one family, and the
/// endpoints that its connections are spread over (services/userspace_balancer.h).
struct ProxySpec {
    std::string ns_name; // the network namespace, "node/NAME"
    services::ServicePortName name;
    bool ipv6 = false;
    std::uint16_t listen_port = 0;
    std::uint32_t affinity_seconds = 0; // 0: no affinity
    std::vector<netemu::Endpoint> endpoints;
    bool operator==(const ProxySpec&) const = default;

    /// Two specifications with the same key are the same socket.
    [[nodiscard]] std::string key() const {
        return ns_name + (ipv6 ? " 6 " : " 4 ") + name.to_string() + " " +
               std::string(services::to_text(name.protocol)) + " " + std::to_string(listen_port);
    }
};

/// A client that is sent to the same endpoint again, by the proxy of one service port on one node.
struct ProxyClient {
    std::string ns_name; // the network namespace, "node/NAME"
    services::ServicePortName name;
    netemu::IpAddress client;
    netemu::Endpoint endpoint;
    std::chrono::milliseconds left{0}; // if it does not call again
};

} // namespace labctl::dataplane
