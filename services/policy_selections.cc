#include "services/policy_selections.h"

#include <utility>

namespace services {

bool PolicySelections::looks_into(const PodSelection& selection, const std::string& ns) const {
    if (!selection.ns.empty()) {
        return selection.ns == ns;
    }
    const auto found = cluster_.namespaces.find(ns);
    return found != cluster_.namespaces.end() &&
           matches(selection.namespaces, found->second.labels);
}

const PolicyPod* PolicySelections::find_pod(const Key& pod) const {
    const auto found = cluster_.pods.find(pod);
    return found == cluster_.pods.end() || found->second.host_network ? nullptr : &found->second;
}

/// Puts the pod into the entry or takes it out, as it is now; nullptr: it is no pod any more. With
/// `note`, a member that stays has changed nevertheless.
void PolicySelections::look(Entry& entry, const Key& key, const PolicyPod* pod, bool note) {
    const bool wanted = pod != nullptr && entry.namespaces.contains(key.first) &&
                        matches(entry.selection.pods, pod->labels);
    const bool moved = wanted ? entry.members.insert(key).second : entry.members.erase(key) != 0;
    if (moved || (wanted && note)) {
        changes_.entries.insert(&entry);
    }
    if (!moved) {
        return;
    }
    changes_.pods.insert(key);
    if (wanted) {
        of_pod_[key].insert(&entry);
        return;
    }
    const auto found = of_pod_.find(key);
    found->second.erase(&entry);
    if (found->second.empty()) {
        of_pod_.erase(found);
    }
}

void PolicySelections::look_at_namespace(Entry& entry, const std::string& ns, bool inside) {
    if (inside) {
        entry.namespaces.insert(ns);
    } else {
        entry.namespaces.erase(ns);
    }
    for (auto pod = cluster_.pods.lower_bound({ns, ""});
         pod != cluster_.pods.end() && pod->first.first == ns;
         ++pod) {
        look(entry, pod->first, pod->second.host_network ? nullptr : &pod->second, false);
    }
}

PolicySelections::Entry& PolicySelections::acquire(const PodSelection& selection) {
    const auto [found, fresh] = entries_.try_emplace(selection);
    auto& entry = found->second;
    ++entry.users;
    if (!fresh) {
        return entry;
    }
    entry.selection = selection;
    if (!selection.ns.empty()) {
        by_namespace_[selection.ns].insert(&entry);
        look_at_namespace(entry, selection.ns, true);
        return entry;
    }
    global_.insert(&entry);
    for (const auto& [name, ns] : cluster_.namespaces) {
        if (looks_into(selection, name)) {
            look_at_namespace(entry, name, true);
        }
    }
    return entry;
}

void PolicySelections::release(Entry& entry) {
    if (--entry.users != 0) {
        return;
    }
    for (const auto& pod : entry.members) {
        auto& entries = of_pod_.at(pod);
        entries.erase(&entry);
        if (entries.empty()) {
            of_pod_.erase(pod);
        }
    }
    global_.erase(&entry);
    if (const auto found = by_namespace_.find(entry.selection.ns); found != by_namespace_.end()) {
        found->second.erase(&entry);
    }
    changes_.entries.erase(&entry);
    const auto selection = entry.selection; // the entry goes with its key
    entries_.erase(selection);
}

void PolicySelections::pod_changed(const Key& pod) {
    const auto* now = find_pod(pod);
    if (const auto found = by_namespace_.find(pod.first); found != by_namespace_.end()) {
        for (auto* entry : found->second) {
            look(*entry, pod, now, true);
        }
    }
    for (auto* entry : global_) {
        look(*entry, pod, now, true);
    }
}

void PolicySelections::namespace_changed(const std::string& name) {
    for (auto* entry : global_) {
        const bool inside = looks_into(entry->selection, name);
        if (inside != entry->namespaces.contains(name)) {
            look_at_namespace(*entry, name, inside);
        }
    }
}

const std::set<PolicySelections::Entry*>& PolicySelections::of(const Key& pod) const {
    static const std::set<Entry*> kNone;
    const auto found = of_pod_.find(pod);
    return found == of_pod_.end() ? kNone : found->second;
}

PolicySelections::Changes PolicySelections::take_changes() {
    return std::exchange(changes_, {});
}

} // namespace services
