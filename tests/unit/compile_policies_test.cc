#include <boost/test/unit_test.hpp>

#include "labctl/compile/network.h"
#include "labctl/compile/policies.h"
#include "netemu/model/plan.h"
#include "tests/support/cluster.h"

using labctl::api::Json;
using labctl::compile::compile_network;
using labctl::compile::Policies;
using netemu::Connection;
using netemu::Endpoint;

namespace {

constexpr std::uint8_t kTcp = 6;
constexpr std::uint8_t kIcmp = 1;

struct PolicyLab : labctl::test::Cluster {
    PolicyLab() : Cluster(2) {
        for (const char* ns : {"x", "y"}) {
            store.put(
                {{{"apiVersion", "v1"}, {"kind", "Namespace"}, {"metadata", {{"name", ns}}}}, {}});
        }
        add_pod(1, "x", "web", 2);
        add_pod(1, "x", "near", 3);
        add_pod(2, "y", "far", 2);
        label("x", "web", "web");
        label("x", "near", "client");
        label("y", "far", "client");
    }

    void label(const std::string& ns, const std::string& name, const std::string& app) {
        set_pod(ns, name, "/metadata/labels", {{"app", app}});
    }

    /// Ingress of x/web from app=client of its namespace, TCP 80.
    void add_policy(const Json& ingress) {
        store.put(
            {{{"apiVersion", "networking.k8s.io/v1"},
              {"kind", "NetworkPolicy"},
              {"metadata", {{"name", "web"}, {"namespace", "x"}}},
              {"spec",
               {{"podSelector", {{"matchLabels", {{"app", "web"}}}}},
                {"policyTypes", {"Ingress"}},
                {"ingress", ingress}}}},
             {}});
    }

    static Json from_clients() {
        return Json::parse(
            R"([{"from": [{"podSelector": {"matchLabels": {"app": "client"}}}], "ports": [{"port": 80}]}])");
    }
};

std::string summary(const std::vector<netemu::Operation>& operations) {
    std::string text;
    for (const auto& [what, count] : netemu::summarize({operations})) {
        text += (text.empty() ? "" : ", ") + std::to_string(count) + " " + what;
    }
    return text;
}

Connection
connection(const char* from, const char* to, std::uint16_t port, std::uint8_t protocol = kTcp) {
    const Endpoint source{*netemu::IpAddress::parse(from), 40000};
    const Endpoint target{*netemu::IpAddress::parse(to), port};
    return {protocol, source, target, target, source};
}

} // namespace

BOOST_AUTO_TEST_SUITE(compile_policies)

BOOST_AUTO_TEST_CASE(tables_come_change_and_go_with_the_objects) {
    PolicyLab lab;
    Policies policies(lab.store, lab.config);
    BOOST_TEST(summary(policies.update()) == "");
    BOOST_TEST(!policies.enforced());
    lab.add_policy(PolicyLab::from_clients());
    BOOST_TEST(summary(policies.update()) == "2 replace table");
    BOOST_TEST(policies.enforced());
    BOOST_TEST(summary(policies.update()) == "");
    lab.label("x", "near", "other");
    BOOST_TEST(summary(policies.update()) == "1 change table"); // only node-1 has a selected pod
    lab.set_pod("x", "near", "/status/phase", "Running");
    BOOST_TEST(summary(policies.update()) == "");
    lab.store.remove({"NetworkPolicy", "x", "web"});
    BOOST_TEST(summary(policies.update()) == "2 delete table");
}

BOOST_AUTO_TEST_CASE(a_deleted_pod_is_let_go_of_afterwards) {
    PolicyLab lab;
    lab.add_policy(PolicyLab::from_clients());
    Policies policies(lab.store, lab.config);
    (void)policies.update();
    lab.remove_pod("x", "web");
    BOOST_TEST(summary(policies.update()) == "");
    const auto farewell = policies.forget_removed_pods();
    BOOST_TEST(summary(farewell.operations) == "1 change table");
    BOOST_REQUIRE(farewell.addresses.size() == 1U);
    BOOST_TEST(farewell.addresses.front().to_string() == "10.244.1.2");
    BOOST_TEST(policies.has_stale());
    BOOST_TEST(summary(policies.sweep()) == "1 change table");
}

BOOST_AUTO_TEST_CASE(connections_that_are_denied) {
    PolicyLab lab;
    lab.add_policy(PolicyLab::from_clients());
    Policies policies(lab.store, lab.config);
    (void)policies.update();
    auto service = connection("10.244.1.3", "10.96.0.9", 80); // DNAT to another port than allowed
    service.reply_source = {*netemu::IpAddress::parse("10.244.1.2"), 81};
    const std::vector<Connection> all{
        connection("10.244.1.3", "10.244.1.2", 80),       // allowed
        connection("10.244.1.3", "10.244.1.2", 81),       // port
        connection("10.244.2.2", "10.244.1.2", 80),       // namespace
        connection("10.244.1.1", "10.244.1.2", 22),       // the bridge of its own node
        connection("10.244.1.0", "10.244.1.2", 22),       // its tunnel
        connection("10.244.1.2", "10.244.2.2", 80),       // egress: no policy
        connection("10.244.1.3", "10.244.1.2", 0, kIcmp), // needs a rule without ports
        service};
    const std::vector<Connection> expected{all[1], all[2], all[6], all[7]};
    BOOST_TEST((policies.denied("node-1", all) == expected));
    // The destination's node asks for ingress, and no other one.
    BOOST_TEST(policies.denied("node-2", all).empty());
}

BOOST_AUTO_TEST_CASE(sources_are_checked_when_there_is_a_policy) {
    PolicyLab lab;
    const auto tables = [&] {
        const auto state = compile_network(lab.store, lab.config);
        std::string names;
        for (const auto& table : state.namespaces.at("node/node-1").tables) {
            names += table.name + " ";
        }
        return names;
    };
    BOOST_TEST(tables() == "cni-overlay cni-masquerade ");
    lab.add_policy(PolicyLab::from_clients());
    BOOST_TEST(tables() == "cni-overlay cni-masquerade cni-sources ");
}

BOOST_AUTO_TEST_SUITE_END()
