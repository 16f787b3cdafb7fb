#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "labctl/store/store.h"
#include "netemu/model/connection.h"
#include "netemu/model/plan.h"
#include "services/policy_evaluator.h"
#include "services/policy_tables.h"

/// Policies of a lab: what of them is in the kernel of every node, and what they say.
namespace labctl::compile {

struct ClusterConfig;

/// Follows the store: what a policy, pod, namespace or node changes costs what it touches, not what
/// the lab holds. As long as there is no policy, pods cost nothing. Under a CNI profile that
/// enforces none, there is none here: what is asked is answered as packets will find it. Pure but
/// for the watch. Belongs to the thread of the store.
class Policies {
public:
    /// `store` and `config` outlive this.
    Policies(store::Store& store, const ClusterConfig& config);
    Policies(const Policies&) = delete;
    Policies& operator=(const Policies&) = delete;
    ~Policies();

    /// Takes in what has changed since the last call. Returns what it means for nodes whose tables
    /// are in the kernel as they were wanted before. To be carried out before the network of new
    /// pods is made: then they are isolated before their first packet (reference netpol.md 7.3).
    [[nodiscard]] std::vector<netemu::Operation> update();

    /// What is left to do when the network of removed pods is gone: until then they stay isolated.
    struct Farewell {
        std::vector<netemu::Operation> operations;
        /// Their addresses, whose connections are to be forgotten on every node (7.4).
        std::vector<netemu::IpAddress> addresses;
    };
    [[nodiscard]] Farewell forget_removed_pods();

    /// Whether there are chains that nothing leads to any more; they are deleted by `sweep`, at
    /// least `sweep_delay` after the operations that let go of them.
    [[nodiscard]] bool has_stale() const { return tables_.has_stale(); }
    static std::chrono::seconds sweep_delay() { return std::chrono::seconds(1); }
    [[nodiscard]] std::vector<netemu::Operation> sweep();

    /// Of a node's connections, those that the policies of pods on it do not allow (any more). The
    /// destination that counts is the one after DNAT.
    [[nodiscard]] std::vector<netemu::Connection>
    denied(const std::string& node, const std::vector<netemu::Connection>& connections);

    /// Adds every node's table.
    void add_to(netemu::DesiredState& state) const;
    /// See Proxies::add_contents.
    void add_contents(netemu::ObservedState& observed) const;

    /// Whether there is a policy, as of the last `update`.
    [[nodiscard]] bool enforced() const { return !tables_.cluster().policies.empty(); }
    /// The nodes that have a table.
    [[nodiscard]] std::vector<std::string> nodes() const;
    [[nodiscard]] const services::PolicyTables& tables() const { return tables_; }
    /// What the objects say today, and the answers to it. Valid until the store changes.
    [[nodiscard]] const services::PolicyCluster& cluster();
    [[nodiscard]] services::PolicyEvaluator& evaluator();

private:
    using Key = services::PolicyCluster::Key;

    void on_event(const store::Event& event);
    void take_in();
    void take_in(const api::ObjectKey& key);
    void take_in_policy(const api::ObjectKey& key, const api::Object* object);
    [[nodiscard]] std::vector<netemu::Operation>
    operations_of(std::map<std::string, std::vector<netemu::NftChange>>&& changed);
    [[nodiscard]] std::vector<netemu::IpAddress> addresses_of(const std::string& node) const;

    store::Store& store_;
    const ClusterConfig& config_;
    bool enforces_; // whether the CNI profile does
    store::Store::WatchId watch_ = 0;
    services::PolicyTables tables_;
    std::unique_ptr<services::PolicyEvaluator> evaluator_; // nullptr: to be made anew
    std::set<api::ObjectKey> dirty_;
    bool loaded_ = false; // everything was read once; before that nothing is dirty
};

/// Whether the store has a policy of any kind.
[[nodiscard]] bool has_policies(const store::Store& store);

/// Those that one of the addresses began or answered.
[[nodiscard]] std::vector<netemu::Connection> connections_of(
    const std::vector<netemu::IpAddress>& addresses,
    const std::vector<netemu::Connection>& connections);

} // namespace labctl::compile
