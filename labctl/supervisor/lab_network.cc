#include <algorithm>
#include <iterator>
#include <utility>

#include "labctl/compile/host_ports.h"
#include "labctl/compile/impairments.h"
#include "labctl/compile/network.h"
#include "labctl/compile/policies.h"
#include "labctl/supervisor/attachments.h"
#include "labctl/supervisor/faults.h"
#include "labctl/supervisor/lab.h"
#include "netemu/base/error.h"
#include "netemu/model/plan.h"

/// The network of a lab: when it has to be compiled again, carrying plans out, and what is known to
/// be there.
namespace labctl::supervisor {

using api::at;
using api::string_at;

namespace {

/// What of a pod or node the network depends on. Two equal ones make the same network.
std::string network_fingerprint(const api::Object& object) {
    if (object.kind() == "Node") {
        return at(object.body, "spec").dump() + at(object.body, "status.addresses").dump();
    }
    const auto phase = string_at(object.body, "status.phase");
    const bool final_phase = phase == "Succeeded" || phase == "Failed";
    return object.uid() + string_at(object.body, "spec.nodeName") +
           at(object.body, "status.podIPs").dump() + (final_phase ? "final" : "");
}

std::vector<netemu::IpAddress> addresses_of(const netemu::NamespaceSpec& space) {
    std::vector<netemu::IpAddress> addresses;
    for (const auto& link : space.links) {
        for (const auto& address : link.addresses) {
            addresses.push_back(address.address);
        }
    }
    return addresses;
}

/// On nodes whose host ports lead elsewhere from now on. A new node knows no connection yet.
void forget_host_port_connections(
    netemu::Kernel& kernel,
    const netemu::Plan& plan,
    const netemu::DesiredState& desired,
    const netemu::ObservedState& observed) {
    for (const auto& operation : plan.operations) {
        const auto* replaced = std::get_if<netemu::ReplaceTable>(&operation);
        if (replaced == nullptr || replaced->table.name != compile::kHostPortTable ||
            !observed.namespaces.contains(replaced->ns)) {
            continue;
        }
        const auto stale = compile::stale_host_port_connections(
            replaced->table,
            addresses_of(desired.namespaces.at(replaced->ns)),
            kernel.connections(replaced->ns));
        if (!stale.empty()) {
            kernel.delete_connections(replaced->ns, stale);
        }
    }
}

} // namespace

/// Remembers whether the network has to be compiled again.
void Lab::note_change(const store::Event& event) {
    const auto kind = event.object->kind();
    if (kind != "Pod" && kind != "Node") {
        return;
    }
    const auto key = event.object->key();
    if (event.type == store::EventType::Deleted) {
        network_dirty_ = fingerprints_.erase(key) > 0 || network_dirty_;
        return;
    }
    auto fingerprint = network_fingerprint(*event.object);
    auto& known = fingerprints_[key];
    if (known != fingerprint) {
        known = std::move(fingerprint);
        network_dirty_ = true;
    }
}

ChangeReport Lab::build_network(const KeepAlive& keep_alive) {
    ChangeReport report;
    if (!network_dirty_) {
        return report;
    }
    const auto desired = desired_state();
    const auto plan = netemu::make_plan(desired, observed_);
    network_dirty_ = false; // not before: what cannot be compiled has to be tried again
    report.operations = netemu::summarize(plan);
    drop_log_->let_go_except(node_names());
    carry_out(plan, keep_alive);
    if (drop_log_->listening() || policies_->enforced()) {
        drop_log_->listen(node_names());
    }
    // A packet that was sent to a pod before the rules let go of it may still be on its way: it
    // meets a listener, or no pod at all, and never a pod whose listener is gone, which would
    // refuse it.
    runtime_->stop_gone();
    forget_host_port_connections(*kernel_, plan, desired, observed_);
    observed_ = netemu::expected_observation(desired);
    note_cables(desired);
    std::map<std::string, int> descriptors;
    for (const auto& [ns, info] : observed_.namespaces) {
        descriptors[ns] = kernel_->namespace_fd(ns);
    }
    links_.update(descriptors);
    return report;
}

void Lab::carry_out(const netemu::Plan& plan, const KeepAlive& keep_alive) {
    try {
        kernel_->apply(plan, [&](std::size_t /*done*/) {
            if (keep_alive) {
                keep_alive();
            }
        });
    } catch (const netemu::Error&) {
        // Part of the plan may be done: from now on only what the kernel says counts.
        network_dirty_ = true;
        observed_ = observe();
        throw;
    }
}

netemu::DesiredState Lab::desired_state() const {
    auto desired = compile::compile_network(store_, cluster_->config());
    attachments_->adapt(cluster_->config(), desired);
    add_plugin_bridges(desired);
    proxies_->add_to(desired);
    policies_->add_to(desired);
    const auto faults = faults_->of_network();
    compile::add_faults(faults, desired);
    compile::add_impairments(
        cluster_->config(), faults, [this] { return has_netem(); }, desired);
    return desired;
}

/// What the tables are known to be after these operations.
void Lab::note_tables(const std::vector<netemu::Operation>& operations) {
    const auto note = [this](
                          const std::string& ns,
                          netemu::NftFamily family,
                          const std::string& name,
                          const netemu::NftIdentity& identity) {
        auto& tables = observed_.namespaces.at(ns).tables;
        auto info = std::find_if(tables.begin(), tables.end(), [&](const auto& each) {
            return each.family == family && each.name == name;
        });
        if (info == tables.end()) {
            tables.push_back({family, name, {}, {}, nullptr});
            info = std::prev(tables.end());
        }
        info->digest = identity.digest;
        info->counts = identity.counts;
        info->contents = nullptr; // Proxies::add_contents and that of Policies know them
    };
    for (const auto& operation : operations) {
        if (const auto* change = std::get_if<netemu::ChangeTable>(&operation)) {
            note(change->ns, change->change->family, change->change->table, change->after);
        } else if (const auto* replace = std::get_if<netemu::ReplaceTable>(&operation)) {
            const auto& table = replace->table;
            note(replace->ns, table.family, table.name, netemu::nft_identity(table));
        } else if (const auto* gone = std::get_if<netemu::DeleteTable>(&operation)) {
            std::erase_if(observed_.namespaces.at(gone->ns).tables, [&](const auto& each) {
                return each.family == gone->family && each.name == gone->name;
            });
        }
    }
}

} // namespace labctl::supervisor
