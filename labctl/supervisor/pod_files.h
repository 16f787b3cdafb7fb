#pragma once

#include <map>
#include <string>

#include "labctl/api/object.h"
#include "labctl/compile/pod_dns.h"

/// The files that kubelet writes for a pod. Pure.
namespace labctl::supervisor {

using compile::ClusterDns;

struct PodFiles {
    std::string hostname;    // what uname(2) says: spec.hostname or the pod's name, cut to 63
    std::string resolv_conf; // empty: the host's own
    std::string hosts;
};

/// By dnsPolicy, dnsConfig, hostname, subdomain, setHostnameAsFQDN and hostAliases, as
/// pkg/kubelet/network/dns/dns.go and pkg/kubelet/kubelet_pods.go of Kubernetes do.
PodFiles pod_files(const api::Json& pod, const ClusterDns& dns);

/// Of a node or the external host: a resolv.conf with the lab's upstream, a hosts file with its own
/// name.
PodFiles host_files(const std::string& hostname, const ClusterDns& dns);

/// What a container would find in its environment: name and address of the pod, and the literal
/// `env` of its first container; values that refer to other objects are resolved where we know them
/// (fieldRef).
std::map<std::string, std::string>
pod_environment(const api::Json& pod, const api::Json& container);

} // namespace labctl::supervisor
