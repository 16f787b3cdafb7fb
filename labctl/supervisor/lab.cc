#include "labctl/supervisor/lab.h"

#include <algorithm>

#include <unistd.h>

#include "labctl/api/status_error.h"
#include "labctl/compile/network.h"
#include "labctl/compile/pod_dns.h"
#include "labctl/compile/policies.h"
#include "labctl/supervisor/faults.h"
#include "netemu/base/error.h"
#include "netemu/base/log.h"
#include "netemu/model/plan.h"

namespace labctl::supervisor {

using api::at;
using api::string_at;
using netemu::Clock;
using netemu::micros_since;

namespace {

std::string count_of(std::size_t count, const std::string& noun) {
    return std::to_string(count) + " " + noun + (count == 1 ? "" : "s");
}

constexpr const char* kRestoreRules = "restore iptables rules";

bool has_ipv6(const compile::ClusterConfig& config) {
    return std::any_of(
        config.service_cidrs.begin(), config.service_cidrs.end(), [](const auto& range) {
            return range.address.is_v6();
        });
}

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

bool is_ready(const api::Object& pod) {
    const auto& conditions = at(pod.body, "status.conditions");
    return std::any_of(conditions.begin(), conditions.end(), [](const api::Json& condition) {
        return string_at(condition, "type") == "Ready" && string_at(condition, "status") == "True";
    });
}

} // namespace

Lab::Lab(netemu::EventLoop& loop, LabPaths paths, pid_t host_pid, int verbosity)
    : loop_(loop), paths_(std::move(paths)), host_pid_(host_pid), verbosity_(verbosity) {
    store_.watch([this](const store::Event& event) { note_change(event); });
}

Lab::~Lab() = default;

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

void Lab::start(
    const api::Object& lab,
    std::vector<api::Object> objects,
    const Step& step,
    const KeepAlive& keep_alive) {
    auto begin = Clock::now();
    make_directories(paths_.state_dir);
    journal_ = std::make_unique<store::Journal>(store::Journal::open(paths_.journal));
    auto restored = journal_->load();
    const bool resumed = !restored.empty();
    for (auto& object : restored) {
        store_.put(std::move(object));
    }
    journal_->follow(store_);
    for (const auto& pod : store_.list("Pod")) {
        if (!at(pod->body, "metadata.deletionTimestamp").is_null()) {
            store_.remove(pod->key()); // it was on its way out when the lab ended
        }
    }
    auto config = compile::ClusterConfig::from_lab(lab);
    config.bridge_netfilter = ::access("/proc/sys/net/bridge", F_OK) == 0;
    config.strict_tracking = ::access("/proc/sys/net/netfilter/nf_conntrack_tcp_loose", F_OK) == 0;
    auto cluster = std::make_unique<compile::Cluster>(store_, std::move(config));
    if (cluster->config().proxy_mode != "nftables") {
        IptablesRules::require_tools(has_ipv6(cluster->config()));
    }
    kernel_ = netemu::make_linux_kernel();
    iptables_ = std::make_unique<IptablesRules>(*kernel_);
    start_dataplane(cluster->config());
    start_drops(cluster->config());
    cluster->bootstrap();
    cluster->apply_object(lab);
    apply_all(*cluster, std::move(objects));
    cluster->reconcile();
    journal_->flush();
    cluster_ = std::move(cluster);
    start_faults();
    proxies_ = std::make_unique<compile::Proxies>(store_, cluster_->config());
    (void)proxies_->update(); // the tables come with the network
    start_policies();
    dns_ = std::make_unique<compile::DnsRecords>(store_);
    update_dns();
    step(
        (resumed ? "resumed, " : "") + count_of(store_.list("Pod").size(), "pod") +
            " scheduled on " + count_of(cluster_->config().nodes.size(), "node"),
        micros_since(begin));
    begin = Clock::now();
    const auto report = build_network(keep_alive);
    dataplane_->serve_proxies(userspace_sockets(*proxies_));
    iptables_->complete(*proxies_);
    std::size_t operations = 0;
    for (const auto& [what, count] : report.operations) {
        operations += count;
    }
    std::string built = "network built: " + count_of(observed_.namespaces.size(), "namespace") +
                        ", " + count_of(operations, "operation");
    if (proxies_->layout() == "scale") {
        built += ", proxy rules in the scale layout (" +
                 count_of(proxies_->service_ports(), "service port") + ")";
    }
    step(built, micros_since(begin));
    serve_dns_upstream();
    finish_policies();
    if (!policy_warning_.empty()) {
        step("WARNING: " + policy_warning_, 0);
    }
    runtime_->start_new();
    serve_health_checks();
}

void Lab::start_dataplane(const compile::ClusterConfig& config) {
    dataplane::DataPlane::Options options;
    options.verbosity = verbosity_;
    options.describe_drop = [this](std::uint32_t id) -> std::optional<probe::Drop> {
        const auto* dropped = drop_log_->find(id);
        return dropped == nullptr ? std::nullopt : std::optional(drop_story_->drop_of(*dropped));
    };
    options.open_socket = [this](const std::string& ns, int domain, int type, int protocol) {
        return kernel_->open_socket(ns, domain, type, protocol);
    };
    dataplane_ = std::make_unique<dataplane::DataPlane>(loop_, std::move(options));
    dns_watchers_ = std::make_unique<DnsWatchers>(*dataplane_);
    dataplane_->start();
    runtime_ = std::make_unique<Runtime>(
        Runtime::Parts{
            loop_,
            store_,
            config,
            *kernel_,
            *dataplane_,
            paths_.run_dir,
            compile::cluster_dns(config)},
        [this](const api::ObjectKey& pod, const compile::RuntimeState& state) {
            runtime_changed(pod, state);
        },
        [this](const api::ObjectKey& pod, const std::string& uid) { pod_ended(pod, uid); });
}

/// Many pods become ready in one round of the loop: their statuses are counted once, after it.
void Lab::runtime_changed(const api::ObjectKey& pod, const compile::RuntimeState& state) {
    runtime_changes_.emplace_back(pod, state);
    if (runtime_changes_.size() == 1) {
        loop_.after(std::chrono::microseconds(0), [this] { flush_runtime_changes(); });
    }
}

void Lab::flush_runtime_changes() {
    for (const auto& [pod, state] : std::exchange(runtime_changes_, {})) {
        auto known = state;
        const auto object = store_.get(pod);
        known.held = object && faults_->holds(*object);
        cluster_->set_runtime(pod, known);
    }
    sync();
    check_settled();
}

/// Pods that were deleted together mostly end together: they go in one round.
void Lab::pod_ended(const api::ObjectKey& pod, const std::string& uid) {
    ended_pods_.emplace_back(pod, uid);
    if (ended_pods_.size() == 1) {
        loop_.after(std::chrono::microseconds(0), [this] { end_pods(); });
    }
}

void Lab::end_pods() {
    for (const auto& [pod, uid] : std::exchange(ended_pods_, {})) {
        cluster_->end_pod(pod, uid);
    }
    sync();
}

/// Brings everything to what the objects say. The order matters: rules let go of a pod before
/// its network goes, its sockets and processes go last, and nothing starts before its network
/// exists.
ChangeReport Lab::sync() {
    const auto begin = Clock::now();
    cluster_->reconcile();
    journal_->flush();
    faults_->forget_gone(store_);
    ChangeReport rules;
    update_proxies(rules); // first: no rule leads to a pod that is about to go
    if (trail_) {
        std::size_t tables = 0; // one of each family on a node
        for (const auto& [what, count] : rules.operations) {
            tables += count;
        }
        const auto nodes = std::min(tables, cluster_->config().nodes.size());
        for (const auto& [service, pod, at] : trail_->rules_changed(nodes)) {
            last_requests_->follow(service, pod, at);
        }
    }
    update_policies(rules); // likewise: new pods are isolated before they have a network
    update_dns();
    auto report = build_network({});
    finish_policies();
    iptables_->complete(*proxies_); // of nodes that are new
    for (const auto& [what, count] : rules.operations) {
        report.operations[what] += count;
    }
    runtime_->start_new();
    serve_health_checks();
    report.elapsed_us = micros_since(begin);
    return report;
}

ChangeReport Lab::build_network(const KeepAlive& keep_alive) {
    ChangeReport report;
    if (!std::exchange(network_dirty_, false)) {
        return report;
    }
    const auto desired = desired_state();
    const auto plan = netemu::make_plan(desired, observed_);
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
    observed_ = netemu::expected_observation(desired);
    link_namespaces();
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
    proxies_->add_to(desired);
    policies_->add_to(desired);
    compile::add_faults(faults_->of_network(), desired);
    return desired;
}

/// What Services and endpoints have become, on every node. The network itself is left alone, unless
/// an address of the load balancer has moved.
void Lab::update_proxies(ChangeReport& report) {
    const auto announced = proxies_->announcements();
    auto work = proxies_->update();
    network_dirty_ = network_dirty_ || announced != proxies_->announcements();
    if (work.empty()) {
        return;
    }
    const netemu::Plan plan{std::move(work.operations)};
    report.operations = netemu::summarize(plan);
    // Rules lead to sockets that are there, and sockets go when no rule leads to them.
    const auto sockets =
        work.portals ? userspace_sockets(*proxies_) : std::vector<dataplane::ProxySpec>{};
    dataplane_->serve_proxies(sockets);
    if (!work.restores.empty()) {
        report.operations[kRestoreRules] = work.restores.size();
        iptables_->update(work.restores, *proxies_);
    }
    if (work.portals) {
        dataplane_->keep_only_proxies(sockets);
    }
    carry_out(plan, {});
    note_tables(plan.operations);
    if (proxies_->udp_changed()) {
        forget_connections();
    }
    if (proxies_->has_stale() && sweep_timer_ == 0) {
        sweep_timer_ = loop_.after(compile::Proxies::sweep_delay(), [this] { sweep_proxies(); });
    }
}

/// A UDP client that keeps its port would go on to an endpoint that serves no more. A kernel
/// without connection tracking has no such memory, and no Services either.
void Lab::forget_connections() {
    for (const auto& node : proxies_->nodes()) {
        const auto ns = compile::node_namespace(node.name);
        const auto stale = proxies_->stale_connections(kernel_->udp_connections(ns));
        if (!stale.empty()) {
            kernel_->delete_connections(ns, stale);
        }
    }
}

/// The health-check node ports of Services, on every node.
void Lab::serve_health_checks() {
    const auto& wanted = proxies_->health_checks();
    if (wanted == health_checks_) {
        return;
    }
    const auto workload = [](const compile::HealthCheck& check) {
        dataplane::WorkloadSpec spec;
        spec.ns_name = compile::node_namespace(check.node);
        spec.pod_namespace = check.ns;
        spec.pod = check.service;
        spec.node = check.node;
        spec.ports = {{check.port, dataplane::Protocol::Tcp, "healthz"}};
        spec.health_endpoints = check.endpoints;
        return spec;
    };
    const auto same_port = [](const compile::HealthCheck& a, const compile::HealthCheck& b) {
        return a.ns == b.ns && a.service == b.service && a.node == b.node && a.port == b.port;
    };
    const auto among = [&](const auto& list, const compile::HealthCheck& check) {
        return std::any_of(list.begin(), list.end(), [&](const compile::HealthCheck& each) {
            return same_port(each, check);
        });
    };
    for (const auto& check : health_checks_) {
        if (!among(wanted, check)) {
            dataplane_->withdraw(workload(check).key());
        }
    }
    for (const auto& check : wanted) {
        if (among(health_checks_, check)) {
            dataplane_->set_health(workload(check).key(), check.endpoints);
        } else {
            dataplane_->serve(workload(check));
        }
    }
    health_checks_ = wanted;
}

void Lab::sweep_proxies() {
    sweep_timer_ = 0;
    const netemu::Plan plan{proxies_->sweep().operations};
    try {
        carry_out(plan, {});
        note_tables(plan.operations);
    } catch (const netemu::Error& error) {
        netemu::logger("supervisor")->warn("delete stale chains: {}", error.what());
    }
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

/// Links by which `ip netns` finds the namespaces, through descriptors that this process holds.
void Lab::link_namespaces() {
    std::map<std::string, int> wanted;
    for (const auto& [ns, info] : observed_.namespaces) {
        const auto name =
            ns.starts_with("node/") || ns.starts_with("pod/") ? ns.substr(ns.find('/') + 1) : ns;
        auto file = paths_.netns_prefix + name;
        std::replace(file.begin(), file.end(), '/', '.');
        wanted[file] = kernel_->namespace_fd(ns);
    }
    for (const auto& [file, fd] : links_) {
        const auto found = wanted.find(file);
        if (found == wanted.end() || found->second != fd) {
            ::unlink((paths_.netns_dir + "/" + file).c_str());
        }
    }
    if (links_.empty()) {
        make_directories(paths_.netns_dir);
    }
    for (const auto& [file, fd] : wanted) {
        const auto found = links_.find(file);
        if (found != links_.end() && found->second == fd) {
            continue;
        }
        const auto path = paths_.netns_dir + "/" + file;
        const auto target = "/proc/" + std::to_string(host_pid_) + "/fd/" + std::to_string(fd);
        if (::symlink(target.c_str(), path.c_str()) != 0 && errno != EEXIST) {
            netemu::logger("supervisor")->debug("link {}: {}", path, netemu::errno_text(errno));
        }
    }
    links_ = std::move(wanted);
}

std::map<std::string, std::string> Lab::pending_pods() const {
    std::map<std::string, std::string> pending;
    for (const auto& pod : store_.list("Pod")) {
        const auto phase = string_at(pod->body, "status.phase");
        if (phase == "Succeeded" || !at(pod->body, "metadata.deletionTimestamp").is_null()) {
            continue;
        }
        std::string reason = phase == "Failed" ? "it failed" : "it is being started";
        bool ready = false;
        for (const auto& condition : at(pod->body, "status.conditions")) {
            const auto type = string_at(condition, "type");
            const bool holds = string_at(condition, "status") == "True";
            ready = ready || (type == "Ready" && holds);
            if (!holds && !string_at(condition, "message").empty()) {
                reason = string_at(condition, "message");
            }
        }
        if (!ready) {
            pending[pod->ns() + "/" + pod->name()] = reason;
        }
    }
    return pending;
}

void Lab::when_settled(Clock::time_point deadline, std::function<void()> callback) {
    settled_ = std::move(callback);
    settle_timer_ = loop_.at(deadline, [this] {
        if (const auto done = std::exchange(settled_, nullptr)) {
            begin_trail();
            done();
        }
    });
    check_settled();
}

/// From now on changes of readiness are told in Events.
void Lab::begin_trail() {
    trail_ = std::make_unique<compile::ServiceTrail>(store_);
    last_requests_ = std::make_unique<LastRequests>(
        loop_,
        [this](const std::string& pod, dataplane::DataPlane::ServedCallback answer) {
            dataplane_->served(pod, std::move(answer));
        },
        [this](const api::ObjectKey& pod) {
            const auto object = store_.get(pod);
            return object && (!is_ready(*object) ||
                              !at(object->body, "metadata.deletionTimestamp").is_null());
        },
        [this](const api::ObjectKey& service, const std::string& text) {
            trail_->last_request(service, text);
        });
}

void Lab::check_settled() {
    if (settled_ && runtime_changes_.empty() && runtime_->starting() == 0) {
        loop_.cancel(settle_timer_);
        begin_trail();
        std::exchange(settled_, nullptr)();
    }
}

} // namespace labctl::supervisor
