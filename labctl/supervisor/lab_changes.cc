#include <algorithm>
#include <fstream>

#include <unistd.h>

#include "labctl/api/status_error.h"
#include "labctl/compile/address_plan.h"
#include "labctl/compile/cni_profile.h"
#include "labctl/compile/impairments.h"
#include "labctl/compile/network.h"
#include "labctl/compile/policies.h"
#include "labctl/compile/policy_values.h"
#include "labctl/compile/sidecars.h"
#include "labctl/compile/underlay_names.h"
#include "labctl/store/undo.h"
#include "labctl/supervisor/admission.h"
#include "labctl/supervisor/attachments.h"
#include "labctl/supervisor/bgp.h"
#include "labctl/supervisor/faults.h"
#include "labctl/supervisor/lab.h"
#include "labctl/supervisor/probe_resolver.h"
#include "netemu/base/error.h"
#include "netemu/model/plan.h"

namespace labctl::supervisor {

using netemu::Clock;
using netemu::micros_since;

namespace {

/// Resident memory of a process in bytes, 0 if it cannot be read.
std::uint64_t resident_bytes(pid_t pid) {
    std::ifstream file(
        "/proc/" + (pid == 0 ? std::string("self") : std::to_string(pid)) + "/statm");
    std::uint64_t total = 0;
    std::uint64_t resident = 0;
    file >> total >> resident;
    return resident * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
}

/// The host's number of a child of ours, of which we only know the number in our pid namespace; 0
/// if it cannot be found. /proc is the host's here, and NSpid lists a process's numbers from the
/// outside in.
pid_t host_pid(pid_t supervisor, pid_t child) {
    const auto self = std::to_string(supervisor);
    const auto number = std::string("\t").append(std::to_string(child));
    std::ifstream children("/proc/" + self + "/task/" + self + "/children");
    for (pid_t candidate = 0; children >> candidate;) {
        std::ifstream status("/proc/" + std::to_string(candidate) + "/status");
        for (std::string line; std::getline(status, line);) {
            if (line.starts_with("NSpid:") && line.ends_with(number)) {
                return candidate;
            }
        }
    }
    return 0;
}

bool is_terminating(const store::Store& store, const api::ObjectKey& key) {
    const auto object = store.get(key);
    return object && !api::at(object->body, "metadata.deletionTimestamp").is_null();
}

/// A namespace that other objects are in and no file defines: it has to be there, and nothing else
/// is said of it.
bool is_implicit(const api::Object& object) {
    return object.kind() == "Namespace" && object.source.file.empty() &&
           api::at(object.body, "metadata").size() == 1;
}

/// All objects, or none.
std::vector<ChangeReport::Item>
apply_to(store::Store& store, compile::Cluster& cluster, std::vector<api::Object> objects) {
    std::vector<ChangeReport::Item> items;
    store::Undo undo(store);
    for (auto& object : objects) {
        const auto key = object.key();
        const auto source = object.source;
        if (is_implicit(object) && store.get(key)) {
            continue;
        }
        try {
            items.push_back({key, to_string(cluster.apply_object(std::move(object)).action)});
        } catch (netemu::Error& error) {
            if (!source.file.empty()) {
                error.add_context(source.to_string());
            }
            throw;
        }
    }
    undo.keep();
    return items;
}

void copy_objects(const store::Store& from, store::Store& to) {
    for (const auto& kind : from.kinds()) {
        for (const auto& object : from.list(kind)) {
            to.put(*object);
        }
    }
}

} // namespace

std::vector<ChangeReport::Item>
Lab::apply_all(compile::Cluster& cluster, std::vector<api::Object> objects) {
    return apply_to(store_, cluster, std::move(objects));
}

ChangeReport Lab::apply(std::vector<api::Object> objects, bool dry_run) {
    if (dry_run) {
        return simulate(std::move(objects));
    }
    const auto begin = Clock::now();
    auto items = [&] {
        const Admission admission(*cluster_, false);
        return apply_to(store_, *cluster_, std::move(objects));
    }();
    auto report = sync();
    report.objects = std::move(items);
    const bool policies = std::ranges::any_of(
        report.objects, [](const auto& item) { return compile::is_policy_kind(item.key.kind); });
    if (policies && !policy_warning_.empty()) {
        report.warnings.push_back(policy_warning_);
    }
    report.elapsed_us = micros_since(begin);
    return report;
}

/// Applies the objects to a copy of the cluster and plans from there: nothing here changes.
ChangeReport Lab::simulate(std::vector<api::Object> objects) const {
    const auto begin = Clock::now();
    store::Store copy;
    copy_objects(store_, copy);
    compile::Cluster cluster(copy, cluster_->config());
    cluster.assume_ready();
    cluster.bootstrap();
    ChangeReport report;
    {
        const Admission admission(cluster, false);
        report.objects = apply_to(copy, cluster, std::move(objects));
    }
    cluster.reconcile();
    auto observed = observed_;
    proxies_->add_contents(observed);
    policies_->add_contents(observed);
    auto desired = compile::compile_lab(copy, cluster.config());
    attachments_->adapt(cluster_->config(), desired);
    add_plugin_bridges(desired);
    const auto faults = faults_->of_network();
    compile::add_faults(faults, desired);
    compile::add_impairments(
        cluster_->config(), faults, [this] { return has_netem(); }, desired);
    const auto plan = netemu::make_plan(desired, observed);
    report.operations = netemu::summarize(plan);
    for (const auto& operation : plan.operations) {
        report.lines.push_back(netemu::describe(operation));
    }
    report.elapsed_us = micros_since(begin);
    return report;
}

ChangeReport
Lab::remove(const std::vector<api::ObjectKey>& keys, std::optional<std::int64_t> grace) {
    const auto begin = Clock::now();
    for (const auto& key : keys) {
        if (!store_.get(key)) {
            const auto* info = api::find_kind(key.kind);
            throw api::StatusError::not_found(
                info != nullptr ? info->plural : api::guess_plural(key.kind), key.name);
        }
    }
    std::vector<ChangeReport::Item> items;
    for (const auto& key : keys) {
        cluster_->delete_object(key, compile::Propagation::Background, grace);
        items.push_back({key, "deleted"});
    }
    auto report = sync();
    report.objects = std::move(items);
    for (const auto& key : keys) {
        if (key.kind == "Pod" && is_terminating(store_, key)) {
            report.terminating.push_back(key);
        }
    }
    report.elapsed_us = micros_since(begin);
    return report;
}

api::ObjectPtr Lab::edit(
    const std::function<api::ObjectPtr(compile::Cluster&)>& edit, const EditOptions& options) {
    if (options.dry_run) {
        store::Store copy;
        copy_objects(store_, copy);
        compile::Cluster cluster(copy, cluster_->config());
        cluster.assume_ready();
        cluster.bootstrap();
        const Admission admission(cluster, options.strict);
        return edit(cluster);
    }
    api::ObjectKey key;
    {
        const Admission admission(*cluster_, options.strict);
        key = edit(*cluster_)->key();
    }
    sync();
    return store_.get(key);
}

api::ObjectPtr Lab::scale(const api::ObjectKey& key, int replicas) {
    cluster_->scale(key, replicas);
    sync();
    return store_.get(key);
}

void Lab::label(const std::vector<api::ObjectKey>& keys, const api::Json& changes, bool overwrite) {
    compile::Cluster::LabelChanges parsed;
    for (const auto& [name, value] : changes.items()) {
        parsed[name] = value.is_null() ? std::nullopt : std::optional(value.get<std::string>());
    }
    {
        const Admission admission(*cluster_, false);
        cluster_->label(keys, parsed, overwrite);
    }
    sync();
}

Runtime::Entry Lab::enter(const std::string& target, const std::string& default_ns) {
    return runtime_->enter(target, default_ns);
}

std::uint64_t Lab::probe(
    const probe::RequestList& requests, std::function<void(std::vector<probe::Result>)> done) {
    ProbeResolver::check_authorities(requests);
    const ProbeResolver resolver(store_, cluster_->config());
    std::vector<dataplane::ResolvedRequest> resolved;
    resolved.reserve(requests.probes.size());
    bool evidence = false;
    for (const auto& request : requests.probes) {
        evidence = evidence || request.evidence;
        resolved.push_back(resolver.resolve(request));
    }
    if (evidence) {
        (void)watch_drops();
    }
    if (sidecars_->table().workloads.empty()) {
        return dataplane_->probe(std::move(resolved), requests.sequential, std::move(done));
    }
    auto asked = resolved;
    return dataplane_->probe(
        std::move(resolved),
        requests.sequential,
        [this, asked = std::move(asked), done = std::move(done)](
            std::vector<probe::Result> results) {
            name_denials(asked, results);
            done(std::move(results));
        });
}

void Lab::stop_probes(std::uint64_t list) {
    dataplane_->stop_probes(list);
}

void Lab::describe(api::Json& status) const {
    const auto& config = cluster_->config();
    status["nodes"] = config.nodes.size();
    status["pods"] = store_.list("Pod").size();
    status["podsNotReady"] = pending_pods();
    status["objects"] = store_.size();
    status["namespaces"] = observed_.namespaces.size();
    const auto& profile = compile::cni_profile(config);
    const auto* tunnel = compile::tunnel_device(config);
    status["cni"] = {
        {"profile", config.cni_profile},
        {"overlay", config.overlay},
        {"encryption", config.wireguard ? api::Json("wireguard") : api::Json()},
        {"mtu", compile::compute_mtu(config)},
        {"ports", profile.routed() ? profile.ports : profile.bridge},
        {"tunnel", tunnel == nullptr ? api::Json() : api::Json(tunnel)},
        {"enforcesPolicies", profile.enforces_policies}};
    if (profile.identities) {
        status["cni"]["kubeProxyReplacement"] = config.kube_proxy_replacement;
    }
    const bool userspace = compile::tunnels_in_userspace(config);
    if (config.overlay == compile::kOverlayGeneve) {
        status["cni"]["emulation"] = userspace ? "userspace" : "none";
    }
    if (userspace) {
        status["tunnels"] = identities()["tunnels"];
    }
    status["cni"]["crossSubnet"] = config.cross_subnet;
    status["cni"]["routing"] = bgp_ ? api::Json(compile::kRoutingBgp)
                               : config.overlay != compile::kOverlayNone
                                   ? api::Json()
                                   : api::Json(compile::kRoutingStatic);
    if (bgp_) {
        status["bgp"] = bgp_->summary();
        status["bgp"]["topology"] = compile::to_text(config.bgp->topology);
        status["bgp"]["asNumber"] = config.bgp->as_number;
        status["bgp"]["pending"] = bgp_->pending();
    }
    status["proxy"] = {
        {"mode", config.proxy_mode},
        {"layout", proxies_->layout()},
        {"servicePorts", proxies_->service_ports()}};
    describe_policies(status);
    status["faults"] = faults_->all().size();
    status["externalAddresses"] = api::Json::array();
    for (const auto& prefix : compile::external_addresses(config)) {
        status["externalAddresses"].push_back(prefix.address.to_string());
    }
    status["nodeAddresses"] = api::Json::object();
    for (const auto& node : compile::view_nodes(store_, config)) {
        for (const auto& address : compile::node_addresses(node, profile)) {
            status["nodeAddresses"][node.name].push_back(address.to_string());
        }
    }
    status["devices"] = api::Json::object();
    for (const auto& [address, name] : compile::underlay_names(config)) {
        if (name.starts_with("host/") || name.starts_with("router/")) {
            status["devices"][name].push_back(address.to_string());
        }
    }
    status["supervisor"] = {{"pid", host_pid_}, {"residentBytes", resident_bytes(host_pid_)}};
    const auto data_plane = host_pid(host_pid_, dataplane_->pid());
    status["dataPlane"] = {{"pid", data_plane}, {"residentBytes", resident_bytes(data_plane)}};
    status["journal"] = {{"path", paths_.journal}, {"bytes", journal_->size()}};
}

void Lab::forget_journal() {
    journal_.reset();
    store::Journal::remove_file(paths_.journal);
    (void)::rmdir(paths_.state_dir.c_str()); // stays when somebody keeps something there
}

} // namespace labctl::supervisor
