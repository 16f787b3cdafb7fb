#include "services/policy_tables.h"

#include <algorithm>
#include <utility>

#include "services/policy_frame.h"
#include "services/policy_names.h"

namespace services {
namespace {

constexpr std::array kTableDirections{PolicyDirection::Ingress, PolicyDirection::Egress};

/// Whether both speak for the same pods in the same place of the ladder.
bool same_place(const Policy& a, const Policy& b) {
    return a.tier == b.tier && a.priority == b.priority && a.subject == b.subject &&
           std::all_of(kTableDirections.begin(), kTableDirections.end(), [&](auto way) {
               return has_say(a, way) == has_say(b, way);
           });
}

} // namespace

PolicyTables::PolicyTables(std::vector<Family> families)
    : families_(std::move(families)), selections_(cluster_) {
}

// --- what there is

void PolicyTables::put_policy(const PolicyPtr& policy) {
    const auto key = policy_key(*policy);
    cluster_.policies[key] = policy;
    auto& state = policies_[key];
    const auto old = std::exchange(state.policy, policy);
    if (old && *old == *policy) {
        return;
    }
    by_hash_[policy_hash(policy->label())] = key;
    if (!old || !same_place(*old, *policy)) {
        auto& subject = selections_.acquire(policy->subject);
        if (old) {
            leave_subject(key, state);
        }
        state.subject = &subject;
        subjects_[&subject].insert(key);
        note_subject(state);
    }
    for (const auto way : kTableDirections) {
        auto rules = policy_rules(*policy, way, families_);
        use_sets(rules);
        auto& there = state.rules.at(static_cast<std::size_t>(way));
        release_sets(there);
        there = std::move(rules);
    }
    dirty_policies_.insert(key);
}

void PolicyTables::remove_policy(const Key& policy) {
    const auto found = policies_.find(policy);
    if (found == policies_.end()) {
        return;
    }
    auto& state = found->second;
    leave_subject(policy, state);
    for (const auto& rules : state.rules) {
        release_sets(rules);
    }
    for (const auto way : kTableDirections) {
        const auto chain = policy_chain(policy, way);
        policy_chains_.erase(chain);
        doomed_.insert(chain);
    }
    by_hash_.erase(policy_hash(state.policy->label()));
    policies_.erase(found);
    cluster_.policies.erase(policy);
    dirty_policies_.erase(policy);
}

/// The pods that the policy is about stand otherwise from now on.
void PolicyTables::note_subject(const PolicyState& state) {
    dirty_pods_.insert(state.subject->members.begin(), state.subject->members.end());
}

void PolicyTables::leave_subject(const Key& key, const PolicyState& state) {
    note_subject(state);
    const auto found = subjects_.find(state.subject);
    found->second.erase(key);
    if (found->second.empty()) {
        subjects_.erase(found);
    }
    selections_.release(*state.subject);
}

void PolicyTables::use_sets(const PolicyRules& rules) {
    for (const auto& [base, source] : rules.sets) {
        auto& state = sets_[base];
        if (state.users++ != 0) {
            continue;
        }
        state.source = source;
        dirty_sets_.insert(base);
        if (const auto* pods = std::get_if<PodSelection>(&source)) {
            state.entry = &selections_.acquire(*pods);
            peer_sets_[state.entry] = base;
        } else if (const auto* ports = std::get_if<NamedPorts>(&source)) {
            named_sets_[ports->name].insert(base);
        }
    }
}

void PolicyTables::release_sets(const PolicyRules& rules) {
    for (const auto& [base, source] : rules.sets) {
        const auto found = sets_.find(base);
        if (--found->second.users != 0) {
            continue;
        }
        if (auto* entry = found->second.entry) {
            peer_sets_.erase(entry);
            selections_.release(*entry);
        } else if (const auto* ports = std::get_if<NamedPorts>(&source)) {
            named_sets_.at(ports->name).erase(base);
        }
        sets_.erase(found);
        dirty_sets_.erase(base);
        doomed_.insert(base);
    }
}

void PolicyTables::put_pod(PolicyPod pod) {
    const Key key{pod.ns, pod.name};
    const auto found = cluster_.pods.find(key);
    if (found != cluster_.pods.end()) {
        if (found->second == pod) {
            return;
        }
        note_named_ports(found->second);
        release_addresses(key, found->second);
        note_gone(found->second, pod);
    }
    removed_pods_.erase(key);
    const auto& now = cluster_.pods.insert_or_assign(key, std::move(pod)).first->second;
    note_named_ports(now);
    take_addresses(key, now);
    selections_.pod_changed(key);
    dirty_pods_.insert(key);
}

void PolicyTables::remove_pod(const Key& pod) {
    const auto found = cluster_.pods.find(pod);
    if (found == cluster_.pods.end()) {
        return;
    }
    note_named_ports(found->second);
    note_gone(found->second, {});
    cluster_.pods.erase(found);
    selections_.pod_changed(pod);
    dirty_pods_.erase(pod);
    removed_pods_.insert(pod);
}

void PolicyTables::note_named_ports(const PolicyPod& pod) {
    for (const auto& port : pod.ports) {
        if (const auto found = named_sets_.find(port.name); found != named_sets_.end()) {
            dirty_sets_.insert(found->second.begin(), found->second.end());
        }
    }
}

/// Addresses that the pod had and has no more.
void PolicyTables::note_gone(const PolicyPod& before, const PolicyPod& now) {
    for (const auto& address : before.ips) {
        const bool kept = std::find(now.ips.begin(), now.ips.end(), address) != now.ips.end();
        if (!before.host_network && !kept) {
            gone_addresses_.push_back(address);
        }
    }
}

void PolicyTables::release_addresses(const Key& key, const PolicyPod& pod) {
    for (const auto& address : pod.ips) {
        if (const auto owner = owners_.find(address);
            owner != owners_.end() && owner->second == key) {
            owners_.erase(owner);
        }
    }
}

/// A removed pod that still holds one of them lets go of everything: nobody inherits (7.4).
void PolicyTables::take_addresses(const Key& key, const PolicyPod& pod) {
    if (pod.host_network) {
        return;
    }
    for (const auto& address : pod.ips) {
        const auto found = owners_.find(address);
        const auto owner = found == owners_.end() ? key : found->second;
        if (owner != key && removed_pods_.erase(owner) != 0) {
            forget_pod(owner);
        }
        owners_[address] = key;
    }
}

void PolicyTables::put_namespace(PolicyNamespace ns) {
    auto& there = cluster_.namespaces[ns.name];
    if (there != ns) {
        const auto name = ns.name;
        there = std::move(ns);
        selections_.namespace_changed(name);
    }
}

void PolicyTables::remove_namespace(const std::string& name) {
    if (cluster_.namespaces.erase(name) != 0) {
        selections_.namespace_changed(name);
    }
}

void PolicyTables::put_node(PolicyNode node) {
    auto& there = cluster_.nodes[node.name];
    if (there != node) {
        there = std::move(node);
        note_nodes();
    }
}

void PolicyTables::remove_node(const std::string& name) {
    if (cluster_.nodes.erase(name) != 0) {
        note_nodes();
    }
}

void PolicyTables::note_nodes() {
    for (const auto& [base, state] : sets_) {
        if (std::holds_alternative<NodeSelection>(state.source)) {
            dirty_sets_.insert(base);
        }
    }
}

std::vector<IpAddress> PolicyTables::forget_removed_pods() {
    for (const auto& key : std::exchange(removed_pods_, {})) {
        forget_pod(key);
    }
    return std::exchange(gone_addresses_, {});
}

void PolicyTables::forget_pod(const Key& key) {
    std::erase_if(owners_, [&](const auto& each) { return each.second == key; });
    const auto found = pods_.find(key);
    if (found != pods_.end()) {
        place_pod(key, found->second, {}, {});
        pods_.erase(found);
    }
}

// --- what becomes of it

PolicyTables::Update PolicyTables::commit() {
    Update update;
    match_nodes(update);
    const auto changes = selections_.take_changes();
    dirty_pods_.insert(changes.pods.begin(), changes.pods.end());
    for (auto* entry : changes.entries) {
        if (const auto found = peer_sets_.find(entry); found != peer_sets_.end()) {
            dirty_sets_.insert(found->second);
        }
    }
    for (const auto& base : std::exchange(dirty_sets_, {})) {
        render_set(base);
    }
    for (const auto& key : std::exchange(dirty_policies_, {})) {
        render_policy(key);
    }
    for (const auto& key : std::exchange(dirty_profiles_, {})) {
        if (const auto found = profiles_.find(key); found != profiles_.end()) {
            render_profile(found->second);
        }
    }
    for (const auto& key : std::exchange(dirty_pods_, {})) {
        render_pod(key);
    }
    clean_up();
    for (auto& [name, node] : nodes_) {
        auto found = node->parts.commit();
        const bool added =
            std::find(update.added.begin(), update.added.end(), name) != update.added.end();
        if (!added && !found.empty()) {
            update.changed.emplace(name, std::move(found));
        }
    }
    return update;
}

/// Nodes have a table as long as there is a policy.
void PolicyTables::match_nodes(Update& update) {
    const bool wanted = !cluster_.policies.empty();
    for (auto node = nodes_.begin(); node != nodes_.end();) {
        if (wanted && cluster_.nodes.contains(node->first)) {
            ++node;
            continue;
        }
        update.removed.push_back(node->first);
        node = nodes_.erase(node);
    }
    for (const auto& [name, value] : cluster_.nodes) {
        if (!wanted || nodes_.contains(name)) {
            continue;
        }
        nodes_.emplace(name, std::make_unique<Node>(policy_frame(families_)));
        update.added.push_back(name);
    }
    if (!update.added.empty()) {
        for (const auto& [key, pod] : cluster_.pods) {
            dirty_pods_.insert(key);
        }
    }
}

void PolicyTables::clean_up() {
    for (auto name = doomed_.begin(); name != doomed_.end();) {
        const bool used = std::any_of(nodes_.begin(), nodes_.end(), [&](const auto& node) {
            return node.second->users.contains(*name);
        });
        if (used) {
            ++name; // by a removed pod, until it is forgotten
            continue;
        }
        if (!is_wanted(*name)) {
            resources_.erase(*name);
        }
        name = doomed_.erase(name);
    }
}

bool PolicyTables::is_wanted(const std::string& resource) const {
    return sets_.contains(resource) || profile_chains_.contains(resource) ||
           policy_chains_.contains(resource);
}

bool PolicyTables::has_stale() const {
    return std::any_of(nodes_.begin(), nodes_.end(), [](const auto& node) {
        return node.second->parts.has_stale();
    });
}

std::map<std::string, std::vector<netemu::NftChange>> PolicyTables::sweep() {
    std::map<std::string, std::vector<netemu::NftChange>> found;
    for (auto& [name, node] : nodes_) {
        if (auto changes = node->parts.sweep(); !changes.empty()) {
            found.emplace(name, std::move(changes));
        }
    }
    return found;
}

// --- looking

const netemu::NftTable* PolicyTables::table(const std::string& node) const {
    const auto found = nodes_.find(node);
    return found == nodes_.end() ? nullptr : &found->second->parts.table();
}

const PolicyPod* PolicyTables::pod_at(const IpAddress& address) const {
    const auto owner = owners_.find(address);
    const auto found =
        owner == owners_.end() ? cluster_.pods.end() : cluster_.pods.find(owner->second);
    return found == cluster_.pods.end() ? nullptr : &found->second;
}

bool PolicyTables::is_policed(const Key& pod) const {
    const auto found = pods_.find(pod);
    return found != pods_.end() && !found->second.ladders.empty();
}

std::optional<PolicyDropSource> PolicyTables::drop_source(std::string_view text) const {
    using Kind = PolicyDropSource::Kind;
    const auto prefix = parse_policy_log_prefix(text);
    if (!prefix) {
        return std::nullopt;
    }
    PolicyDropSource source{Kind::Invalid, prefix->way, prefix->tier, {}, prefix->rule};
    std::vector<Key> keys;
    switch (prefix->kind) {
    case PolicyLogPrefix::Kind::Invalid:
        return source;
    case PolicyLogPrefix::Kind::Spoofed:
        source.kind = Kind::Spoofed;
        return source;
    case PolicyLogPrefix::Kind::Isolated:
        source.kind = Kind::Isolated;
        if (const auto found = profiles_by_prefix_.find(to_text(*prefix));
            found != profiles_by_prefix_.end()) {
            keys = found->second.second;
        }
        break;
    case PolicyLogPrefix::Kind::Rule:
        source.kind = Kind::Rule;
        if (const auto found = by_hash_.find(prefix->hash); found != by_hash_.end()) {
            keys = {found->second};
        }
        break;
    }
    for (const auto& key : keys) {
        if (const auto found = cluster_.policies.find(key); found != cluster_.policies.end()) {
            source.policies.push_back(found->second);
        }
    }
    return source.policies.empty() ? std::nullopt : std::optional(std::move(source));
}

} // namespace services
