#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "labctl/api/object.h"
#include "labctl/compile/address_plan.h"
#include "labctl/compile/ipam.h"
#include "labctl/compile/runtime_state.h"
#include "labctl/compile/scheduler.h"
#include "labctl/compile/service_index.h"
#include "labctl/store/store.h"

/// What the controllers know about the store without reading it again: indices and lists of what
/// has changed, kept up to date by a watch. Internal to this folder.
namespace labctl::compile {

struct OwnerRef {
    std::string kind;
    std::string name;
    std::string uid;
};

/// metadata.ownerReferences' entry with `controller: true`.
std::optional<OwnerRef> controller_of(const api::Json& body);

enum class PodPhase { Pending, Running, Succeeded, Failed };

/// A Pod, read once per change.
struct PodInfo {
    api::ObjectPtr object;
    std::string ns;
    std::string name;
    std::uint64_t seq = 0; // order of creation
    std::optional<OwnerRef> owner;
    std::string node_name;
    std::optional<std::size_t> node; // index; none when unscheduled or the lab has no such node
    std::vector<netemu::IpAddress> ips;
    bool host_network = false;
    std::vector<HostPort> host_ports;
    PodPhase phase = PodPhase::Pending;
    bool ready = false;
    bool terminating = false; // deleted, and not at its end yet
    bool counted = false;     // in its node's numbers
    std::optional<RuntimeState> runtime;
    std::string problem; // why it has no node or no address

    [[nodiscard]] bool ended() const {
        return phase == PodPhase::Succeeded || phase == PodPhase::Failed;
    }
    /// What controllers count: neither ended nor on its way there (FilterActivePods).
    [[nodiscard]] bool active() const { return !ended() && !terminating; }
    [[nodiscard]] bool running_and_ready() const { return phase == PodPhase::Running && ready; }
    [[nodiscard]] api::ObjectKey key() const { return {"Pod", ns, name}; }
    [[nodiscard]] std::string lease() const { return ns + "/" + name; } // IPAM's owner
};

using PodKey = std::pair<std::string, std::string>; // namespace, name
using PodsBySeq = std::map<std::uint64_t, PodInfo*>;

/// What has changed since the controllers last looked.
struct Dirty {
    std::set<api::ObjectKey> controllers; // Deployment, ReplicaSet, StatefulSet, DaemonSet, Job
    std::set<PodKey> statuses;            // pods whose status is to be computed anew
    std::set<PodKey> relabelled;          // owned pods that may no longer match their owner
    std::set<std::string> orphans;  // namespaces in which something without controller changed
    std::set<std::string> accounts; // namespaces in which a ServiceAccount came
    std::set<std::string> nodes;
    std::set<std::string> namespaces_new;
    std::set<std::string> namespaces_gone;
    std::set<std::string> owners_gone;         // uids
    std::set<api::ObjectKey> owned_by_someone; // whose ownerReferences are to be verified
    bool pending = false;                      // it is worth trying to place pending pods again
    [[nodiscard]] bool any() const;
};

struct Orphans {
    std::map<std::string, api::Labels> labels; // by name
    std::uint64_t revision = 0;                // raised when one comes or changes its labels
};

class ClusterState {
public:
    ClusterState(store::Store& store, const ClusterConfig& config);
    ClusterState(const ClusterState&) = delete;
    ClusterState& operator=(const ClusterState&) = delete;
    ~ClusterState();

    [[nodiscard]] PodInfo* pod(const PodKey& key);
    /// The pods that have this controller, oldest first.
    [[nodiscard]] const PodsBySeq& pods_of(const std::string& uid) const;
    /// Pods without a node or without the address that they need.
    [[nodiscard]] const PodsBySeq& pending() const { return pending_; }
    [[nodiscard]] PodsBySeq pods_on(const std::string& node) const;
    [[nodiscard]] const std::set<api::ObjectKey>& dependents(const std::string& uid) const;
    /// Objects of the kind ("Pod", "ReplicaSet") in the namespace that have no controller.
    [[nodiscard]] const Orphans& orphans(const std::string& kind, const std::string& ns) const;
    [[nodiscard]] bool uid_lives(const std::string& uid) const { return uids_.contains(uid); }

    [[nodiscard]] const std::vector<NodeInfo>& nodes() const { return nodes_; }
    [[nodiscard]] const std::vector<NodePlan>& plans() const { return plans_; }
    [[nodiscard]] std::optional<std::size_t> node_index(const std::string& name) const;
    Ipam& ipam() { return ipam_; }
    Dirty& dirty() { return dirty_; }
    /// Whether something has changed that Ingresses may hang on.
    bool& dirty_ingresses() { return dirty_ingresses_; }
    /// The same for Gateways.
    bool& dirty_gateways() { return dirty_gateways_; }
    ServiceIndex& services() { return services_; }
    [[nodiscard]] const ServiceIndex& services() const { return services_; }

private:
    void on_event(const store::Event& event);
    void index_owners(const store::Event& event);
    void index_orphan(const store::Event& event);
    void mark(const store::Event& event);
    void mark_ingresses(const store::Event& event);
    void mark_gateways(const store::Event& event);
    void on_pod(const store::Event& event);
    void on_node(const store::Event& event);
    void read_pod(PodInfo& pod, const api::ObjectPtr& object);
    void attach(PodInfo& pod);
    void detach(PodInfo& pod);

    store::Store& store_;
    store::Store::WatchId watch_ = 0;
    std::vector<NodePlan> plans_;
    std::map<std::string, std::size_t> node_indices_;
    std::vector<NodeInfo> nodes_;
    Ipam ipam_;
    std::uint64_t next_seq_ = 1;
    std::map<PodKey, std::unique_ptr<PodInfo>> pods_;
    std::unordered_map<std::string, PodsBySeq> by_controller_;
    PodsBySeq pending_;
    std::unordered_map<std::string, std::set<api::ObjectKey>> dependents_;
    std::unordered_set<std::string> uids_;
    std::map<std::pair<std::string, std::string>, Orphans> orphans_; // by kind and namespace
    Dirty dirty_;
    bool dirty_ingresses_ = true;
    bool dirty_gateways_ = true;
    ServiceIndex services_;
};

} // namespace labctl::compile
