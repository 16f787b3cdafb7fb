#include <array>
#include <set>

#include <poll.h>
#include <sys/socket.h>

#include "labctl/compile/cni_profile.h"
#include "labctl/compile/network.h"
#include "labctl/compile/policies.h"
#include "labctl/compile/policy_enforcement.h"
#include "labctl/supervisor/lab.h"
#include "netemu/base/error.h"
#include "netemu/base/log.h"
#include "netemu/model/plan.h"

namespace labctl::supervisor {

namespace {

constexpr const char* kHookTestTable = "labctl-hook-test";
constexpr int kHookTestPriority = -10;     // before the policies: they have no say in it
constexpr std::uint16_t kHookTestPort = 9; // discard
constexpr std::uint8_t kHookTestProtocol = 17;
constexpr int kHookTestMs = 500;
constexpr std::chrono::milliseconds kAnswersOnTheirWay{100};

/// Two pods of one node.
struct Neighbours {
    std::string node_ns;
    std::string from_ns;
    netemu::IpAddress from;
    netemu::IpAddress to;
};

std::optional<Neighbours> find_neighbours(const services::PolicyCluster& cluster) {
    std::map<std::string, const services::PolicyPod*> seen; // by node
    for (const auto& [key, pod] : cluster.pods) {
        if (pod.host_network || pod.ips.empty()) {
            continue;
        }
        const auto [other, fresh] = seen.try_emplace(pod.node, &pod);
        if (!fresh && other->second->ips.front().family() == pod.ips.front().family()) {
            return Neighbours{
                compile::node_namespace(pod.node),
                compile::pod_namespace(pod.ns, pod.name),
                pod.ips.front(),
                other->second->ips.front()};
        }
    }
    return std::nullopt;
}

/// Refuses one packet from one neighbour to the other, and counts it.
netemu::NftTable hook_test_table(const Neighbours& pods) {
    using Match = netemu::NftMatchAddress;
    netemu::NftRule rule;
    rule.statements = {
        Match{Match::Field::Source, netemu::IpPrefix::host(pods.from), false},
        Match{Match::Field::Destination, netemu::IpPrefix::host(pods.to), false},
        netemu::NftMatchProtocol{kHookTestProtocol, false},
        netemu::NftMatchPort{
            netemu::NftMatchPort::Side::Destination, kHookTestPort, kHookTestPort, false},
        netemu::NftCounter{},
        netemu::NftReject{}};
    netemu::NftBase base;
    base.priority = kHookTestPriority;
    return {netemu::NftFamily::Inet, kHookTestTable, {{"forward", base, {std::move(rule)}}}};
}

/// Sends a datagram and waits for the refusal, which comes from the rule, or from the other pod if
/// no rule saw it.
void send_and_wait(const netemu::UniqueFd& socket, const netemu::IpAddress& to) {
    sockaddr_storage storage{};
    const auto length = netemu::Endpoint{to, kHookTestPort}.to_sockaddr(storage);
    netemu::check_syscall(
        "connect", ::connect(socket.get(), reinterpret_cast<sockaddr*>(&storage), length));
    netemu::check_syscall("send", static_cast<int>(::send(socket.get(), "?", 1, 0)));
    std::array<pollfd, 1> refusal{pollfd{socket.get(), POLLIN, 0}};
    (void)::poll(refusal.data(), refusal.size(), kHookTestMs);
}

/// An answer that was on its way when its connection was deleted begins one in the other direction,
/// and what was denied would go on as the answer to that. (TCP is not taken up in its middle.)
std::vector<netemu::Connection> answers_to(const std::vector<netemu::Connection>& denied) {
    std::vector<netemu::Connection> answers;
    answers.reserve(denied.size());
    for (const auto& each : denied) {
        answers.push_back(
            {each.protocol,
             each.reply_source,
             each.reply_destination,
             each.reply_destination,
             each.reply_source});
    }
    return answers;
}

void add_counts(ChangeReport& report, const netemu::Plan& plan) {
    for (const auto& [what, count] : netemu::summarize(plan)) {
        report.operations[what] += count;
    }
}

} // namespace

void Lab::start_policies() {
    policies_ = std::make_unique<compile::Policies>(store_, cluster_->config());
    (void)policies_->update(); // the tables come with the network
}

/// What policies and what they speak of have become, on every node.
void Lab::update_policies(ChangeReport& report) {
    const bool before = policies_->enforced();
    auto operations = policies_->update();
    // Whether the sources of pods are checked is a matter of the network.
    network_dirty_ = network_dirty_ || before != policies_->enforced();
    if (operations.empty()) {
        return;
    }
    std::set<std::string> changed; // elsewhere no verdict is another one than before
    for (const auto& operation : operations) {
        changed.insert(netemu::namespace_of(operation));
    }
    carry_out_policies(std::move(operations), report);
    if (cluster_->config().policy_established == "cut") {
        cut_connections(changed);
    }
}

void Lab::carry_out_policies(std::vector<netemu::Operation> operations, ChangeReport& report) {
    const netemu::Plan plan{std::move(operations)};
    add_counts(report, plan);
    carry_out(plan, {});
    note_tables(plan.operations);
    if (policies_->has_stale() && policy_sweep_timer_ == 0) {
        policy_sweep_timer_ =
            loop_.after(compile::Policies::sweep_delay(), [this] { sweep_policies(); });
    }
}

/// After the network is as the objects say.
void Lab::finish_policies() {
    auto [operations, addresses] = policies_->forget_removed_pods();
    if (!operations.empty()) {
        ChangeReport ignored;
        carry_out_policies(std::move(operations), ignored);
    }
    if (!addresses.empty()) {
        forget_addresses(addresses);
    }
    const auto& profile = compile::cni_profile(cluster_->config());
    if (!profile.enforces_policies) {
        warn_of_ignored_policies();
    } else if (policies_->enforced() && !policy_hook_tested_ && !profile.routed()) {
        test_policy_hook();
    }
}

/// Established connections that are not allowed any more (reference netpol.md 10.3): never all of
/// them, since one that is taken up in its middle would be dropped, allowed or not.
void Lab::cut_connections(const std::set<std::string>& namespaces) {
    for (const auto& node : policies_->nodes()) {
        const auto ns = compile::node_namespace(node);
        if (!namespaces.contains(ns)) {
            continue;
        }
        const auto denied = policies_->denied(node, kernel_->connections(ns));
        if (denied.empty()) {
            continue;
        }
        kernel_->delete_connections(ns, denied);
        loop_.after(kAnswersOnTheirWay, [this, ns, answers = answers_to(denied)] {
            try {
                kernel_->delete_connections(ns, answers);
            } catch (const netemu::Error& error) {
                netemu::log_debug("supervisor", "cut " + ns + ": " + error.what());
            }
        });
    }
}

/// Who gets one of these addresses next inherits no connection (7.4).
void Lab::forget_addresses(const std::vector<netemu::IpAddress>& addresses) {
    for (const auto& node : policies_->nodes()) {
        const auto ns = compile::node_namespace(node);
        const auto theirs = compile::connections_of(addresses, kernel_->connections(ns));
        if (!theirs.empty()) {
            kernel_->delete_connections(ns, theirs);
        }
    }
}

void Lab::sweep_policies() {
    policy_sweep_timer_ = 0;
    const netemu::Plan plan{policies_->sweep()};
    try {
        carry_out(plan, {});
        note_tables(plan.operations);
    } catch (const netemu::Error& error) {
        netemu::log_warning(
            "supervisor", std::string("delete stale chains of policies: ") + error.what());
    }
}

/// A policy that nothing enforces is the worst kind: it says so each time that there are more of
/// them, and for as long as there is one.
void Lab::warn_of_ignored_policies() {
    const auto count = compile::count_policies(store_);
    if (count > std::exchange(ignored_policies_, count)) {
        policy_warning_ =
            compile::ignored_policies_text(compile::cni_profile(cluster_->config()), count);
        announce_policy_warning();
    } else if (count == 0) {
        policy_warning_.clear();
    }
}

void Lab::announce_policy_warning() {
    netemu::log_error("supervisor", policy_warning_);
    for (const auto& lab : store_.list("Lab")) {
        cluster_->warn("policies", *lab, "PoliciesNotEnforced", policy_warning_);
    }
}

/// Whether the rules of a node see what its pods send to each other, tried once with one packet
/// between the first two pods that share a node: a bridge may keep it from them (10.1), and then
/// every policy would have a hole that nobody sees.
void Lab::test_policy_hook() {
    const auto pods = find_neighbours(policies_->cluster());
    if (!pods) {
        return; // the first two will be tried
    }
    policy_hook_tested_ = true;
    try {
        const auto table = hook_test_table(*pods);
        kernel_->apply({{netemu::ReplaceTable{pods->node_ns, table}}});
        send_and_wait(
            kernel_->open_socket(pods->from_ns, pods->from.af(), SOCK_DGRAM | SOCK_NONBLOCK, 0),
            pods->to);
        std::uint64_t seen = 0;
        for (const auto& rule : kernel_->read_rules(pods->node_ns, table.family, table.name)) {
            seen += rule.packets;
        }
        kernel_->apply({{netemu::DeleteTable{pods->node_ns, table.family, table.name}}});
        if (seen == 0) {
            policy_warning_ = "policies are NOT enforced between pods of one node: this kernel "
                              "does not show bridged packets to the rules (`modprobe br_netfilter` "
                              "on the host, then bring the lab up again)";
        }
    } catch (const netemu::Error& error) {
        policy_warning_ = std::string("could not test that policies see the traffic between pods "
                                      "of one node: ") +
                          error.what();
    }
    if (!policy_warning_.empty()) {
        announce_policy_warning();
    }
}

void Lab::describe_policies(api::Json& status) const {
    status["policies"] = {
        {"stored", compile::count_policies(store_)},
        {"enforced", policies_->tables().cluster().policies.size()},
        {"established", cluster_->config().policy_established},
        {"profiles", policies_->tables().profiles()}};
    if (!policy_warning_.empty()) {
        status["policies"]["warning"] = policy_warning_;
    }
}

} // namespace labctl::supervisor
