#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "netemu/model/nft.h"
#include "services/decision.h"
#include "services/proxy_input.h"

/// What the readable and the scale layout of the nftables mode have in common: names of shared
/// chains and maps, and the entries that lead addresses to chains.
namespace services {

inline constexpr std::string_view kNftMarkChain = "mark-for-masquerade";
inline constexpr std::string_view kNftRejectChain = "reject-chain";
inline constexpr std::string_view kNftClusterIps = "cluster-ips";
inline constexpr std::string_view kNftNodePortIps = "nodeport-ips";
inline constexpr std::string_view kNftServiceIps = "service-ips";
inline constexpr std::string_view kNftServiceNodePorts = "service-nodeports";
inline constexpr std::string_view kNftNoEndpointServices = "no-endpoint-services";
inline constexpr std::string_view kNftNoEndpointNodePorts = "no-endpoint-nodeports";
inline constexpr std::string_view kNftFirewallIps = "firewall-ips";

/// Clients that one affinity set remembers; a dynamic set needs a limit.
inline constexpr std::uint32_t kNftAffinityClientsMax = 65535;

[[nodiscard]] netemu::NftType nft_address_type(Family family);
[[nodiscard]] netemu::NftStatement nft_jump(std::string_view chain);
[[nodiscard]] netemu::NftStatement nft_goto(std::string_view chain);
[[nodiscard]] netemu::NftStatement nft_source(const IpPrefix& range, bool negate = false);

/// address . protocol . port, and protocol . port.
[[nodiscard]] netemu::NftBytes
nft_address_key(const IpAddress& address, Protocol protocol, std::uint16_t port);
[[nodiscard]] netemu::NftBytes nft_port_key(Protocol protocol, std::uint16_t port);

/// Contents in the making: elements are collected by their set.
class NftCollector {
public:
    void add(std::string_view set, netemu::NftElement element);
    [[nodiscard]] netemu::NftContents take();

    netemu::NftContents contents;
};

/// Where the addresses of a service port lead: chains for the cluster IP, for external addresses,
/// and for the node port (empty: the same as external).
struct NftEntryChains {
    std::string internal;
    std::string external;
    std::string node_port = {};
};

/// The elements of cluster-ips, service-ips, service-nodeports, and of the maps for what has no
/// endpoint.
void nft_add_addresses(
    const ServicePortInput& input,
    const PortDecision& decision,
    const NftEntryChains& chains,
    NftCollector& collector);

/// The firewall chain of the source ranges, and the VIPs that lead to it.
void nft_add_firewall(
    const ServicePortInput& input, const ProxyNode& node, NftCollector& collector);

} // namespace services
