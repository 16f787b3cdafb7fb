#include <cmath>

#include <boost/test/unit_test.hpp>

#include "labctl/compile/impairments.h"
#include "labctl/compile/network.h"
#include "netemu/kernel/kernel.h"
#include "netemu/kernel/netem.h"
#include "netemu/model/plan.h"
#include "tests/support/netns_main.h"
#include "tests/support/state_text.h"
#include "tests/support/topology.h"

using namespace labctl::compile;
using namespace labctl::test;
using namespace netemu;
using namespace netemu::test;

namespace {

/// A topology, and the kernel that carries it.
struct Live : TopologyCluster {
    Live(
        std::size_t nodes,
        const std::string& underlay,
        const std::vector<std::string>& ranges = {"10.244.0.0/16"},
        const std::string& overlay = "vxlan")
        : TopologyCluster(nodes, underlay, ranges) {
        config.overlay = overlay;
        for (std::size_t i = 1; i <= nodes; ++i) {
            add_pod(i, "x", "p" + std::to_string(i), 2);
        }
        const auto desired = compile_network(store, config);
        kernel->apply(make_plan(desired, {}));
        const auto found = kernel->observe();
        const auto rest = make_plan(desired, found);
        BOOST_REQUIRE_MESSAGE(rest.empty(), "second plan:\n" << netemu::test::to_text(rest));
        const auto difference = first_difference(
            netemu::test::to_text(expected_observation(desired)), netemu::test::to_text(found));
        BOOST_TEST(difference.empty(), difference);
    }

    Output run(const std::string& ns, const std::vector<std::string>& command) {
        return run_in(kernel->namespace_fd(ns), command);
    }

    nlohmann::json json(const std::string& ns, const std::vector<std::string>& command) {
        return json_in(kernel->namespace_fd(ns), command);
    }

    bool ping(const std::string& from, const std::string& to, const std::string& size = "56") {
        return run(from, {"ping", "-n", "-q", "-c", "1", "-W", "5", "-M", "do", "-s", size, to})
                   .status == 0;
    }

    std::unique_ptr<Kernel> kernel = make_linux_kernel();
};

} // namespace

BOOST_AUTO_TEST_SUITE(topology_live)

BOOST_AUTO_TEST_CASE(a_plain_lan) {
    Live live(0, kPlainLan);
    BOOST_TEST(live.json("host/h1", {"ip", "-j", "neigh"}).empty());
    BOOST_TEST(live.ping("host/h1", "10.1.0.2"));
    // It was found by ARP, and the switch has learnt where it is.
    const auto neighbours = live.json("host/h1", {"ip", "-j", "neigh"});
    BOOST_REQUIRE(neighbours.size() == 1U);
    BOOST_TEST(neighbours[0]["dst"] == "10.1.0.2");
    bool learnt = false;
    for (const auto& entry : live.json("switch/s1", {"bridge", "-j", "fdb", "show"})) {
        learnt = learnt || (entry["mac"] == neighbours[0]["lladdr"] && entry["ifname"] == "to-h2" &&
                            entry.value("state", "").empty());
    }
    BOOST_TEST(learnt);
}

BOOST_AUTO_TEST_CASE(two_lans_and_a_router) {
    Live live(0, kTwoLans);
    BOOST_TEST(live.ping("host/h1", "10.1.1.2"));
    BOOST_TEST(live.ping("router/r1", "10.1.1.2"));
    const auto answer = live.run("host/h1", {"ping", "-n", "-c", "1", "-W", "5", "10.1.1.2"});
    BOOST_TEST(answer.out.find("ttl=63") != std::string::npos, answer.out);
    const auto expired =
        live.run("host/h1", {"ping", "-n", "-c", "1", "-W", "5", "-t", "1", "10.1.1.2"});
    BOOST_TEST(
        expired.out.find("From 10.1.0.1 icmp_seq=1 Time to live exceeded") != std::string::npos,
        expired.out);
    const auto lost =
        live.run("host/h1", {"ping", "-n", "-c", "4", "-W", "5", "192.0.2.1"}); // one a second
    BOOST_TEST(lost.out.find("Destination Net Unreachable") != std::string::npos, lost.out);
}

BOOST_AUTO_TEST_CASE(both_families_and_switches_in_a_row) {
    Live live(
        0,
        R"({"cidr": ["10.1.0.0/16", "fd00:1::/48"], "switches": ["a", "b", "c"],
            "routers": ["r1"], "hosts": ["h1", "h2", "h3"],
            "links": [{"endpoints": ["h1", "a"]}, {"endpoints": ["a", "b"]},
                      {"endpoints": ["b", "c"]}, {"endpoints": ["h2", "c"]},
                      {"endpoints": ["c", "r1"]}, {"endpoints": ["r1:up", "h3:wan"]}]})");
    for (const auto* to : {"10.1.0.3", "10.1.1.2", "fd00:1::3", "fd00:1:0:1::2"}) {
        BOOST_TEST(live.ping("host/h1", to), to);
    }
    BOOST_TEST(live.ping("host/h3", "fd00:1::3"));
    const auto expired =
        live.run("host/h1", {"ping", "-n", "-c", "1", "-W", "5", "-t", "1", "fd00:1:0:1::2"});
    BOOST_TEST(
        expired.out.find("From fd00:1::1 icmp_seq=1 Time exceeded") != std::string::npos,
        expired.out);
    const auto links = live.json("router/r1", {"ip", "-d", "-j", "link", "show", "dev", "eth0"});
    BOOST_TEST(links.at(0)["linkinfo"]["info_kind"] == "veth");
}

BOOST_AUTO_TEST_CASE(nat) {
    Live live(0, kBehindNat);
    BOOST_TEST(live.ping("host/pc", "10.1.1.2"));
    BOOST_TEST(!live.ping("host/server", "10.1.0.2"));
    const auto table = live.json("router/gw", {"nft", "-j", "list", "table", "ip", "nat"});
    std::uint64_t packets = 0;
    for (const auto& each : table.at("nftables")) {
        if (each.contains("rule")) {
            packets = each["rule"]["expr"].at(1)["counter"]["packets"].get<std::uint64_t>();
        }
    }
    BOOST_TEST(packets == 1U);
}

BOOST_AUTO_TEST_CASE(leaf_and_spine) {
    for (const auto* overlay : {"vxlan", "none"}) {
        Live live(2, kLeafSpine, {"10.244.0.0/16", "fd00:10:244::/56"}, overlay);
        const std::string size = overlay == std::string("vxlan") ? "1422" : "1472";
        BOOST_TEST(live.ping("pod/x/p1", "10.244.2.2", size), overlay);
        BOOST_TEST(!live.ping("pod/x/p1", "10.244.2.2", std::to_string(std::stoi(size) + 1)));
        BOOST_TEST(live.ping("pod/x/p2", "fd00:10:244:1::2"), overlay);
        BOOST_TEST(live.ping("node/node-1", "172.18.1.2"), overlay);
        BOOST_TEST(live.ping("external", "172.18.1.2"), overlay);
        BOOST_TEST(live.ping("external", "10.244.2.2"), overlay);
        BOOST_TEST(live.ping("pod/x/p1", "172.18.0.2"), overlay); // the outside
        const auto routes =
            live.json("router/leaf-1", {"ip", "-j", "route", "show", "172.18.1.0/24"});
        BOOST_REQUIRE(routes.size() == 1U);
        BOOST_TEST(routes[0]["nexthops"].size() == 2U);
    }
}

/// What a link does, as tc(8) sees it; and it is taken off again.
BOOST_AUTO_TEST_CASE(links_that_do_something) {
    Live live(0, kTwoLans);
    const auto bare = compile_network(live.store, live.config);
    auto desired = bare;
    const bool netem = has_netem();
    const auto text = netem ? "link host/h1 switch/a --delay 30ms --jitter 5ms --loss 0.5% "
                              "--duplicate 1% --reorder 2% --corrupt 0.1% --rate 50mbit --queue 77"
                            : "link host/h1 switch/a --loss 0.5% --rate 50mbit --queue 77";
    add_impairments(
        live.config,
        {{"f1", "host/h1", labctl::api::parse_fault(text), "switch/a"}},
        [netem] { return netem; },
        desired);
    live.kernel->apply(make_plan(desired, expected_observation(bare)));
    const auto rest = make_plan(desired, live.kernel->observe());
    BOOST_TEST(rest.empty(), netemu::test::to_text(rest));
    for (const auto& [ns, link] : {std::pair{"host/h1", "eth0"}, std::pair{"switch/a", "to-h1"}}) {
        const auto shown = live.json(ns, {"tc", "-j", "qdisc", "show", "dev", link, "root"});
        BOOST_REQUIRE(shown.size() == 1U);
        const auto& options = shown[0].at("options");
        BOOST_TEST(shown[0]["kind"] == (netem ? "netem" : "tbf"));
        if (!netem) {
            BOOST_TEST(options["rate"] == 50'000'000 / 8);
            continue;
        }
        const auto near = [&](const nlohmann::json& value, double wanted) {
            BOOST_TEST(std::abs(value.get<double>() - wanted) < wanted * 0.001, shown.dump());
        };
        near(options["delay"]["delay"], 0.030);
        near(options["delay"]["jitter"], 0.005);
        near(options["loss-random"]["loss"], 0.005);
        near(options["duplicate"]["duplicate"], 0.01);
        near(options["reorder"]["reorder"], 0.02);
        near(options["corrupt"]["corrupt"], 0.001);
        near(options["rate"]["rate"], 50e6 / 8);
        BOOST_TEST(options["limit"] == 77);
    }
    live.kernel->apply(make_plan(bare, expected_observation(desired)));
    BOOST_TEST(make_plan(bare, live.kernel->observe()).empty());
    for (const auto& each : live.json("host/h1", {"tc", "-j", "qdisc", "show", "dev", "eth0"})) {
        BOOST_TEST(each["kind"] == "noqueue", each.dump());
    }
    BOOST_TEST(live.ping("host/h1", "10.1.1.2"));
}

/// Of a thousand packets so many are lost as should be: by netem where there is one, or by rules.
BOOST_AUTO_TEST_CASE(loss_is_lost) {
    Live live(0, kPlainLan);
    const auto bare = compile_network(live.store, live.config);
    auto desired = bare;
    const bool netem = has_netem();
    add_impairments(
        live.config,
        {{"f1",
          "host/h1",
          labctl::api::parse_fault("link host/h1 switch/s1 --loss 30% --direction out"),
          "switch/s1"}},
        [netem] { return netem; },
        desired);
    live.kernel->apply(make_plan(desired, expected_observation(bare)));
    const auto output = live.run(
        "host/h1", {"ping", "-n", "-q", "-f", "-c", "1000", "-W", "1", "-i", "0.001", "10.1.0.2"});
    const auto at = output.out.find(" received");
    BOOST_REQUIRE_MESSAGE(at != std::string::npos, output.out + output.err);
    const auto comma = output.out.rfind(' ', at - 1);
    const auto received = std::stoi(output.out.substr(comma + 1));
    BOOST_TEST(received > 600, output.out); // of 700, by far more than chance allows
    BOOST_TEST(received < 800, output.out);
}

/// A route of several gateways becomes one of another number, and goes.
BOOST_AUTO_TEST_CASE(routes_of_several_gateways_change) {
    Live live(2, kLeafSpine, {"10.244.0.0/16", "fd00:10:244::/56"});
    auto desired = compile_network(live.store, live.config);
    auto expected = expected_observation(desired);
    for (const bool all : {false, true}) {
        for (auto& route : desired.namespaces.at("router/leaf-1").routes) {
            route.more.clear();
        }
        if (all) {
            desired.namespaces.at("router/leaf-1").routes.clear();
        }
        live.kernel->apply(make_plan(desired, expected));
        expected = expected_observation(desired);
        BOOST_TEST(make_plan(desired, live.kernel->observe()).empty());
    }
    live.kernel->apply(make_plan(compile_network(live.store, live.config), expected));
    BOOST_TEST(make_plan(compile_network(live.store, live.config), live.kernel->observe()).empty());
}

BOOST_AUTO_TEST_SUITE_END()
