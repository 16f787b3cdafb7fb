#include <boost/test/unit_test.hpp>

#include "labctl/compile/explain.h"
#include "labctl/compile/proxies.h"
#include "tests/unit/compile_service_fixture.h"

using namespace labctl;
using namespace labctl::compile;
using api::Json;

namespace {

ClusterConfig config_with_mode(const std::string& mode) {
    auto config = config_of(3);
    config.proxy_mode = mode;
    return config;
}

/// Two web pods behind a Service, a client, and proxies that restore their rules.
struct Restored : ServiceLab {
    explicit Restored(const std::string& mode = "userspace") : config(config_with_mode(mode)) {
        service("web", R"("selector":{"app":"web"})");
        apply(workload("Deployment", "web", 2));
        apply(bare_pod("client"));
        run_all();
        proxies = std::make_unique<Proxies>(store, config);
        (void)proxies->update();
    }
    [[nodiscard]] std::string rules(const std::string& node) const {
        std::string text;
        for (const auto& input : proxies->restores_of(node)) {
            text += input.text;
        }
        return text;
    }
    [[nodiscard]] std::map<std::string, std::uint16_t> ports() const {
        std::map<std::string, std::uint16_t> result;
        for (const auto& portal : proxies->portals()) {
            result[portal.input->name.to_string()] = portal.proxy_port;
        }
        return result;
    }
    [[nodiscard]] Json explain(const std::string& to) const {
        return explain_path(
            store,
            config,
            *proxies,
            {"client", to, "default"},
            {[](auto&&...) { return std::vector<netemu::NftRuleInfo>{}; },
             [](auto&&...) { return std::vector<netemu::NftElementInfo>{}; },
             [this](const std::string& node, netemu::Family) { return rules(node); },
             {}});
    }
    ClusterConfig config;
    std::unique_ptr<Proxies> proxies;
};

struct RestoredIptables : Restored {
    RestoredIptables() : Restored("iptables") {}
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(userspace_proxies, Restored)

BOOST_AUTO_TEST_CASE(every_service_port_has_a_port_of_its_own_and_keeps_it) {
    BOOST_TEST(proxies->layout() == "portals");
    const auto first = ports();
    BOOST_TEST(first.size() == 2U); // and that of the Service kubernetes
    service("another", R"("selector":{"app":"web"})");
    auto work = proxies->update();
    BOOST_TEST(work.portals);
    BOOST_TEST(work.restores.size() == 3U); // one of each node
    BOOST_TEST(ports().at("default/web") == first.at("default/web"));
    BOOST_TEST(ports().at("default/another") == 20002);
    BOOST_TEST(rules("node-1").find("--to-ports 20002") != std::string::npos);
    remove("web");
    work = proxies->update();
    BOOST_TEST(work.restores.size() == 3U);
    BOOST_TEST(!ports().contains("default/web"));
    service("third", R"("selector":{"app":"web"})");
    (void)proxies->update();
    BOOST_TEST(ports().at("default/third") == first.at("default/web")); // the gap
}

BOOST_AUTO_TEST_CASE(endpoints_change_the_proxy_and_no_rule) {
    const auto before = rules("node-1");
    set_ready(store.list("Pod")[1]->name(), false);
    const auto work = proxies->update();
    BOOST_TEST(work.portals);
    BOOST_TEST(work.restores.empty());
    BOOST_TEST(rules("node-1") == before);
}

BOOST_AUTO_TEST_CASE(explain_goes_through_the_proxy) {
    const auto answer = explain("web");
    BOOST_TEST(answer["outcome"] == "endpoint");
    BOOST_REQUIRE(answer["branches"].size() == 2U);
    for (const auto& branch : answer["branches"]) {
        BOOST_TEST(branch["probability"] == 0.5);
        BOOST_TEST(branch["masqueraded"] == true);
        BOOST_TEST(branch["steps"][0]["what"] == "round robin");
    }
    std::string chains;
    for (const auto& step : answer["hops"][0]["steps"]) {
        chains += step["where"].get<std::string>() + "; ";
        BOOST_TEST(step["packets"] == 0);
    }
    BOOST_TEST(chains == "nat PREROUTING; nat KUBE-PORTALS-CONTAINER; filter INPUT; ");
    service("empty", R"("selector":{"app":"nobody"})");
    (void)proxies->update();
    const auto closed = explain("empty");
    BOOST_TEST(closed["outcome"] == "reject");
    BOOST_TEST(closed["hops"][0]["steps"].back()["what"] == "accept and close");
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_FIXTURE_TEST_CASE(explain_follows_the_chains_of_iptables, RestoredIptables) {
    const auto answer = explain("web");
    BOOST_TEST(answer["outcome"] == "endpoint");
    BOOST_REQUIRE(answer["branches"].size() == 2U);
    for (const auto& branch : answer["branches"]) {
        BOOST_TEST(branch["probability"].get<double>() > 0.49);
        BOOST_TEST(branch["probability"].get<double>() < 0.51);
        BOOST_TEST(branch["masqueraded"] == false);
        BOOST_TEST(branch.contains("pod"));
        BOOST_TEST(branch["node"].get<std::string>().starts_with("node-"));
    }
    const auto& steps = answer["hops"][0]["steps"];
    BOOST_TEST(steps[0]["where"] == "nat PREROUTING");
    BOOST_TEST(steps[1]["where"] == "nat KUBE-SERVICES");
    BOOST_TEST(steps[1]["packets"] == 0);
    service("empty", R"("selector":{"app":"nobody"})");
    (void)proxies->update();
    BOOST_TEST(explain("empty")["outcome"] == "reject");
}
