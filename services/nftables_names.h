#pragma once

#include <string>
#include <string_view>

#include "netemu/model/nft.h"
#include "services/proxy_input.h"

/// Names in the nftables tables of a proxy. Source: kube-proxy pkg/proxy/nftables/proxier.go;
/// reference 8.1. A name that would be longer than a chain's may be is cut and ends in "...": the
/// hash at its head keeps it unique.
namespace services {

/// The table of a family, and its name.
inline constexpr std::string_view kNftProxyTable = "kube-proxy";
[[nodiscard]] netemu::NftFamily nft_family(Family family);

/// PREFIX (such as "service-"), 8 characters of hash, and "ns/name/tcp/port".
[[nodiscard]] std::string nft_port_chain(std::string_view prefix, const ServicePortName& name);
/// PREFIX ("endpoint-" or "affinity-"), hash, and "ns/name/tcp/port__10.244.1.7/8080"; the colons
/// of an IPv6 address are written as dots.
[[nodiscard]] std::string nft_endpoint_chain(
    std::string_view prefix, const ServicePortName& name, const ProxyEndpoint& endpoint);

/// "ns/name:port", with `purpose` behind it; at most what a comment may hold.
[[nodiscard]] std::string nft_comment(const ServicePortName& name, std::string_view purpose = {});

} // namespace services
