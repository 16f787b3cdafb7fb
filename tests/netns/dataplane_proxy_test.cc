#include <future>
#include <optional>
#include <set>
#include <sstream>

#include <signal.h>

#include <boost/test/unit_test.hpp>

#include "labctl/dataplane/client.h"
#include "labctl/dataplane/proxy_registry.h"
#include "netemu/base/process.h"
#include "tests/netns/dataplane_net.h"

// NOLINTBEGIN: Boost.Test's macros
using namespace labctl::dataplane;

namespace {

constexpr const char* kTcpEcho = R"(python3 -c "
import os, socket
data = b'\\0' + os.urandom(3000000)
s = socket.create_connection(('10.1.0.2', 20001), timeout=10)
import threading
def send():
    s.sendall(data)
    s.shutdown(socket.SHUT_WR)
threading.Thread(target=send).start()
got = b''
while part := s.recv(65536):
    got += part
print(got == data, len(got))
")";

constexpr const char* kUdp = R"(python3 -c "
import socket, sys
def ask(s, text=b'hostname'):
    s.send(text)
    return s.recv(65536).decode()
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.settimeout(10)
s.connect(('10.1.0.2', 20002))
print(' '.join(ask(s) for _ in range(4)))
for _ in range(3):
    t = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    t.settimeout(10)
    t.connect(('10.1.0.2', 20002))
    print(ask(t))
print(ask(s, b'clientip'))
")";

/// Node n1 with a proxy, the pods a and b, and a client; the loop makes the proxy's sockets.
struct ProxyFixture {
    test::DataPlaneNet net;
    netemu::EventLoop loop;
    DataPlane plane{loop, test::data_plane_options(net)};
    std::set<std::string> ready;
    std::vector<ProxySpec> proxies{
        proxy(20000, services::Protocol::Tcp, 80),
        proxy(20001, services::Protocol::Tcp, 81),
        proxy(20002, services::Protocol::Udp, 81)};

    ProxyFixture() {
        net.add("node/n1", {"10.1.0.2/16", "fd00::2/64"});
        net.add("pod/prod/a", {"10.1.0.10/16", "fd00::10/64"});
        net.add("pod/prod/b", {"10.1.0.11/16", "fd00::11/64"});
        net.add("client", {"10.1.0.20/16", "fd00::20/64"});
        plane.on_ready([this](const std::string& pod) { ready.insert(pod); });
        plane.start();
        for (const auto* name : {"a", "b"}) {
            plane.serve(WorkloadSpec{
                std::string("pod/prod/") + name,
                "prod",
                name,
                "n1",
                {{80, Protocol::Tcp, ""}, {81, Protocol::Tcp, ""}, {81, Protocol::Udp, ""}}});
        }
        plane.serve_proxies(proxies);
        BOOST_REQUIRE(test::run_until(loop, [this] { return ready.size() == 2; }));
    }

    static netemu::Endpoint endpoint(const std::string& address, std::uint16_t port) {
        return {*netemu::IpAddress::parse(address), port};
    }
    static ProxySpec
    proxy(std::uint16_t listen_port, services::Protocol protocol, std::uint16_t port) {
        ProxySpec spec;
        spec.ns_name = "node/n1";
        spec.name = {"default", "web", std::to_string(port), protocol};
        spec.listen_port = listen_port;
        spec.endpoints = {endpoint("10.1.0.10", port), endpoint("10.1.0.11", port)};
        return spec;
    }

    /// Runs a client's command and the loop until it is done.
    test::Command client(const std::string& command) {
        auto done =
            std::async(std::launch::async, [this, command] { return net.run("client", command); });
        BOOST_REQUIRE(test::run_until(
            loop,
            [&done] { return done.wait_for(std::chrono::seconds(0)) == std::future_status::ready; },
            60));
        return done.get();
    }
    std::map<std::string, int> hosts(const std::string& address, int count) {
        const auto run = client(
            "for i in $(seq " + std::to_string(count) +
            "); do curl --silent --max-time 20 http://" + address + "/hostname; echo; done");
        std::map<std::string, int> result;
        std::istringstream lines(run.output);
        for (std::string line; std::getline(lines, line);) {
            if (!line.empty()) {
                ++result[line];
            }
        }
        return result;
    }
};

using Hosts = std::map<std::string, int>;

} // namespace

BOOST_FIXTURE_TEST_SUITE(proxies, ProxyFixture)

BOOST_AUTO_TEST_CASE(connections_go_round_and_come_from_the_node) {
    BOOST_TEST((hosts("10.1.0.2:20000", 6) == Hosts{{"a", 3}, {"b", 3}}));
    BOOST_TEST(
        client("curl --silent http://10.1.0.2:20000/clientip").output.find("10.1.0.2") !=
        std::string::npos);
}

BOOST_AUTO_TEST_CASE(what_does_not_answer_is_tried_no_more) {
    proxies[0].endpoints = {
        endpoint("10.1.0.10", 80), endpoint("10.1.0.10", 9), endpoint("10.1.0.99", 80)};
    plane.serve_proxies(proxies);
    BOOST_TEST((hosts("10.1.0.2:20000", 4) == Hosts{{"a", 4}}));
}

BOOST_AUTO_TEST_CASE(a_client_is_remembered_where_it_is_wanted) {
    proxies[0].affinity_seconds = 100;
    plane.serve_proxies(proxies);
    BOOST_TEST(hosts("10.1.0.2:20000", 6).size() == 1U);
    const auto before = hosts("10.1.0.2:20000", 1).begin()->first;
    proxies[0].endpoints = {endpoint(before == "a" ? "10.1.0.11" : "10.1.0.10", 80)};
    plane.serve_proxies(proxies);
    BOOST_TEST(hosts("10.1.0.2:20000", 2).begin()->first != before);
}

BOOST_AUTO_TEST_CASE(the_child_tells_whom_it_remembers) {
    std::optional<std::vector<ProxyClient>> known;
    const auto ask = [&] {
        known.reset();
        plane.proxy_clients([&](std::vector<ProxyClient> clients) { known = std::move(clients); });
        BOOST_REQUIRE(test::run_until(loop, [&] { return known.has_value(); }));
    };
    proxies[0].affinity_seconds = 100;
    plane.serve_proxies(proxies);
    ask();
    BOOST_TEST(known->empty());
    const auto host = hosts("10.1.0.2:20000", 1).begin()->first;
    (void)hosts("10.1.0.2:20001", 1); // a port without affinity
    ask();
    BOOST_REQUIRE(known->size() == 1U);
    const auto& client = known->front();
    BOOST_TEST(client.ns_name == "node/n1");
    BOOST_TEST(client.name.to_string() == "default/web:80");
    BOOST_TEST(client.client.to_string() == "10.1.0.20");
    BOOST_TEST(client.endpoint.to_string() == (host == "a" ? "10.1.0.10:80" : "10.1.0.11:80"));
    BOOST_TEST((client.left > std::chrono::seconds(0)));
    BOOST_TEST((client.left <= std::chrono::seconds(100)));
    // Who asks a child that ends is not left waiting: its memory is gone.
    const auto old = plane.pid();
    BOOST_REQUIRE(::kill(old, SIGKILL) == 0);
    ask();
    BOOST_TEST(known->empty());
    BOOST_REQUIRE(test::run_until(loop, [&] { return plane.pid() != old && plane.pid() > 0; }));
    ask();
    BOOST_TEST(known->empty());
}

BOOST_AUTO_TEST_CASE(without_endpoints_it_accepts_and_closes) {
    proxies[0].endpoints.clear();
    plane.serve_proxies(proxies);
    const auto run = client("curl --silent --show-error --max-time 20 http://10.1.0.2:20000/");
    BOOST_TEST(run.status != 0);
    BOOST_TEST(
        (run.output.find("Empty reply") != std::string::npos ||
         run.output.find("reset by peer") != std::string::npos),
        run.output);
    plane.keep_only_proxies({proxies[1]});
    constexpr int kCouldNotConnect = 7; // curl(1)
    BOOST_TEST(
        client("curl --silent --max-time 20 http://10.1.0.2:20000/").status == kCouldNotConnect);
}

BOOST_AUTO_TEST_CASE(many_bytes_both_ways_and_the_end_of_each) {
    BOOST_TEST(client(kTcpEcho).output == "True 3000001\n");
}

BOOST_AUTO_TEST_CASE(a_udp_session_stays_with_its_endpoint) {
    std::istringstream lines(client(kUdp).output);
    std::string first;
    std::getline(lines, first);
    BOOST_TEST((first == "a a a a" || first == "b b b b"), first);
    std::set<std::string> others;
    for (int i = 0; i < 3; ++i) {
        std::string line;
        std::getline(lines, line);
        others.insert(line);
    }
    BOOST_TEST((others == std::set<std::string>{"a", "b"}));
    std::string client_ip;
    std::getline(lines, client_ip);
    BOOST_TEST(client_ip.find("10.1.0.2:") == 0U, client_ip);
}

BOOST_AUTO_TEST_CASE(both_families_have_sockets_of_their_own) {
    auto six = proxies[0];
    six.ipv6 = true;
    six.endpoints = {endpoint("fd00::10", 80)};
    proxies.push_back(six);
    plane.serve_proxies(proxies);
    BOOST_TEST((hosts("[fd00::2]:20000", 3) == Hosts{{"a", 3}}));
    BOOST_TEST((hosts("10.1.0.2:20000", 2) == Hosts{{"a", 1}, {"b", 1}}));
}

BOOST_AUTO_TEST_CASE(a_new_child_takes_over) {
    const auto old = plane.pid();
    BOOST_REQUIRE(::kill(old, SIGKILL) == 0);
    BOOST_REQUIRE(test::run_until(loop, [&] { return plane.pid() != old && plane.pid() > 0; }));
    BOOST_TEST((hosts("10.1.0.2:20000", 4) == Hosts{{"a", 2}, {"b", 2}}));
}

// Services come and go for days: the ones that are there are not forgotten with those that are
// gone.
BOOST_AUTO_TEST_CASE(a_proxy_after_many_has_sockets_too) {
    ProxyRegistry registry(net.factory());
    std::map<Op, int> told;
    netemu::SocketPair pair(SOCK_SEQPACKET);
    Channel channel(
        loop, std::move(pair.first), [](auto, auto&) {}, [] {});
    Channel child(
        loop,
        std::move(pair.second),
        [&told](std::string_view message, auto&) { ++told[WireReader(message).op()]; },
        [] {});
    auto spec = proxy(0, services::Protocol::Tcp, 80); // any free port
    constexpr std::size_t kProxies = kProxiesRetiredMax + 4;
    constexpr std::size_t kAsked = 8; // around the moment when the others are forgotten
    for (std::size_t id = 1; id <= kProxies; ++id) {
        spec.name.name = "web-" + std::to_string(id);
        registry.keep_only({});
        registry.serve({spec});
        if (id == kProxies - kAsked) {
            registry.set_channel(&channel);
        } else if (id > kProxies - kAsked) {
            WireWriter wanted;
            wanted.u32(1).u32(static_cast<std::uint32_t>(id));
            WireReader record(wanted.bytes());
            registry.need_socket(record);
        }
    }
    BOOST_REQUIRE(test::run_until(
        loop, [&] { return told[Op::ProxySocket] + told[Op::NoProxySocket] == int{kAsked}; }));
    BOOST_TEST(told[Op::NoProxySocket] == 0);
}

BOOST_AUTO_TEST_SUITE_END()
// NOLINTEND
