#include "labctl/compile/proxy_iptables.h"

#include <algorithm>
#include <iterator>
#include <set>

namespace labctl::compile {

IptablesBackend::IptablesBackend(
    netemu::Family family,
    const services::ProxyConfig& config,
    const std::vector<services::ProxyNode>& nodes)
    : ProxyBackend(family), config_(config), nodes_(nodes) {
    for (const auto& node : nodes_) {
        fragments_[node.name];
    }
}

void IptablesBackend::take(
    const services::ProxyNode& node,
    const services::ServicePortUpdate& update,
    Fragments& fragments,
    Change& change) const {
    const auto found = fragments.find(update.name);
    const auto before =
        found == fragments.end() ? std::vector<std::string>{} : found->second.chains;
    if (!update.now) {
        change.gone = change.gone || found != fragments.end();
        change.stale.insert(change.stale.end(), before.begin(), before.end());
        fragments.erase(update.name);
        return;
    }
    auto fragment = services::iptables_fragment(*update.now, node, config_, options_);
    if (found != fragments.end() && found->second == fragment) {
        return;
    }
    std::set_difference(
        before.begin(),
        before.end(),
        fragment.chains.begin(),
        fragment.chains.end(),
        std::back_inserter(change.stale));
    auto& kept = fragments[update.name];
    kept = std::move(fragment);
    change.changed.push_back(&kept);
}

/// A cluster that has grown large stays so: rules that are there keep their comments until they
/// change.
void IptablesBackend::count_endpoints() {
    std::size_t endpoints = 0;
    for (const auto& port : services_.all()) {
        endpoints += port.now ? port.now->endpoints.size() : 0;
    }
    options_.large_cluster =
        options_.large_cluster || endpoints > services::kIptablesLargeClusterEndpoints;
}

void IptablesBackend::update(std::vector<services::ServicePortUpdate> updates, ProxyWork& work) {
    count_endpoints();
    // A clash of two Services may tell of a port twice: the last word counts.
    std::map<services::ServicePortName, services::ServicePortInputPtr> latest;
    for (auto& update : updates) {
        latest[update.name] = std::move(update.now);
    }
    for (const auto& node : nodes_) {
        auto& fragments = fragments_[node.name];
        Change change;
        for (const auto& [name, now] : latest) {
            take(node, {name, now}, fragments, change);
        }
        if (!change.empty()) {
            work.restores.push_back({node.name, family(), sync_text(fragments, change)});
        }
    }
}

void IptablesBackend::rebuild(ProxyWork& work) {
    count_endpoints();
    const auto all = services_.all();
    std::map<std::string, Fragments> rebuilt;
    for (const auto& node : nodes_) {
        const auto before = fragments_.find(node.name);
        auto& fragments = rebuilt[node.name];
        if (before != fragments_.end()) {
            fragments = std::move(before->second);
        }
        Change change;
        std::set<services::ServicePortName> names;
        for (const auto& port : all) {
            names.insert(port.name);
            take(node, port, fragments, change);
        }
        std::vector<services::ServicePortUpdate> gone;
        for (const auto& [name, fragment] : fragments) {
            if (!names.contains(name)) {
                gone.push_back({name, nullptr});
            }
        }
        for (const auto& update : gone) {
            take(node, update, fragments, change);
        }
        if (before != fragments_.end() && !change.empty()) {
            work.restores.push_back({node.name, family(), sync_text(fragments, change)});
        }
    }
    fragments_ = std::move(rebuilt);
}

std::string IptablesBackend::sync_text(const Fragments& fragments, const Change& change) const {
    std::vector<const services::IptablesFragment*> all;
    all.reserve(fragments.size());
    for (const auto& [name, fragment] : fragments) {
        all.push_back(&fragment);
    }
    return services::iptables_sync({all, change.changed, change.stale}, family(), options_);
}

std::string IptablesBackend::restore_text(std::size_t node) const {
    const auto& fragments = fragments_.at(nodes_.at(node).name);
    Change change;
    for (const auto& [name, fragment] : fragments) {
        change.changed.push_back(&fragment);
    }
    return services::iptables_setup(family(), options_) + sync_text(fragments, change);
}

} // namespace labctl::compile
