#include <atomic>
#include <random>
#include <thread>

#include <sched.h>
#include <sys/socket.h>

#include <boost/test/unit_test.hpp>

#include "netemu/base/text.h"
#include "netemu/base/unique_fd.h"
#include "services/nftables_proxy.h"
#include "services/service_map.h"
#include "tests/netns/kernel_fixture.h"
#include "tests/unit/services_fixture.h"

using namespace services;
using namespace services::test;
using netemu::test::KernelFixture;
using netemu::test::run_in;

namespace {

const SlicePort kWebPort{"p80", Protocol::Tcp, 8080, ""};
constexpr const char* kChanged = "node/a";
constexpr const char* kFresh = "node/b";

struct ProxyFixture : KernelFixture {
    ProxyFixture() { create({kChanged, kFresh}); }

    void replace(const char* where, const netemu::NftTable& table) {
        apply({netemu::ReplaceTable{where, table}});
    }
    void change(std::vector<netemu::NftChange> changes, const netemu::NftTable& after) {
        for (auto& one : changes) {
            netemu::ChangeTable operation;
            operation.ns = kChanged;
            operation.change = std::make_shared<const netemu::NftChange>(std::move(one));
            operation.after = netemu::nft_identity(after);
            apply({operation});
        }
    }
    /// What nft lists, in an order that does not depend on history.
    std::vector<std::string> listed(const char* where) {
        const auto output =
            run_in(kernel->namespace_fd(where), {"nft", "list", "table", "ip", "kube-proxy"});
        BOOST_REQUIRE_MESSAGE(output.status == 0, output.err);
        std::vector<std::string> lines;
        std::string block;
        std::string line;
        for (const char c : output.out) {
            if (c == '\n' || c == ',') {
                const auto first = line.find_first_not_of(" \t");
                line.erase(0, first == std::string::npos ? line.size() : first);
                if (line.starts_with("elements = { ")) {
                    line.erase(0, 13);
                }
                if (line.ends_with(" }")) {
                    line.resize(line.size() - 2);
                }
                if (line.starts_with("chain ") || line.starts_with("set ") ||
                    line.starts_with("map ")) {
                    block = line;
                }
                // Blank lines and braces depend on which chain comes last.
                if (line.size() > 1 && !line.starts_with("comment \"digest")) {
                    lines.push_back(block + " " + line);
                }
                line.clear();
            } else {
                line += c;
            }
        }
        std::sort(lines.begin(), lines.end());
        return lines;
    }
};

/// Connects COUNT times from the node to ADDRESS:PORT and counts who answered.
constexpr const char* kCountAnswers = R"(
import socket, sys, threading
address, port, count = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
def serve(sock, name):
    while True:
        peer, _ = sock.accept()
        peer.sendall(name.encode())
        peer.close()
for name in sys.argv[4:]:
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.bind((name, 8080))
    sock.listen(128)
    threading.Thread(target=serve, args=(sock, name), daemon=True).start()
seen = {}
for _ in range(count):
    with socket.create_connection((address, port), timeout=5) as client:
        name = client.recv(64).decode()
        seen[name] = seen.get(name, 0) + 1
for name in sys.argv[4:]:
    print(seen.get(name, 0))
)";

/// Sends datagrams to 172.30.0.41:80 in a namespace, each from a port of its own and so to an
/// endpoint of its own, as long as it lives.
class Knocker {
public:
    explicit Knocker(int ns) : thread_([this, ns] { run(ns); }) {}
    ~Knocker() {
        over_ = true;
        thread_.join();
    }
    Knocker(const Knocker&) = delete;
    Knocker& operator=(const Knocker&) = delete;

    [[nodiscard]] int sent() const { return sent_; }

private:
    void run(int ns) {
        sockaddr_storage to{};
        const auto length = netemu::Endpoint{ip("172.30.0.41"), 80}.to_sockaddr(to);
        if (::setns(ns, CLONE_NEWNET) != 0) {
            return;
        }
        while (!over_ && sent_ < kDatagramsMax) {
            const netemu::UniqueFd fd{::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)};
            const auto* address = reinterpret_cast<const sockaddr*>(&to);
            const auto result = ::sendto(fd.get(), "x", 1, 0, address, length);
            sent_ += result == 1 || errno == EPERM ? 1 : 0; // EPERM: dropped by the watch
        }
    }
    static constexpr int kDatagramsMax = 200'000;
    std::atomic<bool> over_ = false;
    std::atomic<int> sent_ = 0;
    std::thread thread_; // last: it uses the others
};

/// Counts what leaves a node for a service address that nothing has translated, and drops the rest
/// on its way, so that it costs no connection tracking.
constexpr const char* kWatch = "table ip watch { chain out { type filter hook output priority -50; "
                               "ip daddr 172.30.0.41 counter drop; udp dport 8080 drop; }; }";

Service random_service(std::mt19937& random, unsigned number) {
    const auto one_in = [&](unsigned n) { return random() % n == 0; };
    auto made = service("ns/s" + std::to_string(number), "172.30.0.1");
    made.cluster_ips = {ip("172.30.0.1").plus(number)};
    made.client_ip_affinity = one_in(4);
    made.affinity_timeout_seconds = one_in(2) ? 60 : 600;
    made.internal_policy = one_in(4) ? TrafficPolicy::Local : TrafficPolicy::Cluster;
    made.external_policy = one_in(2) ? TrafficPolicy::Local : TrafficPolicy::Cluster;
    if (one_in(2)) {
        made.ports[0].node_port = static_cast<std::uint16_t>(30000 + number);
        made.external_ips = {ip("192.0.2.1").plus(number)};
        made.load_balancer = {{ip("198.51.100.1").plus(number), IpMode::Vip}};
        made.source_ranges = {range("203.0.113.0/25"), range("192.168.0.0/24")};
    }
    return made;
}

std::vector<Endpoint> random_endpoints(std::mt19937& random) {
    std::vector<Endpoint> made;
    for (unsigned i = 0; i < random() % 4; ++i) {
        const auto address = "10.0.1." + std::to_string(1 + random() % 9);
        made.push_back(ready(address.c_str(), random() % 2 == 0 ? "n1" : "n2"));
    }
    return made;
}

} // namespace

BOOST_FIXTURE_TEST_SUITE(services_nftables, ProxyFixture)

BOOST_AUTO_TEST_CASE(the_kernel_takes_the_table_of_kube_proxys_own_test) {
    replace(kFresh, nft_table(overall()));
    const auto lines = listed(kFresh);
    const auto has = [&](const std::string& line) {
        const bool found = std::find(lines.begin(), lines.end(), line) != lines.end();
        BOOST_TEST(found, "not listed: " << line << "\n" << netemu::join(lines, "\n"));
    };
    has("chain external-42NFTM6N-ns2/svc2/tcp/p80 { fib saddr type local jump mark-for-masquerade "
        "comment \"ns2/svc2:p80 masquerade local traffic\"");
    has("chain endpoint-GTK6MW7G-ns5/svc5/tcp/p80__10.180.0.3/80 { ip saddr 10.180.0.3 jump "
        "mark-for-masquerade comment \"ns5/svc5:p80 hairpin\"");
    has("map no-endpoint-nodeports { tcp . 3001 comment \"ns2/svc2:p80\" : drop");
}

BOOST_AUTO_TEST_CASE(small_changes_end_where_a_fresh_table_begins) {
    for (const auto layout : {NftLayout::Readable, NftLayout::Scale}) {
        std::mt19937 random{3};
        ServiceMap map{Family::V4};
        NftPartCache cache{config(), layout};
        NftProxy proxy{Family::V4, node(), cache};
        replace(kChanged, proxy.table());
        for (int step = 0; step < 60; ++step) {
            const auto number = static_cast<unsigned>(random() % 5);
            const auto made = random_service(random, number);
            const auto one = slice("ns/" + made.name, kWebPort, random_endpoints(random));
            const std::vector slices{&one};
            change(
                proxy.update(
                    random() % 5 == 0 ? map.remove("ns", made.name) : map.update(made, slices)),
                proxy.table());
            if (step % 7 == 6) {
                change(proxy.sweep(), proxy.table());
            }
        }
        change(proxy.sweep(), proxy.table());
        replace(kFresh, proxy.table());
        BOOST_TEST(listed(kChanged) == listed(kFresh), boost::test_tools::per_element());
    }
}

// 2.1, 13.5: one endpoint of three at random: chi-square with 2 degrees of freedom is above 13.8
// once in a thousand honest runs.
BOOST_AUTO_TEST_CASE(real_connections_are_spread_evenly) {
    const auto fd = kernel->namespace_fd(kFresh);
    run_in(fd, {"ip", "link", "set", "lo", "up"});
    for (const auto* address : {"192.168.0.2", "10.0.1.1", "10.0.1.2", "10.0.1.3"}) {
        run_in(fd, {"ip", "addr", "add", std::string{address} + "/32", "dev", "lo"});
    }
    run_in(fd, {"ip", "route", "add", "172.30.0.0/16", "dev", "lo", "src", "192.168.0.2"});
    const auto made = service("ns/web", "172.30.0.41", 30080);
    const auto one = slice(
        "ns/web",
        kWebPort,
        {ready("10.0.1.1", "n1"), ready("10.0.1.2", "n1"), ready("10.0.1.3", "n1")});
    for (const auto layout : {NftLayout::Readable, NftLayout::Scale}) {
        ServiceMap map{Family::V4};
        NftPartCache cache{config(), layout};
        NftProxy proxy{Family::V4, node(), cache};
        const std::vector slices{&one};
        proxy.fill(map.update(made, slices));
        replace(kFresh, proxy.table());
        for (const auto& [address, port] :
             {std::pair{"172.30.0.41", "80"}, std::pair{"192.168.0.2", "30080"}}) {
            constexpr int kConnections = 900;
            const auto output = run_in(
                fd,
                {"python3",
                 "-c",
                 kCountAnswers,
                 address,
                 port,
                 std::to_string(kConnections),
                 "10.0.1.1",
                 "10.0.1.2",
                 "10.0.1.3"});
            BOOST_REQUIRE_MESSAGE(output.status == 0, output.err);
            std::istringstream counts{output.out};
            double chi_square = 0;
            for (double seen = 0; counts >> seen;) {
                chi_square += (seen - 300) * (seen - 300) / 300;
            }
            BOOST_TEST(chi_square < 13.8, address << ": " << output.out);
        }
    }
}

// A transaction that is committed while a packet is between two rules: a change of endpoints must
// not show, whichever generation the packet began in.
BOOST_AUTO_TEST_CASE(no_packet_slips_past_a_service_while_its_endpoints_change) {
    const auto fd = kernel->namespace_fd(kChanged);
    run_in(fd, {"ip", "link", "set", "lo", "up"});
    run_in(fd, {"ip", "addr", "add", "192.168.0.2/32", "dev", "lo"});
    run_in(fd, {"ip", "route", "add", "172.30.0.0/16", "dev", "lo", "src", "192.168.0.2"});
    run_in(fd, {"ip", "route", "add", "10.0.1.0/24", "dev", "lo", "src", "192.168.0.2"});
    BOOST_REQUIRE_EQUAL(run_in(fd, {"nft", kWatch}).status, 0);
    std::string slow_down;
    for (int i = 0; i < 1000; ++i) {
        slow_down += "insert rule ip kube-proxy services ip saddr 192.0.2.1 counter\n";
    }
    auto made = service("ns/web", "172.30.0.41");
    made.ports[0].protocol = Protocol::Udp;
    const SlicePort port{"p80", Protocol::Udp, 8080, ""};
    std::mt19937 random{5};
    const auto some_endpoints = [&] {
        std::vector<Endpoint> some{ready("10.0.1.9", "n1")};
        for (unsigned i = random() % 4; i > 0; --i) {
            some.push_back(ready(("10.0.1." + std::to_string(i)).c_str(), "n1"));
        }
        return slice("ns/web", port, std::move(some));
    };
    for (const auto layout : {NftLayout::Readable, NftLayout::Scale}) {
        ServiceMap map{Family::V4};
        NftPartCache cache{config(), layout};
        NftProxy proxy{Family::V4, node(), cache};
        const auto first = some_endpoints();
        proxy.fill(map.update(made, std::vector{&first}));
        replace(kChanged, proxy.table());
        run_in(fd, {"nft", slow_down}); // so that many packets are on their way at each commit
        const Knocker client{fd};
        for (int step = 0; step < 1500; ++step) {
            const auto next = some_endpoints();
            change(proxy.update(map.update(made, std::vector{&next})), proxy.table());
        }
        const auto listed = run_in(fd, {"nft", "list", "table", "ip", "watch"}).out;
        BOOST_TEST(client.sent() > 1000);
        BOOST_TEST(
            listed.find("counter packets 0 ") != std::string::npos,
            client.sent() << " datagrams were sent, and\n"
                          << listed);
    }
}

BOOST_AUTO_TEST_SUITE_END()
