#include "labctl/supervisor/lab.h"

#include <algorithm>

#include <unistd.h>

#include "labctl/api/status_error.h"
#include "labctl/compile/gateways.h"
#include "labctl/compile/identities.h"
#include "labctl/compile/ingresses.h"
#include "labctl/compile/network.h"
#include "labctl/compile/node_cache.h"
#include "labctl/compile/pod_dns.h"
#include "labctl/compile/policies.h"
#include "labctl/compile/sidecars.h"
#include "labctl/supervisor/attachments.h"
#include "labctl/supervisor/bgp.h"
#include "labctl/supervisor/cni_calls.h"
#include "labctl/supervisor/cni_runtime.h"
#include "labctl/supervisor/faults.h"
#include "labctl/supervisor/mesh_identities.h"
#include "labctl/supervisor/node_keys.h"
#include "labctl/supervisor/streams.h"
#include "labctl/supervisor/vlans.h"
#include "netemu/base/error.h"
#include "netemu/base/log.h"
#include "netemu/kernel/features.h"
#include "netemu/kernel/ipvs.h"
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

bool has_ipv6(const compile::ClusterConfig& config) {
    return std::any_of(
        config.service_cidrs.begin(), config.service_cidrs.end(), [](const auto& range) {
            return range.address.is_v6();
        });
}

/// What the lab wants, and what of that this host's kernel has.
compile::ClusterConfig config_here(const api::Object& lab) {
    const auto there = [](const char* path) { return ::access(path, F_OK) == 0; };
    auto config = compile::ClusterConfig::from_lab(lab);
    config.bridge_netfilter = there("/proc/sys/net/bridge");
    config.strict_tracking = there("/proc/sys/net/netfilter/nf_conntrack_tcp_loose");
    config.dummy_device = netemu::has_dummy_devices();
    config.multipath = there("/proc/sys/net/ipv4/fib_multipath_hash_policy");
    return config;
}

/// No edit may change a Lab's settings. A lab that comes up again may have others than last time.
void store_settings(store::Store& store, const api::Object& lab) {
    if (const auto last = store.get(lab.key())) {
        auto settings = *last;
        settings.body["spec"] = at(lab.body, "spec");
        store.put(std::move(settings));
    }
}

} // namespace

Lab::Lab(
    netemu::EventLoop& loop,
    LabPaths paths,
    pid_t host_pid,
    int verbosity,
    HostSockets host_sockets)
    : loop_(loop), paths_(std::move(paths)), host_pid_(host_pid), verbosity_(verbosity),
      host_sockets_(std::move(host_sockets)), attachments_(std::make_unique<Attachments>()),
      cni_calls_(std::make_unique<CniCalls>()),
      links_(paths_.netns_dir, paths_.netns_prefix, host_pid), drop_fronts_(store_) {
    store_.watch([this](const store::Event& event) {
        note_change(event);
        end_streams(event);
    });
}

Lab::~Lab() = default;

/// What the journal has; whether that is anything.
bool Lab::restore() {
    make_directories(paths_.state_dir);
    journal_ = std::make_unique<store::Journal>(store::Journal::open(paths_.journal));
    auto restored = journal_->load();
    for (auto& object : restored) {
        store_.put(std::move(object));
    }
    journal_->follow(store_);
    for (const auto& pod : store_.list("Pod")) {
        if (!at(pod->body, "metadata.deletionTimestamp").is_null()) {
            store_.remove(pod->key()); // it was on its way out when the lab ended
        }
    }
    return !restored.empty();
}

void Lab::start(
    const api::Object& lab,
    std::vector<api::Object> objects,
    const Step& step,
    const KeepAlive& keep_alive) {
    const auto begin = Clock::now();
    const bool resumed = restore();
    forget_lost_attachments(step);
    auto config = config_here(lab);
    require_tunnels(config);
    require_vlans(config);
    const NodeKeys keys(config);
    config.wireguard_keys = keys.public_keys();
    auto cluster = std::make_unique<compile::Cluster>(store_, std::move(config));
    if (cluster->config().bgp) {
        Bgp::require_bird();
    }
    const auto& mode = cluster->config().proxy_mode;
    if (mode == "ipvs") {
        netemu::require_ipvs();
    } else if (mode != "nftables") {
        IptablesRules::require_tools(has_ipv6(cluster->config()));
    }
    kernel_ = netemu::make_linux_kernel();
    keys.give_to(*kernel_);
    prepare_cni(lab);
    iptables_ = std::make_unique<IptablesRules>(*kernel_);
    start_dataplane(cluster->config());
    start_drops(cluster->config());
    cluster->bootstrap();
    store_settings(store_, lab);
    cluster->apply_object(lab);
    apply_all(*cluster, std::move(objects));
    cluster->reconcile();
    identities_ = std::make_unique<compile::Identities>(store_, cluster->config());
    identities_->update();
    journal_->flush();
    cluster_ = std::move(cluster);
    start_faults();
    proxies_ = std::make_unique<compile::Proxies>(store_, cluster_->config());
    (void)proxies_->update(); // the tables come with the network
    start_policies();
    update_tunnels();
    dns_ = std::make_unique<compile::DnsRecords>(store_);
    update_dns();
    ingresses_ = std::make_unique<compile::Ingresses>(store_);
    update_ingresses();
    gateways_ = std::make_unique<compile::Gateways>(store_);
    update_gateways();
    start_sidecars();
    step(
        (resumed ? "resumed, " : "") + count_of(store_.list("Pod").size(), "pod") +
            " scheduled on " + count_of(cluster_->config().nodes.size(), "node"),
        micros_since(begin));
    start_network(step, keep_alive);
    start_bgp();
    serve_dns_upstream();
    finish_policies();
    if (!policy_warning_.empty()) {
        step("WARNING: " + policy_warning_, 0);
    }
    runtime_->start_new();
    serve_health_checks();
}

void Lab::start_network(const Step& step, const KeepAlive& keep_alive) {
    const auto begin = Clock::now();
    const auto report = build_network(keep_alive);
    follow_cni();
    serve_tunnels();
    serve_links();
    prepare_ipvs();
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
}

void Lab::start_dataplane(const compile::ClusterConfig& config) {
    dataplane::DataPlane::Options options;
    options.verbosity = verbosity_;
    options.describe_drop = [this](std::uint32_t id) -> std::optional<probe::Drop> {
        const auto* dropped = drop_log_->find(id);
        return dropped == nullptr ? std::nullopt : std::optional(drop_story_->drop_of(*dropped));
    };
    options.open_tun = [this](const std::string& ns, const std::string& link) {
        return kernel_->tun_descriptor(ns, link);
    };
    options.open_socket = [this](const std::string& ns, int domain, int type, int protocol) {
        return ns == kHostNetwork ? host_sockets_.open(domain, type)
                                  : kernel_->open_socket(ns, domain, type, protocol);
    };
    dataplane_ = std::make_unique<dataplane::DataPlane>(loop_, std::move(options));
    dns_watchers_ = std::make_unique<DnsWatchers>(*dataplane_);
    dataplane_->on_tunnel_drops([this](const std::vector<dataplane::TunnelDropped>& drops) {
        if (policies_ && drop_log_) {
            tunnels_dropped(drops);
        }
    });
    dataplane_->start();
    streams_ = std::make_unique<Streams>(loop_);
    runtime_ = std::make_unique<Runtime>(
        Runtime::Parts{
            loop_,
            store_,
            config,
            *kernel_,
            *dataplane_,
            paths_.run_dir,
            compile::cluster_dns(config),
            [this](const api::Object& config_map, const std::string& problem) {
                cluster_->warn(compile::kNodeCacheName, config_map, "InvalidCorefile", problem);
            }},
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
    sync_by_itself();
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
    sync_by_itself();
}

/// From a timer: nobody waits for the error, and what leaves a timer ends the loop, and with it the
/// lab. A network that somebody has changed by hand refuses a change once; then only what the
/// kernel says counts, and the second try begins with that.
void Lab::sync_by_itself() {
    constexpr int kTries = 2;
    for (int tried = 1; tried <= kTries; ++tried) {
        try {
            sync();
            return;
        } catch (const netemu::Error& error) {
            netemu::log_warning(
                "supervisor",
                "follow the objects, try " + std::to_string(tried) + ": " + error.what());
        }
    }
}

/// Brings everything to what the objects say. The order matters: rules let go of a pod before
/// its network goes, its sockets and processes go last, and nothing starts before its network
/// exists.
ChangeReport Lab::sync() {
    const auto begin = Clock::now();
    cluster_->reconcile();
    identities_->update();
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
    update_tunnels();
    update_dns();
    update_ingresses();
    update_gateways();
    update_sidecars();
    auto report = build_network({});
    attachments_->forget_gone(store_);
    follow_cni();
    serve_tunnels();
    serve_links();
    serve_dns_upstream();
    update_bgp();
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

} // namespace labctl::supervisor
