#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "services/policy_map.h"

/// A cluster as its tunnels see it: which node has which addresses, and who is behind them. Values
/// that are made from objects, and that whoever carries packets goes by.
namespace services {

/// Identities of what is no pod (cilium.io, "Terminology": reserved identities).
inline constexpr std::uint32_t kIdentityHost = 1;
inline constexpr std::uint32_t kIdentityWorld = 2;
inline constexpr std::uint32_t kIdentityUnmanaged = 3;
inline constexpr std::uint32_t kIdentityHealth = 4;
inline constexpr std::uint32_t kIdentityInit = 5;
inline constexpr std::uint32_t kIdentityRemoteNode = 6;
inline constexpr std::uint32_t kIdentityKubeApiserver = 7;
inline constexpr std::uint32_t kIdentityIngress = 8;
/// Those of pods (Cilium: MinimalNumericIdentity, and the 16 bits of one cluster).
inline constexpr std::uint32_t kIdentityFirst = 256;
inline constexpr std::uint32_t kIdentityLast = 65535;

/// How the packets of tunnels in userspace look on the wire.
enum class TunnelFormat : std::uint8_t {
    Geneve, // RFC 8926, with the sender's identity
    Sleeve  // Weave's own; nothing of identities is there then
};

struct IdentityNode {
    std::string name;
    std::string ns_name;              // the network namespace, "node/NAME"
    std::string link;                 // its tunnel device
    IpAddress local;                  // where tunnels to it end, on the underlay
    std::vector<IpPrefix> ranges;     // of its pods
    std::vector<IpAddress> addresses; // its own
    netemu::MacAddress peer_name{};   // with Sleeve: of its peer
    bool operator==(const IdentityNode&) const = default;
};

struct IdentityEndpoint {
    IpAddress address;
    std::string node;
    std::uint32_t identity = 0;
    std::shared_ptr<const PolicyMap> map; // nullptr: no policy selects it for ingress
};

struct IdentityNetwork {
    TunnelFormat format = TunnelFormat::Geneve;
    std::uint32_t vni = 0;
    bool keep_established = false;   // conversations that a policy does not allow any more go on
    std::vector<IdentityNode> nodes; // in order of their names
    std::vector<IdentityEndpoint> endpoints; // in order of their addresses
    std::vector<std::uint32_t> identities;   // of pods, sorted
};

} // namespace services
