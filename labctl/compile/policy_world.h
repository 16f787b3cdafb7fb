#pragma once

#include <map>
#include <string>
#include <vector>

#include "labctl/store/store.h"
#include "services/policy_cluster.h"

namespace labctl::compile {

/// A destination port of a flow.
struct FlowPort {
    services::Protocol protocol = services::Protocol::Tcp;
    std::uint16_t port = 0;
    auto operator<=>(const FlowPort&) const = default;
    /// "80/TCP".
    [[nodiscard]] std::string to_string() const;
};
/// "80", "80/tcp", "53/UDP"; throws netemu::UsageError. Without a protocol it is `otherwise`.
[[nodiscard]] FlowPort
parse_flow_port(const std::string& text, services::Protocol otherwise = services::Protocol::Tcp);

/// What the matrix, `diff` and `lint` ask about: the policies' view of a store, and what they do
/// not see of a pod: who made it, and which ports it declares.
struct PolicyWorld {
    using Key = services::PolicyCluster::Key;
    services::PolicyCluster cluster;
    /// By pod: "prod/deployment/web" of the topmost owner, "prod/pod/db" of a bare pod.
    std::map<Key, std::string> workloads;
    /// By pod: every declared containerPort, those without a name too; sorted.
    std::map<Key, std::vector<services::NamedPort>> ports;

    [[nodiscard]] std::vector<FlowPort> flow_ports(const services::PolicyPod& pod) const;
};
[[nodiscard]] PolicyWorld policy_world(const store::Store& store);

} // namespace labctl::compile
