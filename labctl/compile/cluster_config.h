#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "labctl/api/object.h"
#include "labctl/compile/bgp_config.h"
#include "netemu/base/address.h"
#include "netemu/model/wireguard.h"

/// The Lab object as values: what the cluster is made of. Read once at `up`.
namespace labctl::compile {

struct Topology;

struct NodeConfig {
    std::string name;
    std::string zone; // topology.kubernetes.io/zone, or empty
    api::Labels labels;
    api::Json taints = api::Json::array();
};

/// One entry of the lab's `images` map: which images it is for and what serves them.
struct ImageRule {
    std::string match; // glob over the image name
    bool idle = false; // run: idle
    std::vector<std::string>
        run;            // command of the host; empty with `rootfs` means the container's own
    std::string rootfs; // root directory, or empty
};

struct ClusterConfig {
    std::string name = "demo";
    std::vector<NodeConfig> nodes;               // at least one
    std::vector<netemu::IpPrefix> pod_cidrs;     // one per family; the first is the primary one
    std::vector<netemu::IpPrefix> service_cidrs; // likewise
    std::vector<netemu::IpPrefix>
        underlay_cidrs; // 172.18.0.0/16 and, with dual stack, fd00:172:18::/64
    /// Addresses that Services of the type LoadBalancer get: first and last of each range.
    std::vector<std::pair<netemu::IpAddress, netemu::IpAddress>> load_balancer_pool;
    std::string cluster_domain = "cluster.local";
    std::string cni_profile = "bridge";
    std::string overlay = "vxlan";
    std::string emulation = "auto"; // who makes Geneve's tunnels, see check_emulation
    bool wireguard = false; // nodes encrypt what pods send each other; the overlay is "none" then
    bool cross_subnet = false; // the tunnel is for nodes on different segments only
    bool kube_proxy_replacement = false;
    std::optional<BgpConfig> bgp;         // who tells nodes their routes; none: they are static
    std::optional<std::uint32_t> cni_mtu; // none: computed along the path
    bool underlay_userspace = false;      // of the default segment: a program carries its links
    std::uint32_t underlay_mtu = 1500;    // of a topology, the least between two nodes
    /// The underlay as the lab file describes it; null: one segment for all.
    std::shared_ptr<const Topology> topology;
    std::string proxy_mode = "nftables"; // as check_proxy_mode accepts it
    std::string ipvs_scheduler = "rr";   // of the mode ipvs
    std::string mesh_profile = "none";   // or "istio", "linkerd"
    std::string mesh_default_inbound_policy = "all-unauthenticated"; // of Linkerd
    std::string mesh_trust_domain = "cluster.local";
    std::chrono::seconds mesh_certificate_lifetime = std::chrono::hours(24); // of workloads
    /// What becomes of established connections that the policies do not allow any more (reference
    /// netpol.md 7.5): "cut" or "keep".
    std::string policy_established = "cut";
    bool dns_enabled = true;       // whether the lab starts with coredns and kube-dns
    std::int64_t dns_replicas = 2; // of coredns, then; kubeadm's number
    bool dns_node_local = false;   // and with a cache on every node that the pods ask
    /// Whether the lab has an Ingress controller of its own; none: as soon as it has an Ingress.
    std::optional<bool> ingress_enabled;
    /// The IngressClasses that come with it, the default one first.
    std::vector<std::string> ingress_classes{"labctl", "nginx"};
    std::vector<ImageRule> images;
    /// Whether this host's kernel shows bridged packets to the rules of the IP layer
    /// (br_netfilter). Not of the Lab object: whoever starts the lab sets it.
    bool bridge_netfilter = true;
    /// Whether a namespace can be told not to take up a TCP connection in its middle
    /// (nf_conntrack_tcp_loose). Likewise.
    bool strict_tracking = true;
    /// Whether it has dummy devices. Likewise.
    bool dummy_device = true;
    /// Whether this host's kernel takes routes with several gateways
    /// (CONFIG_IP_ROUTE_MULTIPATH). Likewise.
    bool multipath = true;
    /// The public keys of the nodes, where they encrypt. Likewise.
    std::map<std::string, netemu::WireguardKey> wireguard_keys;
    std::string directory; // of the lab file, for relative paths; empty if none

    /// From a validated and defaulted Lab object. Throws netemu::UsageError for what this version
    /// cannot do (an unknown profile, overlapping ranges), naming the field.
    static ClusterConfig from_lab(const api::Object& lab);
    /// The lab that `labctl up` takes without a lab file: three nodes.
    static api::Object default_lab(const std::string& name, std::size_t nodes);
};

/// Throws netemu::UsageError for a mode of kube-proxy that is not known here, and
/// netemu::UnsupportedError, naming the kernel's features, for one that hosts cannot have. `field`
/// is what the user wrote it in.
void check_proxy_mode(const std::string& mode, const std::string& field);

} // namespace labctl::compile
