#include <algorithm>
#include <array>
#include <chrono>
#include <fstream>
#include <map>
#include <optional>
#include <set>

#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <boost/test/unit_test.hpp>

#include "labctl/compile/network.h"
#include "netemu/base/error.h"
#include "netemu/kernel/kernel.h"
#include "netemu/model/plan.h"
#include "services/policy_evaluator.h"
#include "services/policy_tables.h"
#include "tests/support/cluster.h"
#include "tests/support/netns_main.h"
#include "tests/support/policy_random.h"
#include "tests/support/random_policies.h"
#include "tests/unit/policy_fixture.h"

using labctl::compile::compile_network;
using labctl::compile::node_namespace;
using labctl::compile::pod_namespace;
using namespace netemu;
using namespace netemu::test;
using namespace services::test;
using services::PolicyCluster;
using services::PolicyFlow;
using services::PolicyPod;

namespace {

using Steady = std::chrono::steady_clock;
constexpr std::array<std::uint16_t, 3> kPorts{80, 81, 8080};
constexpr auto kPatience = std::chrono::seconds(10);
constexpr int kAttempts = 3;

struct Datagram {
    PolicyFlow flow;
    bool expected = false;
    [[nodiscard]] std::string text() const {
        return flow.from.address.to_string() + " -> " + flow.to.address.to_string() + " UDP " +
               std::to_string(flow.port);
    }
};

/// Two nodes with six pods in two namespaces, in both families, wired as a lab wires them; policies
/// as values, in the kernel.
struct Arena : labctl::test::Cluster {
    Arena() : Cluster(2, {"10.244.0.0/16", "fd00:10:244::/56"}) {
        for (const std::string ns : {"x", "y"}) {
            cluster.namespaces[ns] = {ns, {{"team", ns == "x" ? "a" : "b"}}};
        }
        for (const std::string node : {"node-1", "node-2"}) {
            cluster.nodes[node] = {node, {{"zone", node == "node-1" ? "a" : "b"}}, {}};
        }
        add(1, "x", "a", 2);
        add(1, "x", "b", 3);
        add(1, "y", "a", 4);
        add(2, "x", "c", 2);
        add(2, "y", "b", 3);
        add(2, "y", "c", 4);
        store.put(
            {{{"apiVersion", "networking.k8s.io/v1"},
              {"kind", "NetworkPolicy"},
              {"metadata", {{"name", "any"}, {"namespace", "x"}}}},
             {}}); // the network checks sources if there is one
        const auto desired = compile_network(store, config);
        kernel->apply(make_plan(desired, {}));
        listen();
    }

    void add(unsigned node, const std::string& ns, const std::string& name, unsigned offset) {
        add_pod(node, ns, name, offset);
        const auto number = std::to_string(node);
        const auto last = std::to_string(offset);
        cluster.pods[{ns, name}] = {
            ns,
            name,
            "node-" + number,
            {{"pod", name}},
            {*IpAddress::parse("10.244." + number + "." + last),
             *IpAddress::parse("fd00:10:244:" + number + "::" + last)},
            false,
            {{"web", services::Protocol::Tcp, 80}, {"alt", services::Protocol::Udp, 81}}};
    }

    UniqueFd
    socket_in(const PolicyPod& pod, const IpAddress& address, int type, std::uint16_t port) {
        auto fd = kernel->open_socket(
            pod_namespace(pod.ns, pod.name), address.af(), type | SOCK_NONBLOCK, 0);
        sockaddr_storage storage{};
        const auto length = Endpoint{address, port}.to_sockaddr(storage);
        check_syscall(
            "bind", ::bind(fd.get(), reinterpret_cast<const sockaddr*>(&storage), length));
        return fd;
    }

    void listen() {
        for (const auto& [key, pod] : cluster.pods) {
            for (const auto& address : pod.ips) {
                for (const auto port : kPorts) {
                    listeners.push_back(socket_in(pod, address, SOCK_DGRAM, port));
                }
            }
        }
    }

    /// Brings the kernel to what the cluster says, by small changes.
    void enforce() {
        for (const auto& [name, node] : cluster.nodes) {
            tables.put_node(node);
        }
        for (const auto& [name, ns] : cluster.namespaces) {
            tables.put_namespace(ns);
        }
        for (const auto& [key, pod] : cluster.pods) {
            tables.put_pod(pod);
        }
        const auto before = tables.cluster().policies;
        for (const auto& [key, policy] : before) {
            if (!cluster.policies.contains(key)) {
                tables.remove_policy(key);
            }
        }
        for (const auto& [key, policy] : cluster.policies) {
            tables.put_policy(policy);
        }
        auto update = tables.commit();
        std::vector<Operation> operations;
        for (const auto& node : update.removed) {
            operations.emplace_back(DeleteTable{node_namespace(node), NftFamily::Inet, "labctl"});
        }
        for (const auto& node : update.added) {
            operations.emplace_back(ReplaceTable{node_namespace(node), *tables.table(node)});
        }
        add_changes(update.changed, operations);
        kernel->apply(Plan{std::move(operations)});
    }

    void sweep() {
        std::vector<Operation> operations;
        add_changes(tables.sweep(), operations);
        kernel->apply(Plan{std::move(operations)});
    }

    void add_changes(
        const std::map<std::string, std::vector<NftChange>>& changed,
        std::vector<Operation>& out) const {
        for (const auto& [node, changes] : changed) {
            for (const auto& change : changes) {
                out.emplace_back(ChangeTable{
                    node_namespace(node),
                    std::make_shared<const NftChange>(change),
                    nft_identity(*tables.table(node))});
            }
        }
    }

    nlohmann::json listed(const std::string& node) {
        return json_in(
                   kernel->namespace_fd(node_namespace(node)),
                   {"nft", "-j", "list", "table", "inet", "labctl"})
            .at("nftables");
    }

    /// What nft says that drop rules have counted.
    std::size_t dropped() {
        std::size_t count = 0;
        for (const std::string node : {"node-1", "node-2"}) {
            if (tables.table(node) == nullptr) {
                continue;
            }
            for (const auto& each : listed(node)) {
                if (!each.contains("rule") || !each["rule"]["expr"].back().contains("drop")) {
                    continue;
                }
                for (const auto& expression : each["rule"]["expr"]) {
                    if (expression.contains("counter")) {
                        count += expression["counter"]["packets"].get<std::size_t>();
                    }
                }
            }
        }
        return count;
    }

    /// Every pod to every other one, each port, both families: one datagram from a fresh port.
    std::vector<Datagram> everything() {
        const services::PolicyEvaluator evaluator(cluster);
        std::vector<Datagram> all;
        for (const auto& [from_key, from] : cluster.pods) {
            for (const auto& [to_key, to] : cluster.pods) {
                for (std::size_t i = 0; from_key != to_key && i < from.ips.size(); ++i) {
                    for (const auto port : kPorts) {
                        Datagram made;
                        made.flow = {
                            {&from, nullptr, from.ips[i]},
                            {&to, nullptr, to.ips[i]},
                            services::Protocol::Udp,
                            port};
                        made.expected = evaluator.evaluate(made.flow).allowed;
                        all.push_back(made);
                    }
                }
            }
        }
        return all;
    }

    /// The numbers of the datagrams that have come.
    std::set<std::size_t> receive() {
        std::set<std::size_t> arrived;
        std::array<char, 64> text{};
        for (const auto& listener : listeners) {
            for (ssize_t size = 0;
                 (size = ::recv(listener.get(), text.data(), text.size(), 0)) > 0;) {
                arrived.insert(
                    std::stoul(std::string(text.data(), static_cast<std::size_t>(size))));
            }
        }
        return arrived;
    }

    void send(const Datagram& datagram, std::size_t number) {
        const auto& flow = datagram.flow;
        const auto fd = socket_in(*flow.from.pod, flow.from.address, SOCK_DGRAM, 0);
        sockaddr_storage storage{};
        const auto length = Endpoint{flow.to.address, flow.port}.to_sockaddr(storage);
        const auto text = std::to_string(number);
        const auto sent = ::sendto(
            fd.get(),
            text.data(),
            text.size(),
            0,
            reinterpret_cast<const sockaddr*>(&storage),
            length);
        BOOST_REQUIRE_MESSAGE(
            sent == static_cast<ssize_t>(text.size()),
            datagram.text() << ": " << errno_text(errno));
    }

    /// Sends all of them, waits until each one has arrived or was counted by a drop rule, and
    /// returns those that arrived; nullopt if some were neither in time.
    std::optional<std::set<std::size_t>> send_all(const std::vector<Datagram>& all) {
        const auto before = dropped();
        for (std::size_t i = 0; i < all.size(); ++i) {
            send(all[i], i);
        }
        std::set<std::size_t> arrived;
        const auto end = Steady::now() + kPatience;
        do {
            arrived.merge(receive());
            if (arrived.size() + dropped() - before == all.size()) {
                return arrived;
            }
        } while (Steady::now() < end);
        return std::nullopt;
    }

    /// On a busy machine the kernel may lose a datagram for reasons of its own (a full queue, an
    /// IPv6 address whose route its worker has not made yet): then all of them are sent again.
    void compare(const std::string& what) {
        const auto all = everything();
        std::optional<std::set<std::size_t>> arrived;
        for (int attempt = 0; attempt < kAttempts && !arrived; ++attempt) {
            arrived = send_all(all);
        }
        BOOST_REQUIRE_MESSAGE(arrived, what << ": some neither arrive nor are counted");
        for (std::size_t i = 0; i < all.size(); ++i) {
            BOOST_TEST(
                arrived->contains(i) == all[i].expected,
                what << ": " << all[i].text() << (all[i].expected ? " is lost" : " got through"));
        }
    }

    /// The first flow with which the kernel does not do what the evaluator says, or "". Waits for
    /// those that should arrive alone, which is quicker than `compare`; one that should not and
    /// comes late is told of by the next call, as numbers are not used twice.
    std::string disagreement() {
        const auto all = everything();
        std::set<std::size_t> arrived;
        std::size_t first = 0;
        for (int attempt = 0; attempt < kAttempts; ++attempt) {
            first = next_number;
            for (const auto& datagram : all) {
                send(datagram, next_number++);
            }
            if (auto late = arrivals(all, first, arrived); !late.empty()) {
                return late;
            }
            if (arrived.size() >= expected_of(all)) {
                break;
            }
        }
        for (std::size_t i = 0; i < all.size(); ++i) {
            if (arrived.contains(first + i) != all[i].expected) {
                return all[i].text() + (all[i].expected ? " is lost" : " got through");
            }
        }
        return {};
    }

    static std::size_t expected_of(const std::vector<Datagram>& all) {
        return static_cast<std::size_t>(std::count_if(
            all.begin(), all.end(), [](const Datagram& each) { return each.expected; }));
    }

    /// Into `arrived` those from `first` on, until there are as many as should be, or for a second.
    std::string
    arrivals(const std::vector<Datagram>& all, std::size_t first, std::set<std::size_t>& arrived) {
        const auto end = Steady::now() + std::chrono::seconds(1);
        arrived.clear();
        do {
            for (const auto number : receive()) {
                if (number < first && denied.contains(number)) {
                    return "of the policies before: " + denied.at(number) + " got through";
                }
                if (number >= first) {
                    arrived.insert(number);
                }
            }
        } while (arrived.size() < expected_of(all) && Steady::now() < end);
        denied.clear();
        for (std::size_t i = 0; i < all.size(); ++i) {
            if (!all[i].expected && !arrived.contains(first + i)) {
                denied[first + i] = all[i].text();
            }
        }
        return {};
    }

    std::unique_ptr<Kernel> kernel = make_linux_kernel();
    PolicyCluster cluster;
    services::PolicyTables tables{{Family::V4, Family::V6}};
    std::vector<UniqueFd> listeners;
    std::size_t next_number = 0;               // of a datagram of `disagreement`
    std::map<std::size_t, std::string> denied; // of its last call, by number
};

/// Whether the kernel does something else with these policies than the evaluator says.
bool disagree_in_the_kernel(const PolicyCluster& some) {
    Arena arena;
    arena.cluster = some;
    arena.enforce();
    return !arena.disagreement().empty();
}

/// Each has kChanges sets of policies.
constexpr unsigned kSeeds = 200;
constexpr unsigned kChanges = 12;

unsigned number_from(const char* variable, unsigned otherwise) {
    const char* text = std::getenv(variable);
    return text == nullptr ? otherwise : static_cast<unsigned>(std::stoul(text));
}

/// Who we are outside of our user namespace (user_namespaces(7), uid_map).
unsigned outer_user() {
    unsigned inside = 0;
    unsigned outside = 0;
    std::ifstream("/proc/self/uid_map") >> inside >> outside;
    return outside;
}

} // namespace

BOOST_AUTO_TEST_SUITE(policy_in_the_kernel)

// LABCTL_POLICY_SEED and LABCTL_POLICY_ROUNDS: the first seed, and how many. Root and an ordinary
// user begin with different ones.
BOOST_AUTO_TEST_CASE(random_policies_do_what_the_evaluator_says) {
    Arena arena;
    const auto as_made = arena.cluster;
    const auto first = number_from("LABCTL_POLICY_SEED", 1 + outer_user());
    const auto seeds = number_from("LABCTL_POLICY_ROUNDS", kSeeds);
    for (unsigned seed = first; seed < first + seeds; ++seed) {
        RandomPolicies random(seed);
        arena.cluster = as_made;
        for (unsigned change = 0; change < kChanges; ++change) {
            random.change(arena.cluster);
            arena.enforce();
            if (change == kChanges / 2) {
                arena.sweep();
            }
            if (const auto found = arena.disagreement(); !found.empty()) {
                const auto least = shrink(arena.cluster, disagree_in_the_kernel);
                BOOST_FAIL(
                    "seed " << seed << " (LABCTL_POLICY_SEED), change " << change << ": " << found
                            << "\n"
                            << to_text(least));
            }
        }
    }
    // Every datagram of the last one has arrived, or is in the counter of a rule that drops.
    arena.compare("the last one");
}

BOOST_AUTO_TEST_CASE(nft_reads_back_what_was_meant) {
    Arena arena;
    const auto policy = network_policy(
        "x/web",
        "pod=a",
        std::vector{rule(
            std::vector<services::PolicyPeer>{
                local("x", "pod=b"), block("10.244.2.0/24", {"10.244.2.4/32"})},
            {"80", "8080-8090", "alt/UDP"})});
    arena.cluster.policies[policy_key(policy)] = std::make_shared<const services::Policy>(policy);
    arena.enforce();
    std::map<std::string, nlohmann::json> sets;
    std::map<std::string, std::size_t> rules;
    std::string drop;
    for (const auto& each : arena.listed("node-1")) {
        if (each.contains("set")) {
            sets[each["set"]["name"]] = each["set"];
        } else if (each.contains("rule")) {
            ++rules[each["rule"]["chain"]];
            if (each["rule"].value("comment", "").starts_with("isolated by")) {
                drop = each["rule"]["expr"].dump();
            }
        }
    }
    const auto set_like = [&](const std::string& head, const std::string& tail) {
        for (const auto& [name, set] : sets) {
            if (name.starts_with(head) && name.ends_with(tail)) {
                return set.value("elem", nlohmann::json::array());
            }
        }
        return nlohmann::json("no set " + head);
    };
    BOOST_TEST(set_like("pods-", "-4") == nlohmann::json({"10.244.1.3"}));
    BOOST_TEST(set_like("pods-", "-6") == nlohmann::json({"fd00:10:244:1::3"}));
    BOOST_TEST(set_like("block-", "-4").size() == 2U); // around the except
    BOOST_TEST(set_like("named-", "-4").size() == 6U); // one of each pod
    std::size_t in_policy = 0;
    for (const auto& [chain, count] : rules) {
        in_policy += chain.starts_with("ingress-policy-") ? count : 0;
    }
    // Pods of either family, blocks of IPv4: times one port, a range, and names of that family.
    BOOST_TEST(in_policy == 9U);
    BOOST_TEST(drop.find("\"group\":100") != std::string::npos, drop);
    BOOST_TEST(drop.find("\"prefix\":\"labctl ingress/np/") != std::string::npos, drop);
    BOOST_TEST((arena.tables.table("node-2") != nullptr));
    std::size_t chains_there = 0;
    for (const auto& each : arena.listed("node-2")) {
        chains_there += each.contains("chain") ? 1 : 0;
    }
    BOOST_TEST(chains_there == 8U); // nobody there is selected: the frame alone
}

// A pod sends from its own addresses only; of others neither datagrams nor ARP get anywhere.
BOOST_AUTO_TEST_CASE(spoofed_sources_go_nowhere) {
    Arena arena;
    const auto counted = [&] {
        std::map<std::string, std::size_t> found;
        const auto list = json_in(
            arena.kernel->namespace_fd("node/node-1"),
            {"nft", "-j", "list", "table", "bridge", "cni-sources"});
        std::size_t number = 0;
        for (const auto& each : list.at("nftables")) {
            if (each.contains("rule")) {
                for (const auto& expression : each["rule"]["expr"]) {
                    if (expression.contains("counter")) {
                        found[std::to_string(number)] = expression["counter"]["packets"];
                    }
                }
                ++number;
            }
        }
        return found;
    };
    const auto pod = arena.kernel->namespace_fd("pod/x/a");
    // Another's address, given to its own loopback: it may be bound, but does not get out.
    BOOST_TEST(run_in(pod, {"ip", "addr", "add", "10.244.1.3/32", "dev", "lo"}).status == 0);
    BOOST_TEST(
        run_in(pod, {"ip", "addr", "add", "fd00:10:244:1::3/128", "dev", "lo", "nodad"}).status ==
        0);
    BOOST_TEST(
        run_in(pod, {"ping", "-c", "1", "-W", "1", "-I", "10.244.1.3", "10.244.1.4"}).status != 0);
    BOOST_TEST(
        run_in(pod, {"ping", "-c", "1", "-W", "1", "-I", "fd00:10:244:1::3", "fd00:10:244:1::4"})
            .status != 0);
    const auto after = counted();
    BOOST_TEST(after.size() == 3U);
    BOOST_TEST(after.at("0") >= 1U);
    BOOST_TEST(after.at("2") >= 1U);
    BOOST_TEST(run_in(pod, {"ping", "-c", "1", "-W", "2", "10.244.1.4"}).status == 0);
    BOOST_TEST(run_in(pod, {"ping", "-c", "1", "-W", "2", "fd00:10:244:1::4"}).status == 0);
    BOOST_TEST(counted() == after);
    // ARP: "I am 10.244.1.3".
    std::array<unsigned char, 42> frame{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02, 0,   0, 0, 0,
                                        1,    0x08, 0x06, 0,    1,    0x08, 0,    6,   4, 0, 1,
                                        0x02, 0,    0,    0,    0,    1,    10,   244, 1, 3, 0,
                                        0,    0,    0,    0,    0,    10,   244,  1,   4};
    const auto raw = arena.kernel->open_socket("pod/x/a", AF_PACKET, SOCK_RAW, 0);
    sockaddr_storage storage{};
    auto* link = reinterpret_cast<unsigned char*>(&storage);
    const std::uint16_t family = AF_PACKET;
    const int index = 20; // eth0, see labctl/compile/network_view.h
    std::copy_n(reinterpret_cast<const unsigned char*>(&family), sizeof family, link);
    std::copy_n(reinterpret_cast<const unsigned char*>(&index), sizeof index, link + 4);
    check_syscall(
        "send a frame",
        static_cast<int>(::sendto(
            raw.get(), frame.data(), frame.size(), 0, reinterpret_cast<sockaddr*>(&storage), 20)));
    const auto end = Steady::now() + kPatience;
    while (counted().at("1") == 0 && Steady::now() < end) {
    }
    BOOST_TEST(counted().at("1") == 1U);
}

BOOST_AUTO_TEST_CASE(all_connections_are_listed_and_deleted_one_by_one) {
    Arena arena;
    const auto policy = network_policy("x/any", "", std::vector{rule()});
    arena.cluster.policies[policy_key(policy)] = std::make_shared<const services::Policy>(policy);
    arena.enforce();
    const auto pod = arena.kernel->namespace_fd("pod/x/a");
    BOOST_TEST(run_in(pod, {"ping", "-c", "1", "-W", "2", "10.244.1.3"}).status == 0);
    BOOST_TEST(run_in(pod, {"ping", "-c", "1", "-W", "2", "fd00:10:244:1::3"}).status == 0);
    const auto of = [&](std::uint8_t protocol) {
        std::vector<Connection> found;
        for (const auto& each : arena.kernel->connections("node/node-1")) {
            if (each.protocol == protocol) {
                found.push_back(each);
            }
        }
        return found;
    };
    for (const int protocol : {int{IPPROTO_ICMP}, int{IPPROTO_ICMPV6}}) {
        const auto number = static_cast<std::uint8_t>(protocol);
        const auto pings = of(number);
        BOOST_REQUIRE(pings.size() == 1U);
        BOOST_TEST(
            (pings.front().source.address ==
             arena.cluster.pods.at({"x", "a"}).ips.at(protocol == IPPROTO_ICMP ? 0 : 1)));
        BOOST_TEST(arena.kernel->delete_connections("node/node-1", pings) == 1U);
        BOOST_TEST(of(number).empty());
    }
}

BOOST_AUTO_TEST_SUITE_END()
