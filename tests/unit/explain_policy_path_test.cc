#include <boost/test/unit_test.hpp>

#include "labctl/compile/policy_world.h"
#include "labctl/compile/proxies.h"
#include "labctl/explain/connection.h"
#include "labctl/explain/policy.h"
#include "labctl/explain/source.h"
#include "labctl/explain/way.h"
#include "netemu/base/error.h"
#include "services/policy_evaluator.h"
#include "tests/unit/compile_service_fixture.h"

using namespace labctl;
using namespace labctl::compile;
using namespace labctl::explain;
using api::Json;
using api::string_at;

namespace {

/// Pods a and near on node-1, far on node-2, and Service a with a node port; what is explained of
/// them, with its way and policies.
struct PolicedPaths : ServiceLab {
    PolicedPaths() : ServiceLab(config_of(2)), config(config_of(2)) {
        for (const auto& [name, node] :
             {std::pair{"a", "node-1"}, {"near", "node-1"}, {"far", "node-2"}}) {
            auto pod = bare_pod(name);
            pod.body["metadata"]["labels"] = {{"app", name}};
            pod.body["spec"]["nodeName"] = node;
            apply(std::move(pod));
        }
        service(
            "a",
            R"("type":"NodePort","selector":{"app":"a"},"ports":[{"port":80,"targetPort":80,"nodePort":30999}])");
        service("peers", R"("clusterIP":"None","selector":{"app":"far"})");
        service(
            "alias",
            R"("type":"ExternalName","externalName":"a.default.svc.cluster.local","ports":[])");
        service("world", R"("type":"ExternalName","externalName":"example.com","ports":[])");
        run_all();
    }

    void policy(const std::string& name, const std::string& spec) {
        apply(object_of(
            R"({"apiVersion":"networking.k8s.io/v1","kind":"NetworkPolicy","metadata":{"name":")" +
            name +
            R"(","namespace":"default"},"spec":{"podSelector":{"matchLabels":{"app":"a"}},)" +
            spec + "}}"));
    }

    Json explain(const std::string& from, const std::string& to) {
        const auto network = compile_lab(store, config);
        Proxies proxies(store, config);
        (void)proxies.update();
        auto answer = explain_path(
            store,
            config,
            proxies,
            {from, to},
            {[](auto&&...) { return std::vector<netemu::NftRuleInfo>{}; }, {}, {}, {}});
        const auto ways = explain_ways(answer, network);
        explain_sources(answer, ways, store);
        const auto world = policy_world(store);
        const services::PolicyEvaluator evaluator(world.cluster);
        explain_policies(answer, evaluator, ways);
        return answer;
    }

    std::string outcome(const std::string& from, const std::string& to) {
        const auto answer = explain(from, to);
        return string_at(answer, "outcome") + ": " + string_at(answer, "summary");
    }

    ClusterConfig config;
};

constexpr const char* kNoEgress = R"("policyTypes":["Egress"])";
constexpr const char* kNoIngress = R"("policyTypes":["Ingress"])";

} // namespace

BOOST_FIXTURE_TEST_SUITE(explain_policies_on_the_way, PolicedPaths)

/// Reference netpol.md 6.4 to 6.9, 5.7, 5.8.
BOOST_AUTO_TEST_CASE(egress_is_asked_of_whatever_leaves_the_node) {
    policy("shut", kNoEgress);
    for (const char* to :
         {"172.18.0.3:7000",
          "172.18.0.3:30999",
          "172.18.0.1:7000",
          "192.0.2.1:80",
          "pod:near:80",
          "pod:far:80"}) {
        const auto told = outcome("a", to);
        BOOST_TEST(
            told.starts_with("denied: denied, egress isolated by NetworkPolicy default/shut"),
            to << ": " << told);
    }
    BOOST_TEST(outcome("a", "172.18.0.2:7000").starts_with("none: ")); // its own node
    BOOST_TEST(outcome("a", "pod:a:80").starts_with("endpoint: "));
    BOOST_TEST(outcome("near", "172.18.0.3:30999").starts_with("endpoint: "));
}

BOOST_AUTO_TEST_CASE(egress_is_asked_before_a_proxy_rejects) {
    service("nobody", R"("selector":{"app":"nobody"})");
    BOOST_TEST(outcome("a", "nobody").starts_with("reject: "));
    policy("shut", kNoEgress);
    BOOST_TEST(outcome("a", "nobody").starts_with("denied: "));
    BOOST_TEST(outcome("near", "nobody").starts_with("reject: "));
}

BOOST_AUTO_TEST_CASE(ingress_is_asked_by_the_node_of_the_pod_about_who_comes_there) {
    policy("shut", kNoIngress);
    const auto entered = outcome("node/node-1", "172.18.0.3:30999");
    BOOST_TEST(
        entered.starts_with("denied: denied, ingress isolated by NetworkPolicy default/shut"),
        entered);
    BOOST_TEST(entered.find("which is asked about 10.244.2.0") != std::string::npos, entered);
    BOOST_TEST(outcome("node/node-2", "pod:a:80").starts_with("denied: "));
    BOOST_TEST(outcome("external", "pod:a:80").starts_with("denied: "));
    BOOST_TEST(outcome("node/node-1", "pod:a:80").starts_with("endpoint: ")); // 6.3
    BOOST_TEST(outcome("node/node-1", "172.18.0.2:30999").starts_with("endpoint: "));
}

BOOST_AUTO_TEST_CASE(addresses_are_matched_as_they_arrive) {
    policy("tunnel", R"("ingress":[{"from":[{"ipBlock":{"cidr":"10.244.2.0/24"}}]}])");
    const auto from_node = explain("node/node-2", "pod:a:80");
    BOOST_TEST(string_at(from_node, "outcome") == "endpoint", from_node["summary"]);
    BOOST_TEST(string_at(from_node["branches"][0], "source") == "10.244.2.0");
    BOOST_TEST(outcome("external", "172.18.0.3:30999").starts_with("endpoint: ")); // by node-2
    BOOST_TEST(outcome("external", "172.18.0.2:30999").starts_with("denied: "));
}

BOOST_AUTO_TEST_CASE(an_exception_of_a_block_is_the_outside) {
    policy(
        "not-outside",
        R"("policyTypes":["Egress"],"egress":[{"to":[{"ipBlock":{"cidr":"172.18.0.0/16","except":["172.18.0.1/32"]}}]}])");
    BOOST_TEST(outcome("a", "172.18.0.1:7000").starts_with("denied: "));
    BOOST_TEST(outcome("a", "172.18.0.3:7000").starts_with("none: "));
}

BOOST_AUTO_TEST_CASE(who_is_translated_says_so) {
    const auto outside = explain("a", "172.18.0.1:7000");
    BOOST_TEST(outside["branches"][0]["masqueraded"] == true);
    BOOST_TEST(outside["branches"][0]["source"] == "172.18.0.2");
    BOOST_TEST(
        string_at(outside, "summary").ends_with(", source masqueraded as 172.18.0.2"),
        outside["summary"]);
    const auto service = explain("near", "a");
    BOOST_TEST(service["branches"][0]["masqueraded"] == false);
    BOOST_TEST(string_at(service, "summary").ends_with(", source kept"), service["summary"]);
    patch("a", R"("externalTrafficPolicy":"Local")");
    const auto local = explain("far", "172.18.0.2:30999"); // by the network of pods, not by rules
    BOOST_TEST(local["branches"][0]["masqueraded"] == true);
    BOOST_TEST(local["branches"][0]["source"] == "172.18.0.3");
}

BOOST_AUTO_TEST_CASE(a_port_of_a_node_may_be_a_container_s) {
    auto pod = bare_pod("web");
    pod.body["spec"]["nodeName"] = "node-2";
    pod.body["spec"]["containers"][0]["ports"] = {{{"containerPort", 80}, {"hostPort", 8081}}};
    apply(std::move(pod));
    run_all();
    const auto told = explain("a", "172.18.0.3:8081");
    BOOST_TEST(told["outcome"] == "endpoint");
    BOOST_TEST(told["branches"][0]["pod"] == "default/web");
    BOOST_TEST(told["branches"][0]["source"] == "172.18.0.2");
    BOOST_TEST(explain("a", "172.18.0.3:8082")["outcome"] == "none");
    policy("shut", kNoEgress);
    BOOST_TEST(outcome("a", "172.18.0.3:8081").starts_with("denied: "));
}

/// Reference services-dns 2.1, 7.3; design section 8.
BOOST_AUTO_TEST_CASE(a_name_is_what_it_is_to_the_pod_that_asks) {
    apply(object_of(R"({"apiVersion":"v1","kind":"Namespace","metadata":{"name":"shop"}})"));
    auto pod = bare_pod("web");
    pod.body["metadata"]["namespace"] = "shop";
    apply(std::move(pod));
    auto own = service_of("a", R"("selector":{"app":"web"})");
    own.body["metadata"]["namespace"] = "shop";
    apply(std::move(own));
    run_all();
    BOOST_TEST(explain("shop/web", "a:80")["service"] == "shop/a");
    BOOST_TEST(explain("shop/web", "a.default:80")["service"] == "default/a");
    BOOST_TEST(explain("near", "a:80")["service"] == "default/a");
    BOOST_TEST(explain("shop/web", "svc/a:80")["service"] == "default/a"); // as kubectl has it
    auto plain = bare_pod("plain");
    plain.body["spec"]["dnsPolicy"] = "Default";
    apply(std::move(plain));
    run_all();
    BOOST_CHECK_EXCEPTION(explain("plain", "a:80"), netemu::UsageError, [](const auto& error) {
        return std::string(error.what()) == "plain finds nobody by the name a";
    });
}

BOOST_AUTO_TEST_CASE(names_that_no_rule_has_lead_to_addresses) {
    const auto headless = explain("near", "peers:80");
    BOOST_TEST(headless["to"]["pod"] == "default/far");
    BOOST_TEST(headless["to"]["what"] == "pod, the address of peers.default.svc.cluster.local");
    BOOST_TEST(headless["outcome"] == "endpoint");
    BOOST_TEST(explain("near", "alias:80")["service"] == "default/a");
    for (const char* name : {"world:80", "example.com:80"}) {
        const auto outside = explain("near", name);
        BOOST_TEST(outside["outcome"] == "none", name);
        BOOST_TEST(
            outside["to"]["what"] == "the first of the 2 addresses of example.com", outside["to"]);
    }
}

BOOST_AUTO_TEST_SUITE_END()
