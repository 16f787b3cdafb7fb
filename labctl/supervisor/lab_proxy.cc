#include <algorithm>
#include <array>

#include "labctl/compile/network.h"
#include "labctl/supervisor/lab.h"
#include "netemu/base/error.h"
#include "netemu/base/log.h"
#include "netemu/model/plan.h"

namespace labctl::supervisor {

using netemu::Clock;
using netemu::micros_since;

namespace {

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

ChangeReport Lab::set_proxy_mode(const std::string& mode) {
    const auto begin = Clock::now();
    compile::check_proxy_mode(mode, "proxy mode");
    ChangeReport report;
    if (mode == proxies_->mode()) {
        return report;
    }
    cluster_->set_proxy_mode(mode);
    try {
        auto next = std::make_unique<compile::Proxies>(store_, cluster_->config());
        (void)next->update();
        if (next->restores_rules()) {
            switch_to_restored(std::move(next), report);
        } else {
            switch_to_nftables(std::move(next), report);
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
        report.operations["restore iptables rules"] = next->nodes().size() * ranges.size();
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
            netemu::logger("supervisor")->warn("take back iptables rules: {}", error.what());
        }
        throw;
    }
    report.operations["restore iptables rules"] = next->nodes().size() * ranges.size();
    proxies_ = std::move(next);
    network_dirty_ = true; // the tables are not wanted any more
    add_operations(report, build_network({}));
}

void Lab::switch_to_nftables(std::unique_ptr<compile::Proxies> next, ChangeReport& report) {
    std::swap(proxies_, next);
    network_dirty_ = true;
    try {
        add_operations(report, build_network({}));
    } catch (const netemu::Error&) {
        std::swap(proxies_, next); // a table that is there already goes with the next change
        throw;
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
    const auto rules = rule_drift();
    for (const auto& [node, lines] : rules) {
        iptables_->distrust(node);
    }
    if (!rules.empty()) {
        report.operations["restore iptables rules"] = rules.size();
        iptables_->complete(*proxies_);
    }
    report.elapsed_us = micros_since(begin);
    return report;
}

} // namespace labctl::supervisor
