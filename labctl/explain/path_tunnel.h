#pragma once

#include <cstdint>
#include <string>

#include "netemu/model/network.h"
#include "services/identity_network.h"

/// Tunnels, as the wanted network has them: what a device makes of a packet, and whose device it
/// comes out of.
namespace labctl::explain {

/// A packet that leaves by a tunnel device.
struct TunnelEntry {
    const netemu::DesiredState& network;
    const std::string& ns_name;
    const netemu::NamespaceSpec& ns; // of that name
    const netemu::LinkSpec& link;    // the device
    const netemu::IpAddress& to;     // of the packet
    const netemu::IpAddress& next;   // the gateway of its route, or else `to`
    /// Where tunnels in userspace lead, nullptr: there are none; and what they say of the sender.
    const services::IdentityNetwork* userspace = nullptr;
    std::uint32_t identity = 0;
};

struct TunnelWay {
    std::string how;          // "VXLAN 1, 172.18.0.2 > 172.18.0.3 UDP 4789 by eth0"
    netemu::IpAddress remote; // where the outer packet goes
    std::string ns;           // whose device it comes out of; empty: nobody's
    std::string link;         // that device
    std::string failure;      // why it is not sent (`how` is empty), or why nobody takes it
};

[[nodiscard]] TunnelWay tunnel_way(const TunnelEntry& entry, const netemu::VxlanSpec& vxlan);
/// Where to is said by the route.
[[nodiscard]] TunnelWay
tunnel_way(const TunnelEntry& entry, const netemu::ExternalTunnelSpec& tunnel);
[[nodiscard]] TunnelWay tunnel_way(const TunnelEntry& entry, const netemu::IpipSpec& ipip);
/// Where to is said by the addresses that each peer may have.
[[nodiscard]] TunnelWay
tunnel_way(const TunnelEntry& entry, const netemu::WireguardSpec& wireguard);
/// A TUN device leads to whoever reads it.
[[nodiscard]] TunnelWay tunnel_way(const TunnelEntry& entry, const netemu::TunSpec& tun);

} // namespace labctl::explain
