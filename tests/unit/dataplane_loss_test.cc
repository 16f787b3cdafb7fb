#include <fcntl.h>
#include <sys/socket.h>

#include <boost/test/unit_test.hpp>

#include "labctl/dataplane/channel.h"
#include "labctl/dataplane/probe_runner.h"
#include "labctl/dataplane/socket_stock.h"
#include "netemu/base/process.h"

// NOLINTBEGIN: Boost.Test's macros
using namespace labctl;
using namespace labctl::dataplane;

namespace {

/// A child that takes what it is sent and never answers.
struct MuteChild {
    explicit MuteChild(netemu::EventLoop& loop)
        : channel(
              loop, std::move(pair.first), [](auto, auto&) {}, [] {}),
          peer(
              loop, std::move(pair.second), [](auto, auto&) {}, [] {}) {}

    netemu::SocketPair pair{SOCK_SEQPACKET};
    Channel channel;
    Channel peer;
};

ResolvedRequest many_connections(const std::string& address) {
    ResolvedRequest request;
    request.request.to = probe::Target::parse("tcp://" + address + ":80");
    request.request.count = 1000;
    request.request.concurrency = 512;
    request.ns = "pod/x/a";
    request.address = *netemu::IpAddress::parse(address);
    request.port = 80;
    return request;
}

netemu::UniqueFd some_descriptor(const std::string&, int, int, int) {
    return netemu::UniqueFd(::open("/dev/null", O_RDWR | O_CLOEXEC));
}

} // namespace

// Two probes fill what may be in flight, so both are queued for more when they are given up.
BOOST_AUTO_TEST_CASE(probes_that_cost_too_many_children_are_given_up_for_good) {
    netemu::EventLoop loop;
    ProbeRunner runner(loop, some_descriptor, true);
    std::vector<probe::Result> results;
    runner.run(
        1,
        {many_connections("10.1.0.1"), many_connections("10.1.0.2")},
        false,
        [&](std::vector<probe::Result> got) { results = std::move(got); });
    for (int children = 0; results.empty() && children < 10; ++children) {
        MuteChild child(loop);
        runner.set_channel(&child.channel);
        loop.run_once(std::chrono::milliseconds(0));
        runner.set_channel(nullptr);
        loop.run_once(std::chrono::milliseconds(0));
    }
    BOOST_REQUIRE(results.size() == 2U);
    BOOST_TEST(results[0].outcomes.contains("unsupported"));
    MuteChild child(loop);
    runner.set_channel(&child.channel); // looks at what is queued
    bool idle = false;
    runner.run(2, {}, false, [&](const std::vector<probe::Result>& got) { idle = got.empty(); });
    loop.run_once(std::chrono::milliseconds(0));
    BOOST_TEST(idle);
    runner.set_channel(nullptr);
}

BOOST_AUTO_TEST_CASE(probes_that_nobody_waits_for_are_not_sent) {
    netemu::EventLoop loop;
    ProbeRunner runner(loop, some_descriptor, true);
    bool stopped_one_called = false;
    bool other_called = false;
    runner.run(
        1, {many_connections("10.1.0.1")}, false, [&](const auto&) { stopped_one_called = true; });
    runner.run(2, {many_connections("10.1.0.2")}, false, [&](const auto&) { other_called = true; });
    MuteChild child(loop);
    runner.set_channel(&child.channel);
    runner.stop(1);
    runner.stop(1);
    runner.stop(7); // no such list, or one that is over
    for (int children = 0; !other_called && children < 10; ++children) {
        MuteChild next(loop);
        runner.set_channel(nullptr); // what it had under way comes back
        loop.run_once(std::chrono::milliseconds(0));
        runner.set_channel(&next.channel);
        loop.run_once(std::chrono::milliseconds(0));
    }
    BOOST_TEST(other_called);
    BOOST_TEST(!stopped_one_called);
    runner.set_channel(nullptr);
}

BOOST_AUTO_TEST_CASE(who_waits_for_sockets_of_one_family_does_not_hold_up_the_other) {
    netemu::EventLoop loop;
    SocketStock stock(loop, [](int, int, std::size_t) {}); // IPv6 is ordered and never comes
    for (std::size_t i = 0; i < kStockUdpFirst; ++i) {
        for (const int type : {SOCK_DGRAM, SOCK_STREAM}) {
            stock.add(netemu::UniqueFd(::socket(AF_INET, type | SOCK_CLOEXEC, 0)));
        }
    }
    int six = -1;
    int four = -1;
    stock.when_stocked(AF_INET6, std::chrono::minutes(1), [&six](bool got) { six = got ? 1 : 0; });
    stock.when_stocked(AF_INET, std::chrono::minutes(1), [&four](bool got) { four = got ? 1 : 0; });
    BOOST_TEST(six == -1);
    BOOST_TEST(four == 1);
}
// NOLINTEND
