#pragma once

#include <optional>
#include <string>

#include "netemu/model/network.h"

/// Which source address packets have that leave a network namespace, as the wanted network has it.
namespace labctl::explain {

/// The address that the kernel chooses for what leaves by this link for `next`, the gateway or the
/// destination: one of the link, on the network of `next` if there is such a one; of a link that
/// has none, the first that any other has (inet_select_addr of net/ipv4/devinet.c).
[[nodiscard]] std::optional<netemu::IpAddress> source_by(
    const netemu::NamespaceSpec& ns, const netemu::LinkSpec& link, const netemu::IpAddress& next);

/// The address that a process there has for a connection to `to`: by the route, or `to` itself
/// where it is an address of the namespace. 0.0.0.0 where nothing leads there.
[[nodiscard]] netemu::IpAddress
source_to(const netemu::NamespaceSpec& ns, const netemu::IpAddress& to);

/// A packet that leaves.
struct LeavingPacket {
    const netemu::IpAddress& source;
    const netemu::IpAddress& destination;
    const std::string& in; // empty: it begins here
    const std::string& out;
};

/// Whether rules there give it an address of the namespace. Those of Services are not asked: what
/// they do depends on what was called, and their own tracer tells it.
[[nodiscard]] bool masquerades(const netemu::NamespaceSpec& ns, const LeavingPacket& packet);

} // namespace labctl::explain
