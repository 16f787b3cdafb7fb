#include "labctl/supervisor/lab.h"

#include <algorithm>

#include <unistd.h>

#include "labctl/api/status_error.h"
#include "labctl/compile/network.h"
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
    auto config = compile::ClusterConfig::from_lab(lab);
    config.bridge_netfilter = ::access("/proc/sys/net/bridge", F_OK) == 0;
    auto cluster = std::make_unique<compile::Cluster>(store_, std::move(config));
    kernel_ = netemu::make_linux_kernel();
    start_dataplane(cluster->config());
    cluster->bootstrap();
    cluster->apply_object(lab);
    apply_all(*cluster, std::move(objects));
    cluster->reconcile();
    journal_->flush();
    cluster_ = std::move(cluster);
    proxies_ = std::make_unique<compile::Proxies>(store_, cluster_->config());
    (void)proxies_->update(); // the tables come with the network
    step(
        (resumed ? "resumed, " : "") + count_of(store_.list("Pod").size(), "pod") +
            " scheduled on " + count_of(cluster_->config().nodes.size(), "node"),
        micros_since(begin));
    begin = Clock::now();
    const auto report = build_network(keep_alive);
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
    runtime_->start_new();
}

void Lab::start_dataplane(const compile::ClusterConfig& config) {
    dataplane::DataPlane::Options options;
    options.verbosity = verbosity_;
    options.open_socket = [this](const std::string& ns, int domain, int type, int protocol) {
        return kernel_->open_socket(ns, domain, type, protocol);
    };
    dataplane_ = std::make_unique<dataplane::DataPlane>(loop_, std::move(options));
    dataplane_->start();
    ClusterDns dns{config.cluster_domain, {}};
    for (const auto& range : config.service_cidrs) {
        constexpr std::uint64_t kDnsOffset = 10; // 10.96.0.10, as kubeadm does
        dns.nameservers.push_back(range.network().address.plus(kDnsOffset));
    }
    runtime_ = std::make_unique<Runtime>(
        Runtime::Parts{
            loop_, store_, config, *kernel_, *dataplane_, paths_.run_dir, std::move(dns)},
        [this](const api::ObjectKey& pod, const compile::RuntimeState& state) {
            runtime_changed(pod, state);
        });
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
        cluster_->set_runtime(pod, state);
    }
    sync();
    check_settled();
}

/// Brings everything to what the objects say. The order matters: sockets and processes leave a
/// namespace before it goes, and nothing starts before its network exists.
ChangeReport Lab::sync() {
    const auto begin = Clock::now();
    cluster_->reconcile();
    journal_->flush();
    ChangeReport rules;
    update_proxies(rules); // first: no rule leads to a pod that is about to go
    if (trail_) {
        std::size_t tables = 0; // one of each family on a node
        for (const auto& [what, count] : rules.operations) {
            tables += count;
        }
        trail_->rules_changed(std::min(tables, cluster_->config().nodes.size()));
    }
    auto report = build_network({});
    for (const auto& [what, count] : rules.operations) {
        report.operations[what] += count;
    }
    runtime_->start_new();
    report.elapsed_us = micros_since(begin);
    return report;
}

ChangeReport Lab::build_network(const KeepAlive& keep_alive) {
    ChangeReport report;
    if (!std::exchange(network_dirty_, false)) {
        return report;
    }
    runtime_->stop_gone();
    const auto desired = desired_state();
    const auto plan = netemu::make_plan(desired, observed_);
    report.operations = netemu::summarize(plan);
    carry_out(plan, keep_alive);
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
        observed_ = kernel_->observe();
        throw;
    }
}

netemu::DesiredState Lab::desired_state() const {
    auto desired = compile::compile_network(store_, cluster_->config());
    proxies_->add_to(desired);
    return desired;
}

/// What Services and endpoints have become, on every node. The network itself is left alone, unless
/// an address of the load balancer has moved.
void Lab::update_proxies(ChangeReport& report) {
    const auto announced = proxies_->announcements();
    netemu::Plan plan{proxies_->update()};
    network_dirty_ = network_dirty_ || announced != proxies_->announcements();
    if (plan.empty()) {
        return;
    }
    report.operations = netemu::summarize(plan);
    carry_out(plan, {});
    note_tables(plan.operations);
    if (proxies_->has_stale() && sweep_timer_ == 0) {
        sweep_timer_ = loop_.after(compile::Proxies::sweep_delay(), [this] { sweep_proxies(); });
    }
}

void Lab::sweep_proxies() {
    sweep_timer_ = 0;
    const netemu::Plan plan{proxies_->sweep()};
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
        for (auto& info : observed_.namespaces.at(ns).tables) {
            if (info.family == family && info.name == name) {
                info.digest = identity.digest;
                info.counts = identity.counts;
                info.contents = nullptr; // Proxies::add_contents knows them
            }
        }
    };
    for (const auto& operation : operations) {
        if (const auto* change = std::get_if<netemu::ChangeTable>(&operation)) {
            note(change->ns, change->change->family, change->change->table, change->after);
        } else if (const auto* replace = std::get_if<netemu::ReplaceTable>(&operation)) {
            const auto& table = replace->table;
            note(replace->ns, table.family, table.name, netemu::nft_identity(table));
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

netemu::Plan Lab::drift() {
    return netemu::make_plan(desired_state(), kernel_->observe());
}

ChangeReport Lab::repair() {
    const auto begin = Clock::now();
    ChangeReport report;
    const auto plan = drift();
    report.operations = netemu::summarize(plan);
    carry_out(plan, {});
    report.elapsed_us = micros_since(begin);
    return report;
}

std::map<std::string, std::string> Lab::pending_pods() const {
    std::map<std::string, std::string> pending;
    for (const auto& pod : store_.list("Pod")) {
        const auto phase = string_at(pod->body, "status.phase");
        if (phase == "Succeeded") {
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
            trail_ = std::make_unique<compile::ServiceTrail>(store_);
            done();
        }
    });
    check_settled();
}

void Lab::check_settled() {
    if (settled_ && runtime_changes_.empty() && runtime_->starting() == 0) {
        loop_.cancel(settle_timer_);
        trail_ = std::make_unique<compile::ServiceTrail>(store_);
        std::exchange(settled_, nullptr)();
    }
}

} // namespace labctl::supervisor
