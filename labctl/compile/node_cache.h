#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "labctl/api/object.h"
#include "labctl/store/store.h"
#include "netemu/base/address.h"
#include "netemu/model/network.h"

/// NodeLocal DNSCache (KEP-1024, kubernetes cluster/addons/dns/nodelocaldns): a pod on its node's
/// network whose image is k8s-dns-node-cache, which answers on addresses of the device nodelocaldns
/// from a Corefile of its own. Pure.
namespace labctl::compile {

struct ClusterConfig;

/// Where the nodes' caches answer, as kubelet's --cluster-dns has it then.
inline constexpr const char* kNodeCacheAddress = "169.254.20.10";
inline constexpr const char* kNodeCacheDevice = "nodelocaldns";
inline constexpr const char* kNodeCacheName = "node-local-dns"; // of its DaemonSet and ConfigMap

/// What the arguments of its container say.
struct NodeCache {
    std::vector<netemu::IpAddress> addresses; // -localip
    std::string upstream_service;             // -upstreamsvc
};

/// Of a pod (or a pod template) on its node's network; nullopt for all others.
[[nodiscard]] std::optional<NodeCache> node_cache_of(const api::Json& pod);

/// The addresses on which the caches can answer in this lab: in the mode ipvs an address of a
/// Service is on kube-ipvs0, and its virtual servers take it first.
[[nodiscard]] std::vector<netemu::IpAddress>
node_cache_addresses(const NodeCache& cache, const ClusterConfig& config);

/// The Corefile that the pod finds in its ConfigMap, with the marks filled in that the cache itself
/// fills in: __PILLAR__CLUSTER__DNS__ is the address of its upstream Service, and
/// __PILLAR__UPSTREAM__SERVERS__ the resolvers of the node. Empty if there is none.
struct NodeCacheCorefile {
    api::ObjectPtr config_map;
    std::string text;
};
[[nodiscard]] NodeCacheCorefile
node_cache_corefile(const store::Store& store, const api::Object& pod, const NodeCache& cache);

/// Where a plugin of the cache answers over HTTP.
struct NodeCachePort {
    std::uint16_t port = 0;
    std::optional<netemu::IpAddress> address; // none: all of the node's
};

/// Of health, ready and prometheus. Throws netemu::UsageError, beginning with "Corefile:LINE: ",
/// for a Corefile that cannot be read, or has zone files, which a cache has none of here.
[[nodiscard]] std::vector<NodeCachePort> node_cache_ports(const std::string& corefile);

/// Gives the node of each cache that has not ended the device with its addresses, and the rules
/// that keep questions to them out of connection tracking, and with that out of the Services'
/// rules. Both go when the pod goes.
void add_node_caches(
    const store::Store& store, const ClusterConfig& config, netemu::DesiredState& state);

} // namespace labctl::compile
