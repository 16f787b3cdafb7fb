#include <algorithm>

#include <boost/test/unit_test.hpp>

#include "labctl/compile/faults.h"
#include "labctl/compile/network.h"
#include "netemu/model/nft_text.h"
#include "netemu/model/plan.h"
#include "tests/support/cluster.h"
#include "tests/support/fake_kernel.h"

using namespace labctl::compile;
using namespace netemu;
using labctl::api::parse_fault;
using labctl::test::Cluster;

namespace {

struct FaultFixture {
    FaultFixture() {
        cluster.add_pod(1, "x", "a", 2);
        cluster.add_pod(1, "x", "b", 3);
        cluster.add_pod(2, "x", "c", 2);
    }

    [[nodiscard]] DesiredState whole() const {
        return compile_network(cluster.store, cluster.config);
    }
    [[nodiscard]] DesiredState broken(const std::vector<NetworkFault>& faults) const {
        auto desired = whole();
        add_faults(faults, desired);
        return desired;
    }

    static NetworkFault fault(const char* text, const char* ns, const char* id = "f1") {
        return {id, ns, parse_fault(text)};
    }

    /// The links that are down: "node/node-1 vethab12".
    static std::vector<std::string> down(const DesiredState& state) {
        std::vector<std::string> names;
        for (const auto& [name, ns] : state.namespaces) {
            for (const auto& link : ns.links) {
                if (!link.up) {
                    const auto* veth = std::get_if<VethSpec>(&link.kind);
                    names.push_back(
                        name + " " + (veth != nullptr ? "to " + veth->peer_namespace : link.name));
                }
            }
        }
        return names;
    }

    /// From whole to broken and back, on a kernel that takes along what Linux takes along; after
    /// each step nothing is left to do.
    void there_and_back(const std::vector<NetworkFault>& faults) const {
        test::FakeKernel kernel;
        kernel.apply(make_plan(whole(), {}));
        for (const auto& state : {broken(faults), whole(), broken(faults), whole()}) {
            const auto plan = make_plan(state, kernel.observe());
            BOOST_TEST(!plan.empty());
            kernel.apply(plan);
            const auto rest = make_plan(state, kernel.observe());
            for (const auto& operation : rest.operations) {
                BOOST_ERROR("still to do: " + describe(operation));
            }
        }
    }

    Cluster cluster{2, {"10.244.0.0/16", "fd00:244::/56"}};
};

std::string table_text(const DesiredState& state, const std::string& ns) {
    for (const auto& table : state.namespaces.at(ns).tables) {
        if (table.name == kFaultTable) {
            return to_text(table);
        }
    }
    return {};
}

std::size_t count_of(const std::string& text, const std::string& part) {
    std::size_t count = 0;
    for (auto at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) {
        ++count;
    }
    return count;
}

} // namespace

BOOST_FIXTURE_TEST_SUITE(network_faults, FaultFixture)

BOOST_AUTO_TEST_CASE(a_routed_pod_is_cut_with_what_its_port_carries) {
    FaultFixture fixture;
    fixture.cluster.config.cni_profile = "calico";
    const auto cut = FaultFixture::fault("cut x/a", "pod/x/a");
    const auto state = fixture.broken({cut});
    BOOST_TEST((FaultFixture::down(state) == std::vector<std::string>{"node/node-1 to pod/x/a"}));
    for (const auto& route : state.namespaces.at("node/node-1").routes) {
        BOOST_TEST(route.destination.to_string() != "10.244.1.2/32");
    }
    fixture.there_and_back({cut});
    fixture.there_and_back({FaultFixture::fault("stop node/node-1", "node/node-1")});
}

BOOST_AUTO_TEST_CASE(a_cut_takes_the_other_end_of_the_cable_down) {
    const std::vector<std::string> pod{"node/node-1 to pod/x/a"};
    BOOST_TEST(
        down(broken({fault("cut x/a", "pod/x/a")})) == pod, boost::test_tools::per_element());
    const std::vector<std::string> node{"underlay to node/node-2"};
    BOOST_TEST(
        down(broken({fault("cut node/node-2", "node/node-2")})) == node,
        boost::test_tools::per_element());
    there_and_back({fault("cut x/a", "pod/x/a"), fault("cut node/node-2", "node/node-2")});
}

BOOST_AUTO_TEST_CASE(an_interface_without_another_end_goes_down_with_what_it_carries) {
    const std::vector<std::string> tunnel{"node/node-1 vxlan1"};
    const auto cut = fault("cut node/node-1:vxlan1", "node/node-1");
    const auto state = broken({cut});
    BOOST_TEST(down(state) == tunnel, boost::test_tools::per_element());
    for (const auto& route : state.namespaces.at("node/node-1").routes) {
        BOOST_TEST(route.link != "vxlan1");
    }
    there_and_back({cut});
    there_and_back({fault("cut node/node-1:cni0", "node/node-1")});
}

BOOST_AUTO_TEST_CASE(a_stop_cuts_the_node_and_each_of_its_pods) {
    const std::vector<std::string> wanted{
        "node/node-1 to pod/x/a", "node/node-1 to pod/x/b", "underlay to node/node-1"};
    BOOST_TEST(
        down(broken({fault("stop node/node-1", "node/node-1")})) == wanted,
        boost::test_tools::per_element());
    there_and_back({fault("stop node/node-1", "node/node-1")});
}

BOOST_AUTO_TEST_CASE(a_drop_is_a_table_that_counts) {
    const auto state = broken({fault("drop x/a --share 30%", "pod/x/a")});
    const auto text = table_text(state, "pod/x/a");
    BOOST_TEST(count_of(text, "numgen random mod 100 vmap @share-f1") == 2U, text);
    BOOST_TEST(count_of(text, " : goto f1") == 30U, text);
    BOOST_TEST(count_of(text, "iifname \"eth0\"") == 1U, text);
    BOOST_TEST(count_of(text, "oifname \"eth0\"") == 1U, text);
    BOOST_TEST(count_of(text, "counter drop") == 1U, text);
    BOOST_TEST(down(state).empty());
    there_and_back({fault("drop x/a --share 30%", "pod/x/a")});
}

BOOST_AUTO_TEST_CASE(a_drop_of_a_port_matches_either_end_one_direction_and_inside_the_tunnel) {
    const auto text = table_text(
        broken({fault("drop node/node-1 --proto tcp --port 80 --direction in", "node/node-1")}),
        "node/node-1");
    BOOST_TEST(count_of(text, "oifname") == 0U, text);
    BOOST_TEST(count_of(text, "dport 80") == 2U, text); // eth0 and vxlan1
    BOOST_TEST(count_of(text, "sport 80") == 2U, text);
    BOOST_TEST(count_of(text, "numgen") == 0U, text); // all of them
}

BOOST_AUTO_TEST_CASE(several_drops_share_the_table) {
    const auto both = broken(
        {fault("drop x/a --share 5%", "pod/x/a", "f1"),
         fault("drop x/a --proto udp", "pod/x/a", "f2")});
    const auto text = table_text(both, "pod/x/a");
    BOOST_TEST(count_of(text, "counter drop") == 2U, text);
    BOOST_TEST(count_of(text, "table inet") == 1U, text);
}

BOOST_AUTO_TEST_CASE(a_fault_of_what_is_gone_changes_nothing) {
    const auto state = broken(
        {fault("cut x/gone", "pod/x/gone"),
         fault("drop x/gone", "pod/x/gone"),
         fault("cut x/a:eth9", "pod/x/a"),
         fault("flap x/a", "pod/x/a")});
    BOOST_TEST(make_plan(state, expected_observation(whole())).empty());
}

BOOST_AUTO_TEST_SUITE_END()
