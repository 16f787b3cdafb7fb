#pragma once

#include <string>
#include <vector>

#include "dns/resolv_conf.h"
#include "labctl/api/object.h"
#include "labctl/compile/cluster_config.h"
#include "netemu/base/address.h"

/// The resolver configuration of the lab's pods and nodes, from their objects. Pure.
namespace labctl::compile {

/// Where the cluster's DNS is: the tenth address of each Service range, as kubeadm has it
/// (kubernetes cmd/kubeadm/app/constants, GetDNSIP).
[[nodiscard]] std::vector<netemu::IpAddress> dns_addresses(const ClusterConfig& config);

/// The name servers of the lab's nodes: the lab's own upstream, on the addresses of the namespace
/// "external".
[[nodiscard]] std::vector<netemu::IpAddress> upstream_addresses(const ClusterConfig& config);

/// Who resolves names in a lab.
struct ClusterDns {
    std::string domain;                         // "cluster.local"
    std::vector<netemu::IpAddress> nameservers; // of the kube-dns Service, or the nodes' caches'
    std::vector<netemu::IpAddress> of_nodes{};  // in the nodes' resolv.conf
};
[[nodiscard]] ClusterDns cluster_dns(const ClusterConfig& config);

/// By dnsPolicy and dnsConfig, as kubelet writes it (dns::pod_resolv_conf).
[[nodiscard]] dns::ResolvConf pod_resolv_conf(const api::Json& pod, const ClusterDns& dns);

/// /etc/resolv.conf of a node.
[[nodiscard]] dns::ResolvConf host_resolv_conf(const ClusterDns& dns);

/// What a probe from a node uses: the cluster's DNS, with NAME.NAMESPACE found as from a pod.
[[nodiscard]] dns::ResolvConf
node_resolv_conf(const std::string& domain, const std::vector<netemu::IpAddress>& nameservers);

} // namespace labctl::compile
