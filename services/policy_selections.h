#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "services/policy_cluster.h"

/// Which pods each selection of the policies has, kept up to date pod by pod.
namespace services {

/// The selections that somebody uses, over a cluster that changes. An event touches only what it
/// can affect: a pod's the selections that look into its namespace, a namespace's the selections
/// of namespaces. The cluster outlives it; whoever changes the cluster says so afterwards.
class PolicySelections {
public:
    using Key = PolicyCluster::Key; // of a pod

    struct Entry {
        PodSelection selection;
        std::set<Key> members;            // never with hostNetwork (reference 6.6)
        std::set<std::string> namespaces; // where it looks
        std::size_t users = 0;
    };

    explicit PolicySelections(const PolicyCluster& cluster) : cluster_(cluster) {}

    /// The entry of this selection, for one more user; it stays where it is until the last user has
    /// released it.
    Entry& acquire(const PodSelection& selection);
    void release(Entry& entry);

    /// The pod has come, gone or changed in any way.
    void pod_changed(const Key& pod);
    /// The namespace has come, gone or changed its labels.
    void namespace_changed(const std::string& name);

    /// The selections that have this pod.
    [[nodiscard]] const std::set<Entry*>& of(const Key& pod) const;

    /// Selections with a member that has come, gone or changed since the last call, and the pods
    /// whose selections are other ones than before.
    struct Changes {
        std::set<Entry*> entries;
        std::set<Key> pods;
    };
    [[nodiscard]] Changes take_changes();

private:
    [[nodiscard]] bool looks_into(const PodSelection& selection, const std::string& ns) const;
    [[nodiscard]] const PolicyPod* find_pod(const Key& pod) const;
    void look(Entry& entry, const Key& key, const PolicyPod* pod, bool note);
    void look_at_namespace(Entry& entry, const std::string& ns, bool inside);

    const PolicyCluster& cluster_;
    std::map<PodSelection, Entry> entries_;
    std::map<std::string, std::set<Entry*>> by_namespace_; // of one namespace
    std::set<Entry*> global_;                              // of all that have certain labels
    std::map<Key, std::set<Entry*>> of_pod_;
    Changes changes_;
};

} // namespace services
