#include <atomic>
#include <map>
#include <set>
#include <thread>

#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>

#include <boost/test/unit_test.hpp>

#include "dns/changes.h"
#include "labctl/dataplane/client.h"
#include "labctl/dataplane/socket_stock.h"
#include "tests/netns/dataplane_net.h"

// NOLINTBEGIN: Boost.Test's macros
using namespace labctl::dataplane;

namespace {

constexpr const char* kZone = ". 60 IN SOA ns. hostmaster. 1 7200 1800 86400 60\n"
                              "www.example.org. 60 IN CNAME web.example.org.\n"
                              "web.example.org. 60 IN A 192.0.2.7\n"
                              "*.wild.example. 60 IN A 192.0.2.9\n";

/// A coredns pod on 10.1.0.40, an upstream on 10.1.0.50, a client beside them.
struct Forwarding {
    test::DataPlaneNet net;
    netemu::EventLoop loop;
    DataPlane plane{loop, test::data_plane_options(net)};
    std::set<std::string> ready;

    Forwarding() {
        net.add("pod/kube-system/coredns", {"10.1.0.40/16", "fd00::40/64"});
        net.add("external", {"10.1.0.50/16", "fd00::50/64"});
        net.add("client", {"10.1.0.20/16", "fd00::20/64"});
        plane.on_ready([this](const std::string& pod) { ready.insert(pod); });
        plane.start();
        serve();
        corefile("forward . /etc/resolv.conf");
    }

    static WorkloadSpec dns_pod(const std::string& ns, const std::string& pod) {
        WorkloadSpec spec;
        spec.ns_name = ns;
        spec.pod_namespace = "kube-system";
        spec.pod = pod;
        spec.ports = {{53, Protocol::Udp, ""}, {53, Protocol::Tcp, ""}};
        return spec;
    }

    void serve(const std::string& nameserver = "10.1.0.50") {
        auto coredns = dns_pod("pod/kube-system/coredns", "coredns");
        coredns.dns.emplace().nameservers = {{*netemu::IpAddress::parse(nameserver), 53}};
        auto upstream = dns_pod("external", "upstream");
        auto& serving = upstream.dns.emplace();
        serving.role = DnsServing::Role::Upstream;
        serving.zone = kZone;
        for (int i = 0; i < 100; ++i) {
            serving.zone += "many.example. 60 IN A 198.51.100." + std::to_string(i) + "\n";
        }
        serving.faults = {
            {"broken.example", DnsFault::ServFail},
            {"closed.example.", DnsFault::Refused},
            {"silent.example", DnsFault::Silence}};
        ready.clear();
        // A child that has not yet let go of the old sockets keeps the new ones from their port.
        std::map<std::string, WorkloadSpec> left{
            {coredns.key(), coredns}, {upstream.key(), upstream}};
        plane.on_failure([&](const std::string& pod, const std::string&) {
            left.insert_or_assign(pod, pod == coredns.key() ? coredns : upstream);
        });
        BOOST_REQUIRE(test::run_until(loop, [&] {
            for (const auto& [key, spec] : std::exchange(left, {})) {
                plane.serve(spec);
            }
            return ready.size() == 2;
        }));
        plane.on_failure({});
    }

    void corefile(const std::string& plugins) {
        dns::ZoneChanges changes;
        changes.corefile = ".:53 {\n" + plugins + "\n}\n";
        plane.change_dns(changes);
    }

    /// The child orders sockets of this process's loop, so that has to run beside the client.
    std::string dig(const std::string& words) {
        std::string out;
        std::atomic<bool> done = false;
        std::thread client([&] {
            out = net.run("client", "dig @10.1.0.40 +tries=1 +time=6 " + words).output;
            done = true;
        });
        const bool ended = test::run_until(
            loop, [&done] { return done.load(); }, 60);
        client.join();
        BOOST_REQUIRE(ended);
        return out;
    }
    std::string status(const std::string& words) {
        const auto out = dig(words);
        const auto at = out.find("status: ");
        return at == std::string::npos ? out : out.substr(at + 8, out.find(',', at) - at - 8);
    }
};

} // namespace

BOOST_FIXTURE_TEST_CASE(names_are_forwarded_to_the_upstream, Forwarding) {
    BOOST_TEST(dig("+short www.example.org") == "web.example.org.\n192.0.2.7\n");
    BOOST_TEST(dig("+short +tcp web.example.org") == "192.0.2.7\n");
    BOOST_TEST(status("nobody.example.org") == "NXDOMAIN");
    BOOST_TEST(dig("nobody.example.org").find("SOA") != std::string::npos);
    BOOST_TEST(status("web.example.org MX") == "NOERROR");
    serve("fd00::50");
    BOOST_TEST(dig("+short web.example.org") == "192.0.2.7\n");
}

BOOST_FIXTURE_TEST_CASE(a_faulty_upstream_is_servfail, Forwarding) {
    BOOST_TEST(status("broken.example") == "SERVFAIL");
    BOOST_TEST(status("a.closed.example") == "REFUSED"); // passed on, as coredns does
    BOOST_TEST(status("silent.example") == "SERVFAIL");
    serve("10.1.0.20"); // nothing listens there
    BOOST_TEST(status("web.example.org") == "SERVFAIL");
}

BOOST_FIXTURE_TEST_CASE(a_truncated_answer_is_asked_for_over_tcp_by_the_forwarder, Forwarding) {
    const auto out = dig("+tcp many.example");
    BOOST_TEST(out.find("ANSWER: 100") != std::string::npos, out);
    BOOST_TEST(dig("+ignore many.example").find(" tc ") != std::string::npos);
    corefile("forward . /etc/resolv.conf {\nforce_tcp\n}");
    BOOST_TEST(dig("+short web.example.org") == "192.0.2.7\n");
}

BOOST_FIXTURE_TEST_CASE(a_new_child_gets_new_sockets, Forwarding) {
    BOOST_TEST(dig("+short web.example.org") == "192.0.2.7\n");
    const auto before = plane.pid();
    ::kill(before, SIGKILL);
    BOOST_REQUIRE(test::run_until(loop, [&] { return plane.pid() > 0 && plane.pid() != before; }));
    BOOST_TEST(dig("+short web.example.org") == "192.0.2.7\n");
}

BOOST_FIXTURE_TEST_CASE(more_questions_at_once_than_there_are_sockets, Forwarding) {
    // A receive buffer may hold less than all of them, and then clients ask again.
    const auto out =
        dig("+short silent.example >/dev/null & i=0; while [ $i -lt 100 ]; do i=$((i+1)); "
            "dig @10.1.0.40 +tries=5 +time=4 +short n$i.wild.example & done; wait");
    std::size_t answers = 0;
    for (auto at = out.find("192.0.2.9"); at != std::string::npos;
         at = out.find("192.0.2.9", at + 1)) {
        ++answers;
    }
    BOOST_TEST(answers == 100U, out);
}

BOOST_AUTO_TEST_CASE(a_socket_comes_back_with_another_port) {
    test::DataPlaneNet net;
    net.add("pod", {"10.1.0.40/16"});
    netemu::EventLoop loop;
    std::size_t ordered = 0;
    SocketStock stock(loop, [&](int, int, std::size_t count) { ordered += count; });
    stock.prepare(AF_INET);
    BOOST_TEST(ordered == kStockUdpFirst + kStockTcpFirst);
    stock.add(net.open_socket("pod", AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0));
    std::set<std::uint16_t> ports;
    for (int i = 0; i < 16; ++i) {
        auto socket = stock.take(AF_INET, SOCK_DGRAM);
        BOOST_REQUIRE(socket);
        BOOST_TEST(!stock.take(AF_INET, SOCK_DGRAM));
        sockaddr_storage storage{};
        const auto size =
            netemu::Endpoint{*netemu::IpAddress::parse("10.1.0.1"), 53}.to_sockaddr(storage);
        auto* address = reinterpret_cast<sockaddr*>(&storage);
        BOOST_REQUIRE(::connect(socket.get(), address, size) == 0);
        socklen_t length = sizeof storage;
        BOOST_REQUIRE(::getsockname(socket.get(), address, &length) == 0);
        ports.insert(netemu::Endpoint::from_sockaddr(storage).port);
        stock.give_back(std::move(socket));
    }
    BOOST_TEST(ports.size() > 8U); // chosen by chance, so two may be the same
    int refused = 0;
    stock.when_stocked(AF_INET, std::chrono::milliseconds(20), [&](bool got) { refused += !got; });
    BOOST_TEST(test::run_until(loop, [&] { return refused == 1; }));
}
// NOLINTEND
