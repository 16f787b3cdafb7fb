#pragma once

#include <array>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "services/nft_part_table.h"
#include "services/policy_cluster.h"
#include "services/policy_rules.h"
#include "services/policy_selections.h"

/// From policies and pods to the table that enforces them on each node, and the small changes that
/// lead from one state to the next. No kernel: the changes are values for whoever applies them.
/// Source of the layout: reference netpol.md, section 10.2.
namespace services {

/// Why a rule of ours dropped a packet.
struct PolicyDropSource {
    enum class Kind { Isolated, Rule, Invalid, Spoofed };
    Kind kind = Kind::Isolated;
    PolicyDirection way = PolicyDirection::Ingress; // of the pod that the policies select
    PolicyTier tier = PolicyTier::NetworkPolicy;    // of Isolated and Rule
    std::vector<PolicyPtr> policies; // Isolated: all that select it; Rule: the one; else none
    std::size_t rule = 0;            // of Rule: index in policies[0]->rules(way)
};

/// The tables of all nodes. A node's table has the pods of that node only: the source's node asks
/// for egress, the destination's node for ingress. Pods that the same policies select share a
/// chain (a profile), rules of all policies that speak of the same pods share a set. Parts are
/// shared by all nodes that have them. Not thread-safe.
class PolicyTables {
public:
    using Key = PolicyCluster::Key;

    explicit PolicyTables(std::vector<Family> families);
    PolicyTables(const PolicyTables&) = delete; // it points into itself
    PolicyTables& operator=(const PolicyTables&) = delete;
    ~PolicyTables() = default;

    // What there is. Whatever is put anew replaces what was there; nothing happens if it is equal.
    void put_policy(const PolicyPtr& policy);
    void remove_policy(const Key& policy);
    void put_pod(PolicyPod pod);
    /// The pod stays isolated where it is until `forget_removed_pods`, or until another pod has its
    /// address; so none is open while its network is taken away.
    void remove_pod(const Key& pod);
    void put_namespace(PolicyNamespace ns);
    void remove_namespace(const std::string& name);
    void put_node(PolicyNode node);
    void remove_node(const std::string& name);
    [[nodiscard]] const PolicyCluster& cluster() const { return cluster_; }

    /// Addresses of the pods that were removed, and those that a pod has changed, once their
    /// network is gone.
    std::vector<IpAddress> forget_removed_pods();

    struct Update {
        std::map<std::string, std::vector<netemu::NftChange>> changed; // node -> in this order
        std::vector<std::string> added;   // nodes that have a table from now on
        std::vector<std::string> removed; // nodes that have none any more
        [[nodiscard]] bool empty() const {
            return changed.empty() && added.empty() && removed.empty();
        }
    };
    /// What has become of the tables since the last call. Nodes have one as long as there is a
    /// policy.
    [[nodiscard]] Update commit();
    [[nodiscard]] bool has_stale() const;
    /// See NftPartTable: changes by node.
    [[nodiscard]] std::map<std::string, std::vector<netemu::NftChange>> sweep();

    /// The table of a node as it was committed, or nullptr.
    [[nodiscard]] const netemu::NftTable* table(const std::string& node) const;
    /// The pod that has this address, or nullptr.
    [[nodiscard]] const PolicyPod* pod_at(const IpAddress& address) const;
    /// Whether a policy selects this pod in any direction, as committed.
    [[nodiscard]] bool is_policed(const Key& pod) const;
    /// How many different combinations of policies there are.
    [[nodiscard]] std::size_t profiles() const { return profiles_.size(); }

    /// What the drop rule with this log prefix means today; nullopt for a prefix that is not ours
    /// and for policies that are gone.
    [[nodiscard]] std::optional<PolicyDropSource> drop_source(std::string_view text) const;
    /// The other way around: with which prefix the rule logs that carries out such an opinion; ""
    /// of one that denies nothing.
    [[nodiscard]] static std::string drop_prefix(const PolicyOpinion& opinion, PolicyDirection way);

private:
    using Entry = PolicySelections::Entry;
    struct Rung {
        PolicyDirection way;
        PolicyTier tier;
        auto operator<=>(const Rung&) const = default;
    };
    /// The policies of a pod, by where they are asked and in the order in which they are.
    using Ladders = std::map<Rung, std::vector<Key>>;
    /// A part that several nodes may have, and what it refers to.
    struct Resource {
        netemu::NftPartPtr part;
        std::set<std::string> needs;
    };
    struct SetState {
        PolicySetSource source;
        Entry* entry = nullptr; // of a PodSelection
        std::size_t users = 0;  // policies, once for each direction
    };
    struct PolicyState {
        PolicyPtr policy;
        Entry* subject = nullptr;
        std::array<PolicyRules, 2> rules; // by direction
    };
    struct Profile {
        Rung rung{};
        std::vector<Key> policies;
        std::string chain;
        std::string prefix;    // of its drop rule, if it has one
        std::size_t users = 0; // pods
    };
    using ProfileKey = std::pair<Rung, std::vector<Key>>;
    struct PodState {
        std::string node; // where its part is, or empty
        Ladders ladders;
    };
    struct Node {
        explicit Node(netemu::NftTable frame) : parts(std::move(frame)) {}
        NftPartTable parts;
        std::map<std::string, std::size_t> users; // of resources
    };

    void note_subject(const PolicyState& state);
    void leave_subject(const Key& key, const PolicyState& state);
    void use_sets(const PolicyRules& rules);
    void release_sets(const PolicyRules& rules);
    void note_named_ports(const PolicyPod& pod);
    void release_addresses(const Key& key, const PolicyPod& pod);
    void note_gone(const PolicyPod& before, const PolicyPod& now);
    void take_addresses(const Key& key, const PolicyPod& pod);
    void note_nodes();
    void forget_pod(const Key& key);

    static std::string policy_chain(const Key& policy, PolicyDirection way);
    static std::string profile_chain(const Rung& rung, const std::vector<Key>& policies);
    static void add_named_ports(
        const NamedPorts& named,
        const PolicyPod& pod,
        Family family,
        std::set<std::string>& seen,
        netemu::NftSet& set);
    void render_set(const std::string& base);
    [[nodiscard]] netemu::NftSet
    render_family(const std::string& base, const SetState& state, Family family) const;
    void render_policy(const Key& key);
    void render_profile(Profile& profile);
    void use_profile(const Rung& rung, const std::vector<Key>& policies);
    void release_profile(const Rung& rung, const std::vector<Key>& policies);
    [[nodiscard]] Ladders ladders_of(const Key& key) const;
    [[nodiscard]] netemu::NftPartPtr pod_part(const PolicyPod& pod, const Ladders& ladders) const;
    void render_pod(const Key& key);
    void place_pod(const Key& key, PodState& state, const std::string& node, Ladders ladders);

    void set_resource(const std::string& name, Resource resource);
    void acquire(Node& node, const std::string& name);
    void release(Node& node, const std::string& name);
    void match_nodes(Update& update);
    [[nodiscard]] bool is_wanted(const std::string& resource) const;
    void clean_up();

    std::vector<Family> families_;
    PolicyCluster cluster_;
    PolicySelections selections_;
    std::map<Key, PolicyState> policies_;
    std::map<Entry*, std::set<Key>> subjects_; // policies by their subject
    std::map<std::string, Key> by_hash_;       // policies
    std::map<std::string, SetState> sets_;     // by the base of their names
    std::map<Entry*, std::string> peer_sets_;
    std::map<std::string, std::set<std::string>> named_sets_; // by the port's name
    std::map<ProfileKey, Profile> profiles_;
    std::map<std::string, ProfileKey> profiles_by_prefix_;
    std::map<std::string, Resource> resources_;
    std::set<std::string> profile_chains_;
    std::set<std::string> policy_chains_;
    std::set<std::string> doomed_;    // resources that go as soon as no node has them
    std::map<Key, PodState> pods_;    // that a policy selects
    std::map<IpAddress, Key> owners_; // of addresses, removed pods included
    std::map<std::string, std::unique_ptr<Node>> nodes_;

    std::set<Key> dirty_pods_;
    std::set<Key> dirty_policies_;
    std::set<std::string> dirty_sets_;
    std::set<ProfileKey> dirty_profiles_;
    std::set<Key> removed_pods_;
    std::vector<IpAddress> gone_addresses_;
};

} // namespace services
