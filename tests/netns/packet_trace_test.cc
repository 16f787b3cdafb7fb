#include <algorithm>
#include <vector>

#include <netinet/in.h>
#include <sys/socket.h>

#include <boost/test/unit_test.hpp>

#include "netemu/base/error.h"
#include "netemu/kernel/packet_trace.h"
#include "tests/netns/kernel_fixture.h"

// NOLINTBEGIN: Boost.Test's macros
using namespace netemu;
using namespace netemu::test;

namespace {

/// A node whose loopback sends port 7 through a chain that drops it, and lets port 9 pass.
struct TraceNet : KernelFixture {
    TraceNet() {
        create({"node/a"});
        must({"ip", "link", "set", "lo", "up"});
        for (const char* line :
             {"add table inet t",
              "add chain inet t out { type filter hook output priority 0; }",
              "add chain inet t shut",
              "add rule inet t out udp dport 7 jump shut",
              "add rule inet t out tcp dport 7 jump shut",
              "add rule inet t shut drop"}) {
            must({"nft", line});
        }
    }

    Output run(const std::vector<std::string>& command) {
        return run_in(kernel->namespace_fd("node/a"), command);
    }

    void must(const std::vector<std::string>& command) {
        const auto output = run(command);
        BOOST_REQUIRE_MESSAGE(output.status == 0, output.err);
    }

    UniqueFd send(int type, const char* to) {
        const auto remote = *Endpoint::parse(to);
        auto fd = kernel->open_socket("node/a", remote.address.af(), type | SOCK_NONBLOCK, 0);
        sockaddr_storage address{};
        const auto size = remote.to_sockaddr(address);
        const bool tcp = type == SOCK_STREAM;
        (void)::connect(fd.get(), reinterpret_cast<sockaddr*>(&address), size);
        if (!tcp) {
            (void)::send(fd.get(), "x", 1, 0);
        }
        return fd;
    }

    static std::vector<TracedStep> all(PacketTrace& trace) {
        std::vector<TracedStep> steps;
        trace.read([&](const TracedStep& step) { steps.push_back(step); });
        return steps;
    }

    /// The handle that nft gives for the rule of a chain that says this.
    std::uint64_t handle_of(const std::string& chain, const std::string& what) {
        for (const auto& entry : nft_json("node/a", {"list", "ruleset"})) {
            if (entry.contains("rule") && entry.at("rule").at("chain") == chain &&
                entry.at("rule").at("expr").dump().find(what) != std::string::npos) {
                return entry.at("rule").at("handle").get<std::uint64_t>();
            }
        }
        return 0;
    }

    bool has_trace_table() {
        return run({"nft", "list", "tables"}).out.find(PacketTrace::kTable) != std::string::npos;
    }
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(packet_trace, TraceNet)

BOOST_AUTO_TEST_CASE(every_rule_that_a_packet_meets_is_told_with_its_handle_and_verdict) {
    // Asked for before: nft 1.0.6 writes a remark into its JSON where a table has an owner.
    const auto jump = handle_of("out", "\"udp\"");
    const auto drop = handle_of("shut", "drop");
    for (const char* to : {"127.0.0.1:7", "[::1]:7"}) {
        PacketTrace trace(*kernel, "node/a", {{IPPROTO_UDP, *Endpoint::parse(to)}});
        const auto fd = send(SOCK_DGRAM, to);
        const auto steps = all(trace);
        BOOST_REQUIRE(steps.size() == 2U);
        BOOST_TEST(steps[0].table == "t");
        BOOST_TEST((steps[0].family == NftFamily::Inet));
        BOOST_TEST(steps[0].chain == "out");
        BOOST_TEST(steps[0].verdict == "jump shut");
        BOOST_TEST(steps[0].handle == jump);
        BOOST_TEST(steps[1].chain == "shut");
        BOOST_TEST(steps[1].verdict == "drop");
        BOOST_TEST(steps[1].handle == drop);
        BOOST_TEST(steps[0].id == steps[1].id);
        BOOST_REQUIRE(steps[0].packet);
        BOOST_TEST(steps[0].packet->destination.to_string() == to);
        BOOST_TEST(steps[0].packet->protocol == IPPROTO_UDP);
        BOOST_TEST(!steps[0].tcp_sequence);
    }
}

BOOST_AUTO_TEST_CASE(a_policy_ends_what_no_rule_ends_and_a_connection_is_known_by_its_sequence) {
    PacketTrace trace(*kernel, "node/a", {{IPPROTO_TCP, *Endpoint::parse("127.0.0.1:9")}});
    const auto fd = send(SOCK_STREAM, "127.0.0.1:9"); // nobody listens: refused
    const auto steps = all(trace);
    const auto policy = std::find_if(steps.begin(), steps.end(), [](const auto& step) {
        return step.kind == TracedStep::Kind::Policy;
    });
    BOOST_REQUIRE(policy != steps.end());
    BOOST_TEST(policy->chain == "out");
    BOOST_TEST(policy->verdict == "accept");
    BOOST_REQUIRE(steps.front().packet);
    BOOST_TEST(steps.front().tcp_sequence.has_value());
    BOOST_TEST((steps.front().packet->tcp_flags & 0x3f) == 2);
}

BOOST_AUTO_TEST_CASE(other_packets_are_not_traced) {
    PacketTrace trace(*kernel, "node/a", {{IPPROTO_UDP, *Endpoint::parse("127.0.0.1:7")}});
    const auto other_port = send(SOCK_DGRAM, "127.0.0.1:8");
    const auto other_protocol = send(SOCK_STREAM, "127.0.0.1:7");
    const auto other_address = send(SOCK_DGRAM, "127.0.0.2:7");
    BOOST_TEST(all(trace).empty());
}

BOOST_AUTO_TEST_CASE(its_tables_are_gone_with_it_and_nobody_else_can_change_them) {
    {
        const PacketTrace trace(
            *kernel, "node/a", {{IPPROTO_UDP, *Endpoint::parse("127.0.0.1:7")}});
        BOOST_TEST(has_trace_table());
        BOOST_TEST(run({"nft", "delete", "table", "inet", PacketTrace::kTable}).status != 0);
    }
    BOOST_TEST(!has_trace_table());
    const auto fd = send(SOCK_DGRAM, "127.0.0.1:7"); // the lab's own rules are as they were
    BOOST_TEST(handle_of("shut", "drop") != 0U);
}

BOOST_AUTO_TEST_CASE(two_traces_at_once_are_refused_in_words) {
    const std::vector<TraceFilter> filters{{IPPROTO_UDP, *Endpoint::parse("127.0.0.1:7")}};
    const PacketTrace first(*kernel, "node/a", filters);
    BOOST_CHECK_EXCEPTION(
        PacketTrace(*kernel, "node/a", filters), SysError, [](const SysError& error) {
            return std::string(error.what()).find("node/a: trace packets in its rules") !=
                   std::string::npos;
        });
}

BOOST_AUTO_TEST_SUITE_END()
// NOLINTEND
