#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <string>
#include <vector>

#include <sched.h>
#include <sys/socket.h>
#include <unistd.h>

#include "netemu/base/error.h"
#include "netemu/kernel/kernel.h"
#include "netemu/model/plan.h"
#include "services/policy_tables.h"

/// Measures policies, alone in a user namespace of its own:
///
///     bench_policy [PODS [POLICIES [NODES [PODS_OF_THE_PATH]]]]
///
/// Prints one JSON object: milliseconds to compile the tables of all nodes and to load them (of a
/// clock, and of processor time, which a busy machine does not stretch), the median of one label
/// change (compiled and in the kernel of all nodes), and packets per second of processor time
/// through a node that forwards, with nothing but the tables of a lab without policies, and with
/// those of PODS_OF_THE_PATH pods more, in turns: of an established connection, and of one that is
/// never answered, so that each packet asks the policies anew.
namespace {

using Clock = std::chrono::steady_clock;
using namespace netemu;
using services::PolicyTables;

constexpr unsigned kTeams = 25;
constexpr unsigned kApps = 40;
constexpr unsigned kTurns = 40; // many and short: other guests of the host slow all of one down
constexpr auto kTurn = std::chrono::milliseconds(75);

double ms_since(Clock::time_point start) {
    return std::chrono::duration<double, std::milli>(Clock::now() - start).count();
}

double processor_ms() {
    timespec time{};
    check_syscall("read the clock", ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time));
    return static_cast<double>(time.tv_sec) * 1e3 + static_cast<double>(time.tv_nsec) / 1e6;
}

std::string numbered(const char* word, unsigned number) {
    return word + std::to_string(number);
}

services::LabelSelector app(unsigned number) {
    using services::LabelRequirement;
    return {{{"app", LabelRequirement::Operator::In, {numbered("app-", number % kApps)}}}};
}

services::PolicyPod pod(unsigned number, unsigned nodes) {
    services::PolicyPod made;
    made.ns = numbered("team-", number % kTeams);
    made.name = numbered("pod-", number);
    made.node = numbered("node-", number % nodes);
    made.labels = {{"app", numbered("app-", number / kTeams % kApps)}};
    made.ips = {IpAddress::parse("10.244.0.2")->plus(number)};
    made.ports = {{"http", services::Protocol::Tcp, 8080}};
    return made;
}

/// About eight of them select each pod: one of its namespace's twelve for all pods, others by app.
services::PolicyPtr policy(unsigned number) {
    services::Policy made;
    made.ns = numbered("team-", number % kTeams);
    made.name = numbered("policy-", number);
    const auto own = number / kTeams;
    made.subject = {made.ns, {}, own % 3 < 2 ? services::LabelSelector{} : app(number)};
    services::PolicyRule rule;
    rule.peers = {services::PodSelection{made.ns, {}, app(own)}};
    if (own % 4 == 0) {
        rule.peers->emplace_back(services::PodSelection{"", {}, app(own + 1)});
    }
    rule.ports = {services::PolicyPort{services::Protocol::Tcp, 8080, 8080, ""}};
    if (own % 2 == 0) {
        rule.ports->push_back({services::Protocol::Tcp, 9000, 9100, ""});
    }
    made.ingress = {rule};
    if (own % 3 == 0) {
        made.egress = {rule};
    }
    return std::make_shared<const services::Policy>(std::move(made));
}

void fill(PolicyTables& tables, unsigned pods, unsigned policies, unsigned nodes) {
    for (unsigned i = 0; i < nodes; ++i) {
        tables.put_node({numbered("node-", i), {}, {}});
    }
    for (unsigned i = 0; i < kTeams; ++i) {
        tables.put_namespace({numbered("team-", i), {}});
    }
    for (unsigned i = 0; i < pods; ++i) {
        tables.put_pod(pod(i, nodes));
    }
    for (unsigned i = 0; i < policies; ++i) {
        tables.put_policy(policy(i));
    }
}

std::vector<Operation> operations_of(PolicyTables& tables, const PolicyTables::Update& update) {
    std::vector<Operation> operations;
    for (const auto& node : update.added) {
        operations.emplace_back(ReplaceTable{node, *tables.table(node)});
    }
    for (const auto& [node, changes] : update.changed) {
        for (const auto& change : changes) {
            operations.emplace_back(ChangeTable{
                node,
                std::make_shared<const NftChange>(change),
                nft_identity(*tables.table(node))});
        }
    }
    return operations;
}

void measure_load(unsigned pods, unsigned policies, unsigned nodes) {
    const auto kernel = make_linux_kernel();
    for (unsigned i = 0; i < nodes; ++i) {
        kernel->apply(Plan{{CreateNamespace{numbered("node-", i), NamespaceRole::Node, {}}}});
    }
    PolicyTables tables({Family::V4});
    auto start = Clock::now();
    auto cpu = processor_ms();
    fill(tables, pods, policies, nodes);
    auto operations = operations_of(tables, tables.commit());
    const double compile_ms = ms_since(start);
    const double compile_cpu = processor_ms() - cpu;
    start = Clock::now();
    cpu = processor_ms();
    kernel->apply(Plan{std::move(operations)});
    const double load_ms = ms_since(start);
    const double load_cpu = processor_ms() - cpu;
    std::vector<double> changes;
    std::vector<double> used;
    std::vector<double> compiled;
    for (unsigned i = 0; i < 41; ++i) {
        auto changed = pod(i * 37 % pods, nodes);
        changed.labels = {{"app", numbered("app-", i % kApps)}, {"run", std::to_string(i)}};
        start = Clock::now();
        cpu = processor_ms();
        tables.put_pod(std::move(changed));
        operations = operations_of(tables, tables.commit());
        compiled.push_back(ms_since(start));
        kernel->apply(Plan{std::move(operations)});
        changes.push_back(ms_since(start));
        used.push_back(processor_ms() - cpu);
    }
    std::sort(changes.begin(), changes.end());
    std::sort(used.begin(), used.end());
    std::sort(compiled.begin(), compiled.end());
    const auto counts = nft_counts(*tables.table("node-0"));
    std::printf(
        "{\"pods\": %u, \"policies\": %u, \"nodes\": %u, \"compile_ms\": %.1f, \"load_ms\": %.1f, "
        "\"compile_cpu_ms\": %.1f, \"load_cpu_ms\": %.1f, \"label_change_cpu_ms\": %.2f, "
        "\"label_change_ms\": %.2f, \"label_change_max_ms\": %.2f, \"of_it_compile_ms\": %.2f, "
        "\"chains\": %zu, \"rules\": %zu, \"sets\": %zu, \"elements\": %zu, ",
        pods,
        policies,
        nodes,
        compile_ms,
        load_ms,
        compile_cpu,
        load_cpu,
        used[used.size() / 2],
        changes[changes.size() / 2],
        changes.back(),
        compiled[compiled.size() / 2],
        counts.chains,
        counts.rules,
        counts.sets,
        counts.elements);
}

// --- the path of a packet

LinkSpec loopback_up() {
    LinkSpec lo;
    lo.name = "lo";
    lo.index = 1;
    return lo;
}

LinkSpec eth0(const char* address, unsigned mac) {
    LinkSpec link;
    link.name = "eth0";
    link.index = 2;
    link.kind = VethPeerSpec{};
    link.mac = *MacAddress::parse("02:00:00:00:00:0" + std::to_string(mac));
    link.addresses = {*IpPrefix::parse(address)};
    return link;
}

LinkSpec port(const char* name, unsigned index, const char* peer, const LinkSpec& inner) {
    LinkSpec link;
    link.name = name;
    link.index = index;
    link.kind = VethSpec{peer, inner.name, inner.index, inner.mac};
    link.mac = *MacAddress::parse("0e:00:00:00:00:0" + std::to_string(index));
    return link;
}

/// A client and a server on either side of a node that routes, and masquerades nothing, but tracks.
DesiredState path() {
    DesiredState state;
    auto& node = state.namespaces["node-0"];
    node.role = NamespaceRole::Node;
    node.sysctls = {{"net/ipv4/ip_forward", "1"}};
    node.links = {loopback_up()};
    for (const unsigned side : {1U, 2U}) {
        const std::string name = side == 1 ? "client" : "server";
        const auto own = "10.244.0." + std::to_string(side + 1);
        const auto inner = eth0((own + "/32").c_str(), side);
        const auto outer = port(name.c_str(), side + 1, name.c_str(), inner);
        auto& pod_ns = state.namespaces[name];
        pod_ns.links = {loopback_up(), inner};
        const auto gateway = *IpAddress::parse("169.254.1.1");
        pod_ns.routes = {{*IpPrefix::parse("0.0.0.0/0"), gateway, "eth0", true}};
        pod_ns.neighbours = {{gateway, outer.mac, "eth0"}};
        node.links.push_back(outer);
        node.routes.push_back({*IpPrefix::parse(own + "/32"), {}, name, false});
        node.neighbours.push_back({*IpAddress::parse(own), inner.mac, name});
    }
    NftBase base;
    base.type = "nat";
    base.hook = NftHook::Postrouting;
    base.priority = 100;
    node.tables = {{NftFamily::Ip, "nat", {{"postrouting", base, {}}}}};
    return state;
}

/// Datagrams that the client can send through the node in a second of processor time; with
/// `answered`, after one was answered, so that the rest belongs to an established connection.
double packets_per_second(Kernel& kernel, bool answered) {
    sockaddr_storage storage{};
    const auto length = Endpoint::parse("10.244.0.3:8080")->to_sockaddr(storage);
    const auto* to = reinterpret_cast<const sockaddr*>(&storage);
    const auto server = kernel.open_socket("server", AF_INET, SOCK_DGRAM, 0);
    const auto client = kernel.open_socket("client", AF_INET, SOCK_DGRAM, 0);
    check_syscall("bind", ::bind(server.get(), to, length));
    check_syscall("connect", ::connect(client.get(), to, length));
    if (answered) {
        char byte = 'x';
        sockaddr_storage from{};
        socklen_t size = sizeof from;
        (void)::send(client.get(), &byte, 1, 0);
        (void)::recvfrom(server.get(), &byte, 1, 0, reinterpret_cast<sockaddr*>(&from), &size);
        (void)::sendto(server.get(), &byte, 1, 0, reinterpret_cast<sockaddr*>(&from), size);
        (void)::recv(client.get(), &byte, 1, 0);
    }
    const auto start = Clock::now();
    const auto cpu = processor_ms();
    std::size_t sent = 0;
    while (Clock::now() - start < kTurn) {
        for (int i = 0; i < 64; ++i, ++sent) {
            (void)::send(client.get(), "x", 1, 0);
        }
    }
    return static_cast<double>(sent) * 1000 / (processor_ms() - cpu);
}

double median(std::vector<double> values) {
    std::sort(values.begin(), values.end());
    return values[values.size() / 2];
}

/// Of figures that were taken in turns, each beside the one it is compared with.
double median_ratio(const std::vector<double>& values, const std::vector<double>& others) {
    std::vector<double> ratios;
    for (std::size_t i = 0; i < values.size(); ++i) {
        ratios.push_back(values[i] / others[i]);
    }
    return median(std::move(ratios));
}

/// A packet that is forwarded stays on the processor that sent it.
void stay_on_one_processor() {
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(::sched_getcpu(), &one);
    check_syscall("stay on one processor", ::sched_setaffinity(0, sizeof one, &one));
}

void measure_path(unsigned pods, unsigned policies) {
    stay_on_one_processor();
    const auto kernel = make_linux_kernel();
    kernel->apply(make_plan(path(), {}));
    PolicyTables tables({Family::V4});
    fill(tables, pods, policies, 1);
    services::Policy open; // the two of the path: selected, and allowed to talk
    open.ns = "team-0";
    open.name = "open";
    open.subject = {"team-0", {}, {}};
    open.ingress = {services::PolicyRule{}};
    open.egress = {services::PolicyRule{}};
    tables.put_policy(std::make_shared<const services::Policy>(open));
    open.ns = open.subject.ns = "team-1";
    tables.put_policy(std::make_shared<const services::Policy>(open));
    (void)tables.commit();
    std::vector<double> without;
    std::vector<double> with;
    std::vector<double> fresh_without;
    std::vector<double> fresh_with;
    for (unsigned turn = 0; turn < kTurns; ++turn) {
        without.push_back(packets_per_second(*kernel, true));
        fresh_without.push_back(packets_per_second(*kernel, false));
        kernel->apply(Plan{{ReplaceTable{"node-0", *tables.table("node-0")}}});
        with.push_back(packets_per_second(*kernel, true));
        fresh_with.push_back(packets_per_second(*kernel, false));
        kernel->apply(Plan{{DeleteTable{"node-0", NftFamily::Inet, "labctl"}}});
    }
    std::printf(
        "\"path_pods\": %u, \"packets_per_second_without\": %.0f, \"packets_per_second_with\": "
        "%.0f, \"ratio\": %.3f, \"ratio_never_answered\": %.3f}\n",
        pods,
        median(without),
        median(with),
        median_ratio(with, without),
        median_ratio(fresh_with, fresh_without));
}

unsigned argument(int count, char** words, int position, unsigned otherwise) {
    return count > position ? static_cast<unsigned>(std::stoul(words[position])) : otherwise;
}

} // namespace

int main(int count, char** words) {
    try {
        if (::geteuid() == 0) {
            check_syscall("leave for a network of our own", ::unshare(CLONE_NEWNET | CLONE_NEWNS));
        }
        const auto policies = argument(count, words, 2, 300);
        measure_load(argument(count, words, 1, 1000), policies, argument(count, words, 3, 3));
        measure_path(argument(count, words, 4, 5000), policies);
    } catch (const std::exception& error) {
        std::fprintf(stderr, "bench_policy: %s\n", error.what());
        return 1;
    }
    return 0;
}
