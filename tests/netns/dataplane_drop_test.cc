#include <netinet/in.h>

#include <boost/test/unit_test.hpp>

#include "labctl/dataplane/client.h"
#include "tests/netns/dataplane_net.h"

// NOLINTBEGIN: Boost.Test's macros
using namespace labctl;
using namespace labctl::dataplane;
using probe::Outcome;

namespace {

constexpr std::uint64_t kPatienceMs = 20000; // of a probe: far longer than evidence takes

/// x/a sends to x/web (10.1.0.10, 80 tcp), where rules drop 7 of TCP and UDP and echo requests; the
/// test says what the packet log would say.
struct DropFixture {
    test::DataPlaneNet net;
    netemu::EventLoop loop;
    std::vector<std::uint32_t> described;
    DataPlane plane{loop, options()};

    DataPlane::Options options() {
        auto options = test::data_plane_options(net);
        options.describe_drop = [this](std::uint32_t id) {
            described.push_back(id);
            return probe::Drop{
                "node-2", "ingress", "networkpolicy/x/web", {}, 1, "p", "dropped here"};
        };
        return options;
    }

    DropFixture() {
        net.add("pod/x/web", {"10.1.0.10/16", "fd00::10/64"});
        net.add("pod/x/a", {"10.1.0.20/16", "fd00::20/64"});
        net.must(
            "pod/x/web",
            "nft 'add table inet t; add chain inet t in { type filter hook input priority 0; }'");
        for (const char* rule : {"tcp dport 7", "udp dport 7", "icmp type echo-request"}) {
            net.must(
                "pod/x/web", std::string("nft 'add rule inet t in ") + rule + " counter drop'");
        }
        plane.start();
        bool ready = false;
        plane.on_ready([&ready](const std::string&) { ready = true; });
        plane.serve(WorkloadSpec{"pod/x/web", "x", "web", "node-1", {{80, Protocol::Tcp, ""}}});
        BOOST_REQUIRE(test::run_until(loop, [&] { return ready; }));
    }

    static ResolvedRequest request(const std::string& to, std::uint16_t source_port) {
        ResolvedRequest resolved;
        resolved.request.from = "x/a";
        resolved.request.to = probe::Target::parse(to);
        resolved.request.timeout_ms = kPatienceMs;
        resolved.request.source_port = source_port;
        resolved.ns = "pod/x/a";
        resolved.address = netemu::IpAddress::parse(resolved.request.to.host).value();
        const auto& port = resolved.request.to.port;
        resolved.port = static_cast<std::uint16_t>(port.empty() ? 0 : std::stoi(port));
        return resolved;
    }

    /// Of a packet to 7 of x/web.
    static DropNotice notice(std::uint32_t id, std::uint8_t protocol, const std::string& source) {
        const bool echo = protocol == IPPROTO_ICMP;
        return {
            id,
            {protocol, netemu::Endpoint::parse(source).value(), 0},
            {netemu::IpAddress::parse("10.1.0.10").value(), std::uint16_t(echo ? 0 : 7)},
            {}};
    }

    /// Tells `notices` again and again until the probe has ended: when its packet was sent is not
    /// known here.
    probe::Result run(const ResolvedRequest& one, const std::vector<DropNotice>& notices) {
        std::optional<probe::Result> result;
        plane.probe({one}, false, [&](std::vector<probe::Result> got) { result = got.at(0); });
        BOOST_REQUIRE(test::run_until(
            loop,
            [&] {
                plane.dropped(notices);
                return result.has_value();
            },
            60));
        return *result;
    }
};

} // namespace

BOOST_FIXTURE_TEST_CASE(a_drop_ends_its_probe_and_names_the_rule, DropFixture) {
    const auto start = netemu::Clock::now();
    for (const char* to : {"tcp://10.1.0.10:7", "http://10.1.0.10:7/", "udp://10.1.0.10:7"}) {
        const std::uint8_t protocol =
            std::string(to).starts_with("udp") ? IPPROTO_UDP : IPPROTO_TCP;
        const auto result = run(request(to, 45000), {notice(9, protocol, "10.1.0.20:45000")});
        BOOST_TEST(to_string(result.first.outcome) == "timeout", to);
        BOOST_REQUIRE(result.first.drop.has_value());
        BOOST_TEST(result.first.drop->by == "networkpolicy/x/web");
        BOOST_TEST(result.dropped == 1U);
        BOOST_TEST(
            result.first.error.find("dropped here") != std::string::npos, result.first.error);
    }
    BOOST_TEST((netemu::Clock::now() - start < std::chrono::milliseconds(kPatienceMs)));
    BOOST_TEST((described == std::vector<std::uint32_t>{9, 9, 9}));
}

BOOST_FIXTURE_TEST_CASE(an_echo_request_is_known_by_its_id_and_sequence, DropFixture) {
    std::vector<DropNotice> notices; // those of all jobs there may have been
    for (std::uint16_t id = 1; id < 200; ++id) {
        notices.push_back(notice(id, IPPROTO_ICMP, "10.1.0.20:" + std::to_string(id)));
    }
    const auto result = run(request("icmp://10.1.0.10", 0), notices);
    BOOST_TEST(to_string(result.first.outcome) == "timeout");
    BOOST_TEST(result.first.drop.has_value());
    BOOST_TEST(described.size() == 1U);
}

namespace {

/// The same packet on its way to somewhere else, where what is sent to `fronts` is led.
DropNotice to_elsewhere(DropNotice notice, const std::vector<std::string>& fronts) {
    notice.destination = netemu::Endpoint::parse("10.9.9.9:1").value();
    for (const auto& front : fronts) {
        notice.fronts.push_back(netemu::Endpoint::parse(front).value());
    }
    return notice;
}

} // namespace

BOOST_FIXTURE_TEST_CASE(a_packet_behind_nat_is_known_by_where_it_was_sent_to, DropFixture) {
    const auto there = notice(9, IPPROTO_TCP, "10.1.0.20:45000");
    const auto led = to_elsewhere(there, {"10.1.0.11:7", "10.1.0.10:7"});
    BOOST_TEST(run(request("tcp://10.1.0.10:7", 45000), {led}).first.drop.has_value());
    auto by_node_port = to_elsewhere(there, {"0.0.0.0:7"}); // of any address
    BOOST_TEST(run(request("tcp://10.1.0.10:7", 45000), {by_node_port}).first.drop.has_value());
    BOOST_TEST(!to_elsewhere(there, {}).was_sent_to(there.destination));
}

BOOST_FIXTURE_TEST_CASE(what_is_dropped_of_others_ends_no_probe, DropFixture) {
    auto one = request("tcp://10.1.0.10:7", 45000);
    one.request.timeout_ms = 300;
    const std::vector<DropNotice> others{
        notice(1, IPPROTO_TCP, "10.1.0.20:45001"),
        notice(2, IPPROTO_UDP, "10.1.0.20:45000"),
        notice(3, IPPROTO_TCP, "10.1.0.21:45000"),
        notice(4, IPPROTO_TCP, "[fd00::20]:45000"),
        to_elsewhere(notice(5, IPPROTO_TCP, "10.1.0.20:45000"), {"10.1.0.10:8", "10.1.0.11:7"})};
    const auto result = run(one, others);
    BOOST_TEST(to_string(result.first.outcome) == "timeout");
    BOOST_TEST(!result.first.drop.has_value());
    BOOST_TEST(
        result.first.error.find("no answer within 300 ms") != std::string::npos,
        result.first.error);
    BOOST_TEST(described.empty());
}

BOOST_FIXTURE_TEST_CASE(
    probes_that_share_a_port_are_told_apart_by_their_destinations, DropFixture) {
    // The kernel gives one port to two connections when their destinations differ.
    net.must("pod/x/a", "sysctl -qw net.ipv4.ip_local_port_range='45000 45001'");
    std::vector<ResolvedRequest> both{
        request("tcp://10.1.0.10:7", 0),
        request("tcp://10.1.0.11:7", 0),
        request("tcp://10.1.0.12:7", 0)};
    net.must(
        "pod/x/web", "ip address add 10.1.0.11/16 dev eth0; ip address add 10.1.0.12/16 dev eth0");
    std::vector<DropNotice> notices;
    std::uint32_t id = 1;
    for (const char* port : {"45000", "45001"}) {
        for (const char* to : {"10.1.0.10:7", "10.1.0.11:7", "10.1.0.12:7"}) {
            notices.push_back(notice(id++, IPPROTO_TCP, std::string("10.1.0.20:") + port));
            notices.back().destination = netemu::Endpoint::parse(to).value();
        }
    }
    std::vector<probe::Result> results;
    plane.probe(both, false, [&](std::vector<probe::Result> got) { results = std::move(got); });
    BOOST_REQUIRE(test::run_until(
        loop,
        [&] {
            plane.dropped(notices);
            return !results.empty();
        },
        60));
    for (const auto& result : results) {
        BOOST_TEST(result.first.drop.has_value(), result.first.error);
    }
}

BOOST_FIXTURE_TEST_CASE(a_probe_that_wants_no_evidence_waits, DropFixture) {
    auto one = request("tcp://10.1.0.10:7", 45000);
    one.request.timeout_ms = 300;
    one.request.evidence = false;
    const auto result = run(one, {notice(1, IPPROTO_TCP, "10.1.0.20:45000")});
    BOOST_TEST(!result.first.drop.has_value());
    BOOST_TEST(result.first.error.find("300 ms") != std::string::npos, result.first.error);
}

BOOST_FIXTURE_TEST_CASE(an_answer_makes_drops_irrelevant, DropFixture) {
    // The answer takes a while, and notices come all the time; but the connection is open.
    auto slow = request("http://10.1.0.10:80/delay/0.3", 45000);
    bool sent = false;
    std::optional<probe::Result> result;
    plane.probe({slow}, false, [&](std::vector<probe::Result> got) { result = got.at(0); });
    BOOST_REQUIRE(test::run_until(
        loop,
        [&] {
            sent = sent || net.must("pod/x/a", "ss -Htn state established sport = :45000") != "";
            if (sent) {
                auto late = notice(1, IPPROTO_TCP, "10.1.0.20:45000");
                late.destination.port = 80;
                plane.dropped({late});
            }
            return result.has_value();
        },
        60));
    BOOST_TEST(to_string(result->first.outcome) == "ok", result->first.error);
    BOOST_TEST(sent);
}
// NOLINTEND
