#include <algorithm>
#include <array>

#include "labctl/compile/network.h"
#include "labctl/supervisor/attachments.h"
#include "labctl/supervisor/lab.h"
#include "netemu/base/error.h"
#include "netemu/base/log.h"
#include "netemu/kernel/ipvs.h"
#include "netemu/model/plan.h"

namespace labctl::supervisor {

using netemu::Clock;
using netemu::micros_since;

namespace {

constexpr const char* kRestoreRules = "restore iptables rules";

/// Tables that iptables-nft makes in a namespace for its own.
bool of_iptables(const netemu::NftTableInfo& table) {
    constexpr std::array kNames{"filter", "nat", "mangle", "raw", "security"};
    const bool family =
        table.family == netemu::NftFamily::Ip || table.family == netemu::NftFamily::Ip6;
    return family && std::find(kNames.begin(), kNames.end(), table.name) != kNames.end();
}

void add_operations(ChangeReport& report, const ChangeReport& more) {
    for (const auto& [what, count] : more.operations) {
        report.operations[what] += count;
    }
}

} // namespace

/// What Services and endpoints have become, on every node. The network itself is left alone, unless
/// an address of the load balancer has moved.
void Lab::update_proxies(ChangeReport& report) {
    const auto announced = proxies_->announcements();
    auto work = proxies_->update();
    drop_fronts_.forget();
    network_dirty_ = network_dirty_ || announced != proxies_->announcements();
    // Who ends is in no rule any more when it ceases to serve: then there is nothing else to do.
    if (work.empty() && proxies_->udp_changed()) {
        forget_connections();
    }
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
    proxies_->note_devices(observed_);
    if (proxies_->udp_changed()) {
        forget_connections();
    }
    schedule_sweep();
}

void Lab::schedule_sweep() {
    if (proxies_->has_stale() && sweep_timer_ == 0) {
        sweep_timer_ = loop_.after(compile::Proxies::sweep_delay(), [this] { sweep_proxies(); });
    }
}

/// IPVS's settings on every node. Written again they do no harm.
void Lab::prepare_ipvs() {
    if (proxies_->mode() != "ipvs") {
        return;
    }
    for (const auto& node : proxies_->nodes()) {
        netemu::write_ipvs_sysctls(kernel_->namespace_fd(compile::node_namespace(node.name)));
    }
}

/// A UDP client that keeps its port would go on to an endpoint that serves no more. A kernel
/// without connection tracking has no such memory, and no Services either.
void Lab::forget_connections() {
    if (on_settled_) {
        return; // the lab is coming up: nobody has had an answer yet
    }
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
    try {
        const netemu::Plan plan{
            proxies_->sweep([this](const std::string& ns) { return kernel_->virtual_servers(ns); })
                .operations};
        carry_out(plan, {});
        note_tables(plan.operations);
        proxies_->note_devices(observed_);
    } catch (const netemu::Error& error) {
        netemu::log_warning("supervisor", std::string("delete what is stale: ") + error.what());
    }
    schedule_sweep();
}

ChangeReport Lab::set_proxy_mode(const std::string& mode) {
    const auto begin = Clock::now();
    compile::check_proxy_mode(mode, "proxy mode");
    ChangeReport report;
    if (mode == proxies_->mode()) {
        return report;
    }
    if (mode == "ipvs") {
        netemu::require_ipvs();
    }
    cluster_->set_proxy_mode(mode);
    try {
        auto next = std::make_unique<compile::Proxies>(store_, cluster_->config());
        (void)next->update();
        if (next->restores_rules()) {
            switch_to_restored(std::move(next), report);
        } else {
            switch_to_tables(std::move(next), report);
        }
        dataplane_->keep_only_proxies(userspace_sockets(*proxies_));
    } catch (const netemu::Error&) {
        cluster_->set_proxy_mode(proxies_->mode());
        dataplane_->keep_only_proxies(userspace_sockets(*proxies_));
        journal_->flush();
        throw;
    }
    journal_->flush();
    report.elapsed_us = micros_since(begin);
    return report;
}

/// To the iptables or the userspace mode.
void Lab::switch_to_restored(std::unique_ptr<compile::Proxies> next, ChangeReport& report) {
    const auto& ranges = cluster_->config().service_cidrs;
    IptablesRules::require_tools(std::any_of(
        ranges.begin(), ranges.end(), [](const auto& range) { return range.address.is_v6(); }));
    dataplane_->serve_proxies(userspace_sockets(*next));
    if (proxies_->restores_rules()) {
        iptables_->replace(*proxies_, *next);
        report.operations[kRestoreRules] = next->nodes().size() * ranges.size();
        proxies_ = std::move(next);
        return;
    }
    try {
        iptables_->complete(*next);
    } catch (const netemu::Error&) {
        try {
            iptables_->remove(*next);
            delete_empty_iptables_tables();
        } catch (const netemu::Error& error) {
            netemu::log_warning(
                "supervisor", std::string("take back iptables rules: ") + error.what());
        }
        throw;
    }
    report.operations[kRestoreRules] = next->nodes().size() * ranges.size();
    proxies_ = std::move(next);
    network_dirty_ = true; // the tables are not wanted any more
    add_operations(report, build_network({}));
}

/// The tables of the present proxies, while what `before` has put beside tables is still there: the
/// addresses of the ipvs mode go when nothing needs them any more.
void Lab::bring_tables(const compile::Proxies& before, ChangeReport& report) {
    auto desired = desired_state();
    before.add_devices(desired);
    const auto plan = netemu::make_plan(desired, observed_);
    for (const auto& [what, count] : netemu::summarize(plan)) {
        report.operations[what] += count;
    }
    carry_out(plan, {});
    observed_ = netemu::expected_observation(desired);
}

/// To the nftables or the ipvs mode.
void Lab::switch_to_tables(std::unique_ptr<compile::Proxies> next, ChangeReport& report) {
    std::swap(proxies_, next);
    try {
        if (next->mode() == "ipvs") {
            bring_tables(*next, report);
        }
        network_dirty_ = true;
        add_operations(report, build_network({}));
        prepare_ipvs();
    } catch (const netemu::Error&) {
        std::swap(proxies_, next); // a table that is there already goes with the next change
        network_dirty_ = true;
        throw;
    }
    if (!next->restores_rules()) {
        return;
    }
    report.operations["remove iptables rules"] =
        next->nodes().size() * cluster_->config().service_cidrs.size();
    iptables_->remove(*next);
    delete_empty_iptables_tables();
}

/// What iptables-nft leaves behind when its last rule has gone.
void Lab::delete_empty_iptables_tables() {
    netemu::Plan plan;
    for (const auto& [name, info] : kernel_->observe().namespaces) {
        for (const auto& table : info.tables) {
            if (info.role == netemu::NamespaceRole::Node && of_iptables(table) &&
                table.counts.rules == 0) {
                plan.operations.emplace_back(netemu::DeleteTable{name, table.family, table.name});
            }
        }
    }
    kernel_->apply(plan);
}

/// What is there, but for the tables in which iptables keeps what it was told to load.
netemu::ObservedState Lab::observe() {
    auto observed = kernel_->observe();
    attachments_->filter(observed);
    forget_plugins(observed);
    if (!proxies_->restores_rules()) {
        return observed;
    }
    for (auto& [name, info] : observed.namespaces) {
        if (info.role == netemu::NamespaceRole::Node) {
            std::erase_if(info.tables, of_iptables);
        }
    }
    return observed;
}

std::map<std::string, std::vector<std::string>> Lab::rule_drift() const {
    if (!proxies_->restores_rules()) {
        return {};
    }
    return iptables_->drift(*proxies_);
}

netemu::Plan Lab::drift() {
    return netemu::make_plan(desired_state(), observe());
}

ChangeReport Lab::repair() {
    const auto begin = Clock::now();
    ChangeReport report;
    const auto plan = drift();
    report.operations = netemu::summarize(plan);
    carry_out(plan, {});
    serve_tunnels(); // a device that somebody has deleted is another one now
    serve_links();   // likewise
    const auto rules = rule_drift();
    for (const auto& [node, lines] : rules) {
        iptables_->distrust(node);
    }
    if (!rules.empty()) {
        report.operations[kRestoreRules] = rules.size();
        iptables_->complete(*proxies_);
    }
    report.elapsed_us = micros_since(begin);
    return report;
}

} // namespace labctl::supervisor
