#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "services/proxy_input.h"

/// The iptables mode: text for `iptables-restore --noflush` (IPv4) and `ip6tables-restore
/// --noflush` (IPv6). Chains, hashes, comments and the order of words are those of kube-proxy
/// (pkg/proxy/iptables/proxier.go); reference 8.2.
namespace services {

/// Above this many endpoints kube-proxy leaves out the comments of endpoint rules.
inline constexpr std::size_t kIptablesLargeClusterEndpoints = 1000;

/// "KUBE-SVC-", "KUBE-SVL-", "KUBE-EXT-", "KUBE-FW-" and 16 characters of the hash.
[[nodiscard]] std::string iptables_chain(std::string_view prefix, const ServicePortName& name);
/// "KUBE-SEP-" and 16 characters of the hash of service port and endpoint.
[[nodiscard]] std::string
iptables_endpoint_chain(const ServicePortName& name, const ProxyEndpoint& endpoint);

/// The rules of one service port on one node, each a complete line, sorted by the chain that they
/// go to.
struct IptablesFragment {
    std::string filter_services;          // filter KUBE-SERVICES
    std::string filter_external_services; // filter KUBE-EXTERNAL-SERVICES
    std::string filter_node_ports;        // filter KUBE-NODEPORTS
    std::string filter_firewall;          // filter KUBE-PROXY-FIREWALL
    std::string nat_services;             // nat KUBE-SERVICES
    std::string nat_node_ports;           // nat KUBE-NODEPORTS
    std::vector<std::string> chains;      // nat chains of its own, sorted
    std::string chain_rules;              // nat, the rules in them
    bool operator==(const IptablesFragment&) const = default;
};

struct IptablesOptions {
    bool large_cluster = false;       // no comments in rules about endpoints
    bool localhost_node_ports = true; // IPv4: needs route_localnet=1, and guards it
    bool random_fully = true;
};

[[nodiscard]] IptablesFragment iptables_fragment(
    const ServicePortInput& input,
    const ProxyNode& node,
    const ProxyConfig& config,
    const IptablesOptions& options = {});

/// What is done once in a fresh network namespace: the chains, the jumps to them at the head of the
/// built-in chains in kube-proxy's order, and the canary chains of mangle, nat and filter.
[[nodiscard]] std::string iptables_setup(Family family, const IptablesOptions& options = {});

/// One sync: the shared chains are written anew with the rules of `all` (in this order); chains of
/// service ports only for those in `changed`, whose pointers are among `all`; chains in `stale` are
/// flushed and deleted. With `changed` equal to `all` it is a full sync.
struct IptablesSync {
    std::span<const IptablesFragment* const> all;
    std::span<const IptablesFragment* const> changed;
    std::span<const std::string> stale;
};
[[nodiscard]] std::string
iptables_sync(const IptablesSync& sync, Family family, const IptablesOptions& options = {});

} // namespace services
