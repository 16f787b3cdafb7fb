#include <boost/test/unit_test.hpp>

#include "netemu/base/error.h"
#include "tests/unit/compile_service_fixture.h"

using namespace labctl;
using namespace labctl::compile;
using api::Json;

namespace {

constexpr const char* kBalanced = R"("type":"LoadBalancer")";

ClusterConfig config_with_pool(const Json& pool, std::size_t nodes = 1) {
    auto lab = ClusterConfig::default_lab("test", nodes);
    lab.body["spec"]["loadBalancer"]["pool"] = pool;
    lab.body["spec"]["dns"] = {{"enabled", false}};
    return ClusterConfig::from_lab(lab);
}

std::string vip_of(const ServiceLab& lab, const std::string& name) {
    const auto ingress = api::at(lab.get(name), "status.loadBalancer.ingress");
    return ingress.empty() ? "pending" : api::string_at(ingress[0], "ip");
}

std::string refused_pool(const Json& pool) {
    try {
        config_with_pool(pool);
    } catch (const netemu::UsageError& error) {
        return error.what();
    }
    return {};
}

} // namespace

BOOST_AUTO_TEST_SUITE(load_balancer)

BOOST_AUTO_TEST_CASE(addresses_of_the_pool) {
    ServiceLab lab;
    lab.service("a", kBalanced);
    BOOST_TEST(vip_of(lab, "a") == "172.18.255.200");
    BOOST_TEST(
        lab.get("a")["status"]["loadBalancer"]["ingress"][0] ==
        Json({{"ip", "172.18.255.200"}, {"ipMode", "VIP"}}));
    lab.service("b", kBalanced);
    BOOST_TEST(vip_of(lab, "b") == "172.18.255.201");
    lab.service("a", kBalanced);
    BOOST_TEST(vip_of(lab, "a") == "172.18.255.200"); // applied again
    BOOST_TEST(lab.events("EnsuredLoadBalancer").size() == 2U);
    lab.patch("a", R"("type":"NodePort")");
    BOOST_TEST(vip_of(lab, "a") == "pending");
    BOOST_TEST(lab.events("DeletedLoadBalancer").size() == 1U);
    lab.service("c", R"("type":"LoadBalancer","loadBalancerIP":"172.18.255.200")");
    BOOST_TEST(vip_of(lab, "c") == "172.18.255.200");
}

BOOST_AUTO_TEST_CASE(another_controllers_class_is_left_alone) {
    ServiceLab lab;
    lab.service("a", R"("type":"LoadBalancer","loadBalancerClass":"example.com/lb")");
    BOOST_TEST(vip_of(lab, "a") == "pending");
    BOOST_TEST(
        lab.refusal([&] { lab.patch("a", R"("loadBalancerClass":"other.com/lb")"); })
            .find("may not change once set") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(who_gets_none_waits_for_one) {
    ServiceLab lab(config_with_pool("172.18.9.9"));
    lab.service("a", kBalanced);
    lab.service("b", kBalanced);
    BOOST_TEST(vip_of(lab, "a") == "172.18.9.9");
    BOOST_TEST(vip_of(lab, "b") == "pending");
    BOOST_TEST_REQUIRE(lab.events("SyncLoadBalancerFailed").size() == 1U);
    BOOST_TEST(
        lab.events("SyncLoadBalancerFailed")[0].find("no address is left") != std::string::npos);
    lab.remove("a");
    BOOST_TEST(vip_of(lab, "b") == "172.18.9.9");
}

BOOST_AUTO_TEST_CASE(a_requested_address_must_be_free_and_of_the_pool) {
    ServiceLab lab;
    lab.service("a", kBalanced);
    lab.service("taken", R"("type":"LoadBalancer","loadBalancerIP":"172.18.255.200")");
    lab.service("outside", R"("type":"LoadBalancer","loadBalancerIP":"192.0.2.1")");
    BOOST_TEST(vip_of(lab, "taken") == "pending");
    BOOST_TEST(vip_of(lab, "outside") == "pending");
    BOOST_TEST(lab.events("SyncLoadBalancerFailed").size() == 2U);
}

BOOST_AUTO_TEST_CASE(one_of_each_family) {
    ServiceLab lab(dual_stack_config());
    lab.service("a", R"("type":"LoadBalancer","ipFamilyPolicy":"RequireDualStack")");
    const auto ingress = lab.get("a")["status"]["loadBalancer"]["ingress"];
    BOOST_TEST_REQUIRE(ingress.size() == 2U);
    BOOST_TEST(ingress[0]["ip"] == "172.18.255.200");
    BOOST_TEST(ingress[1]["ip"] == "fd00:172:18::ffc8");
}

BOOST_AUTO_TEST_CASE(pools) {
    const auto config = config_with_pool({"172.18.200.0/30", "192.0.2.1 - 192.0.2.9"});
    BOOST_TEST_REQUIRE(config.load_balancer_pool.size() == 2U);
    BOOST_TEST(config.load_balancer_pool[0].second.to_string() == "172.18.200.3");
    BOOST_TEST(config.load_balancer_pool[1].first.to_string() == "192.0.2.1");
    BOOST_TEST(refused_pool("nonsense").find("spec.loadBalancer.pool: 'nonsense'") == 0U);
    BOOST_TEST(refused_pool("172.18.0.0/24").find("has addresses of nodes") != std::string::npos);
    BOOST_TEST(refused_pool("10.244.7.1").find("has addresses of pods") != std::string::npos);
    BOOST_TEST(refused_pool("10.96.0.1").find("has addresses of Services") != std::string::npos);
    BOOST_TEST(!refused_pool("172.18.9.9-172.18.9.1").empty());
    BOOST_TEST(!refused_pool({"172.18.9.1", "172.18.9.0/24"}).empty());
    auto small = ClusterConfig::default_lab("test", 2);
    small.body["spec"]["underlay"]["cidr"] = "192.168.7.0/24";
    BOOST_TEST(
        ClusterConfig::from_lab(small).load_balancer_pool.at(0).first.to_string() ==
        "192.168.7.200");
}

BOOST_AUTO_TEST_SUITE_END()
