#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "labctl/explain/connection.h"
#include "labctl/explain/host_port.h"
#include "labctl/explain/local.h"
#include "services/proxy_input.h"

/// The two ends of a path that is to be explained. Internal to this folder.
namespace labctl::explain {

struct ExplainSource {
    std::string name;       // "default/client", "node/node-1", "external"
    std::string node;       // where its packets meet rules first
    bool from_node = false; // a process of that node sends them
    bool outside = false;   // no node's: its packets come in from the underlay
    std::vector<netemu::IpAddress> addresses;
    /// Its address of the family; throws netemu::UsageError when it has none.
    [[nodiscard]] const netemu::IpAddress& address(netemu::Family family) const;
};

struct ExplainTarget {
    std::string name; // as it was written
    netemu::IpAddress address;
    std::uint16_t port = 0;
    services::Protocol protocol = services::Protocol::Tcp;
    std::string what; // "cluster IP", "node port of node-1", "load balancer address", "pod", ...
    services::ServicePortInputPtr service; // null: no Service has this address and port
    std::string pod;                       // "ns/name" when the address is a pod's
    std::string node;                      // of that pod, or whose address it is
    std::optional<HostPort> host_port{};   // of a node's address
};

/// Where a target is looked for.
struct TargetWorld {
    const store::Store& store;
    const compile::ClusterConfig& config;
    const compile::Proxies& proxies;
    const NodeAddresses& nodes;
};

/// Both throw netemu::UsageError with a hint for what does not exist. A name is what it is to FROM.
[[nodiscard]] ExplainSource explain_source(
    const store::Store& store,
    const compile::ClusterConfig& config,
    const ExplainQuestion& question);
[[nodiscard]] ExplainTarget
explain_target(const TargetWorld& world, const ExplainQuestion& question);
/// What an address of that node is called.
[[nodiscard]] std::string node_target_text(const std::string& node);

/// The service ports of all Services, or of one namespace.
[[nodiscard]] std::vector<services::ServicePortInputPtr> all_service_ports(
    const store::Store& store, const compile::Proxies& proxies, const std::string& ns = {});

} // namespace labctl::explain
