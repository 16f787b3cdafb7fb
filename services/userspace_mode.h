#pragma once

#include <span>
#include <string>

#include "services/proxy_input.h"

/// The userspace mode (until Kubernetes 1.25): iptables rules that steer service traffic to sockets
/// of the proxy process, one for each service port. The process itself balances: see
/// userspace_balancer.h. Source: kube-proxy pkg/proxy/userspace/proxier.go; reference 8.4. There
/// are no traffic policies and no hints; the source address is lost.
namespace services {

/// A service port and the port of the node that the proxy listens on for it.
struct UserspacePort {
    const ServicePortInput* input = nullptr;
    std::uint16_t proxy_port = 0;
};

/// Text for `iptables-restore --noflush` (or ip6tables-restore) in a network namespace that has
/// none of it yet: chains and the jumps to them. `node_address` is where host traffic is sent to.
[[nodiscard]] std::string userspace_setup();
/// Where the proxies listen (kube-proxy's --bind-address). On any address, what pods send is
/// redirected to the address of the interface that it comes in by; where those have none, as with
/// pods that are routed, the proxy is bound to the node's address and it is sent there.
enum class UserspaceBind : std::uint8_t { Any, Node };

/// The rules of all service ports, written anew.
[[nodiscard]] std::string userspace_sync(
    std::span<const UserspacePort> ports,
    const IpAddress& node_address,
    UserspaceBind bind = UserspaceBind::Any);

} // namespace services
