#pragma once

#include "labctl/compile/cluster_config.h"

/// The cluster's DNS as kubeadm sets it up (cmd/kubeadm/app/phases/addons/dns of Kubernetes).
/// Internal to this folder.
namespace labctl::compile {

class Control;

inline constexpr const char* kDnsNamespace = "kube-system";
inline constexpr const char* kDnsConfigMap = "coredns";

/// ServiceAccount, ConfigMap and Deployment "coredns" and Service "kube-dns"; each only where there
/// is none. The Service has the tenth address of each service range that is free.
void ensure_cluster_dns(Control& control, const ClusterConfig& config);

/// ServiceAccount, ConfigMap and DaemonSet "node-local-dns" and Service "kube-dns-upstream", as the
/// addon's manifest has them (kubernetes cluster/addons/dns/nodelocaldns); likewise.
void ensure_node_cache(Control& control, const ClusterConfig& config);

} // namespace labctl::compile
