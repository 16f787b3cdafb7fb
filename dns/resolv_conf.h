#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

/// What kubelet writes into a pod for its resolver (kubernetes pkg/kubelet/network/dns/dns.go,
/// pkg/kubelet/kubelet_pods.go; KEP-2595 for the limits). Pure.
namespace dns {

inline constexpr std::size_t kNameserversMax = 3;
inline constexpr std::size_t kSearchesMax = 32;      // KEP-2595; 6 before
inline constexpr std::size_t kSearchBytesMax = 2048; // in total, with blanks; 256 before
inline constexpr std::size_t kSearchNameBytesMax = 253;

/// A resolv.conf(5) as values. Options are "name" or "name:value".
struct ResolvConf {
    std::vector<std::string> nameservers;
    std::vector<std::string> searches;
    std::vector<std::string> options;

    [[nodiscard]] std::string text() const;
    [[nodiscard]] unsigned ndots() const; // resolv.conf(5): 1 unless given, at most 15
    bool operator==(const ResolvConf&) const = default;
};

/// Reads resolv.conf(5): the last `search` or `domain` counts, comments and unknown lines are
/// skipped.
ResolvConf parse_resolv_conf(std::string_view text);

enum class DnsPolicy : std::uint8_t { ClusterFirst, ClusterFirstWithHostNet, Default, None };
/// nullopt for a word that is no policy; "" is ClusterFirst.
std::optional<DnsPolicy> parse_dns_policy(std::string_view text);

/// spec.dnsConfig of a pod.
struct DnsConfigValue {
    std::vector<std::string> nameservers;
    std::vector<std::string> searches;
    std::vector<std::pair<std::string, std::optional<std::string>>> options;
};

struct PodDnsValue {
    std::string ns;
    DnsPolicy policy = DnsPolicy::ClusterFirst;
    bool host_network = false;
    DnsConfigValue config;
};

struct ClusterDnsValue {
    std::string domain = "cluster.local";
    std::vector<std::string> nameservers; // of the DNS Service, one per family
};

struct PodResolvConf {
    ResolvConf conf;
    /// Events of the kind DNSConfigForming or MissingClusterDNS, as kubelet words them in essence.
    std::vector<std::string> warnings;
};

/// `host` is the node's own resolv.conf. Section 7.1 of the dnsPolicy table: ClusterFirst with
/// hostNetwork is Default; without cluster DNS it falls back to Default with a warning; dnsConfig
/// is merged last. What is over the limits is cut with a warning.
PodResolvConf
pod_resolv_conf(const PodDnsValue& pod, const ClusterDnsValue& cluster, const ResolvConf& host);

struct HostAliasValue {
    std::string ip;
    std::vector<std::string> hostnames;
};

/// /etc/hosts of a pod. `hostname` without and `fqdn` with its domain (empty: none).
std::string pod_hosts_file(
    const std::vector<std::string>& ips,
    const std::string& hostname,
    const std::string& fqdn,
    const std::vector<HostAliasValue>& aliases);

} // namespace dns
