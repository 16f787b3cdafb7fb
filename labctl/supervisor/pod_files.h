#pragma once

#include <string>
#include <vector>

#include "labctl/api/object.h"
#include "netemu/base/address.h"

/// The files that kubelet writes for a pod. Pure.
namespace labctl::supervisor {

struct ClusterDns {
    std::string domain;                         // "cluster.local"
    std::vector<netemu::IpAddress> nameservers; // of the kube-dns Service
};

struct PodFiles {
    std::string hostname;    // what uname(2) says: spec.hostname or the pod's name, cut to 63
    std::string resolv_conf; // empty: the host's own
    std::string hosts;
};

/// By dnsPolicy, dnsConfig, hostname, subdomain, setHostnameAsFQDN and hostAliases, as
/// pkg/kubelet/network/dns/dns.go and pkg/kubelet/kubelet_pods.go of Kubernetes do.
PodFiles pod_files(const api::Json& pod, const ClusterDns& dns);

/// Of a node or the external host: the host's resolv.conf, a hosts file with its own name.
PodFiles host_files(const std::string& hostname, const std::vector<std::string>& addresses);

/// What a container would find in its environment: name and address of the pod, and the literal
/// `env` of its first container; values that refer to other objects are resolved where we know them
/// (fieldRef).
std::map<std::string, std::string> pod_environment(const api::Json& pod);

} // namespace labctl::supervisor
