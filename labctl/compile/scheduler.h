#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "labctl/api/object.h"

/// Which node a pod goes to. Pure: it reads values and decides.
namespace labctl::compile {

/// A port of the node itself that a pod occupies.
struct HostPort {
    std::string protocol; // "TCP"
    std::int64_t port = 0;
    std::string ip; // "0.0.0.0": on all addresses, of whatever family
    auto operator<=>(const HostPort&) const = default;
};

/// A node as the scheduler sees it.
struct NodeInfo {
    std::string name;
    std::size_t index = 0; // position in the lab's list of nodes
    api::Labels labels;
    api::Json taints = api::Json::array();
    bool unschedulable = false;
    std::size_t pods = 0;                                // that occupy it
    std::unordered_map<std::string, std::size_t> owners; // controller's uid -> pods of it here
    std::multiset<HostPort> host_ports;
};

/// What a pod demands of its node: nodeName, nodeSelector, required nodeAffinity, tolerations, host
/// ports. Keeps pointers into `pod_spec`, which must outlive it.
class NodeDemand {
public:
    explicit NodeDemand(const api::Json& pod_spec);

    /// The scheduler's reason why the pod cannot go there ("node(s) were unschedulable"), or
    /// nullopt if it can. The filters and their order are those of the default scheduler.
    [[nodiscard]] std::optional<std::string> refusal(const NodeInfo& node) const;
    [[nodiscard]] bool matches_selector_and_affinity(const NodeInfo& node) const;
    /// Whether a taint with this effect at most ("NoExecute", or also "NoSchedule") stays
    /// untolerated.
    [[nodiscard]] const api::Json*
    untolerated_taint(const NodeInfo& node, bool only_no_execute) const;
    [[nodiscard]] bool tolerates_unschedulable() const;
    [[nodiscard]] bool host_network() const { return host_network_; }
    [[nodiscard]] const std::vector<HostPort>& host_ports() const { return host_ports_; }

private:
    [[nodiscard]] bool tolerates(const api::Json& taint) const;

    std::string node_name_;
    api::Labels selector_;
    const api::Json* terms_ = nullptr; // required nodeAffinity's nodeSelectorTerms
    const api::Json* tolerations_ = nullptr;
    std::vector<HostPort> host_ports_;
    bool host_network_ = false;
};

struct Placement {
    std::optional<std::size_t> node; // index into the nodes
    std::string message;             // why there is none
};

/// Of the nodes that fit: the one with the fewest pods of the same owner, then the fewest pods,
/// then the first of the list. `has_room` says whether a node has a pod address left, `exhaustion`
/// which range of it has none.
Placement place(
    const NodeDemand& demand,
    const std::string& owner_uid,
    const std::vector<NodeInfo>& nodes,
    const std::function<bool(std::size_t)>& has_room,
    const std::function<std::string(std::size_t)>& exhaustion);

} // namespace labctl::compile
