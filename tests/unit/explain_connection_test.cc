#include <boost/test/unit_test.hpp>

#include "labctl/compile/proxies.h"
#include "labctl/compile/service_trail.h"
#include "labctl/explain/connection.h"
#include "netemu/base/error.h"
#include "tests/unit/compile_service_fixture.h"

using namespace labctl;
using namespace labctl::compile;
using namespace labctl::explain;
using api::Json;

namespace {

constexpr const char* kPolicyLocal = R"("selector":{"app":"web"},"internalTrafficPolicy":"Local")";

/// Two web pods and a client, and what the kernel would say of the rules: none.
struct Explained : ServiceLab {
    Explained() : config(config_of(3)) {
        service("web", R"("selector":{"app":"web"})");
        apply(workload("Deployment", "web", 2));
        apply(bare_pod("client"));
        run_all();
        proxies = std::make_unique<Proxies>(store, config);
        (void)proxies->update();
    }
    Json explain(const std::string& from, const std::string& to) {
        (void)proxies->update();
        return explain_path(
            store,
            config,
            *proxies,
            {from, to, "default"},
            {[](auto&&...) { return std::vector<netemu::NftRuleInfo>{}; }, {}, {}, {}});
    }
    std::string hint(const std::string& from, const std::string& to) {
        try {
            (void)explain(from, to);
        } catch (const netemu::UsageError& error) {
            return error.hint();
        }
        return "no error";
    }
    ClusterConfig config;
    std::unique_ptr<Proxies> proxies;
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(explain_paths, Explained)

BOOST_AUTO_TEST_CASE(a_name_leads_to_its_pods) {
    const auto answer = explain("client", "web");
    BOOST_TEST(answer["outcome"] == "endpoint");
    BOOST_TEST(answer["service"] == "default/web");
    BOOST_TEST(
        answer["to"]["address"] == get("web")["spec"]["clusterIP"].get<std::string>() + ":80");
    BOOST_TEST(answer["branches"].size() == 2U);
    BOOST_TEST(answer["branches"][0]["probability"] == 0.5);
    BOOST_TEST(answer["branches"][0]["masqueraded"] == false);
    BOOST_TEST(
        explain("default/client", "web.default.svc.cluster.local:80")["branches"] ==
        answer["branches"]);
}

BOOST_AUTO_TEST_CASE(who_is_not_chosen_has_a_reason) {
    patch("web", kPolicyLocal);
    for (const auto* node : {"node-1", "node-2", "node-3"}) {
        const auto answer = explain(std::string("node/") + node, "web");
        for (const auto& endpoint : answer["endpoints"]) {
            const bool local = endpoint["node"] == node;
            BOOST_TEST(endpoint["chosen"] == local);
            BOOST_TEST(
                endpoint.value("why", "") ==
                (local ? ""
                       : "traffic policy Local: it is on " + endpoint["node"].get<std::string>()));
        }
        const bool any = answer["branches"][0].contains("pod");
        BOOST_TEST(answer["outcome"] == (any ? "endpoint" : "drop"));
    }
}

BOOST_AUTO_TEST_CASE(what_does_not_exist_is_refused_with_a_suggestion) {
    BOOST_TEST(hint("client", "wep") == "did you mean 'web'?");
    BOOST_TEST(hint("clent", "web") == "did you mean 'client'?");
    BOOST_TEST(hint("node/node-9", "web") == "did you mean 'node-1'?");
    BOOST_TEST(hint("client", "web:81") == "it has 80/tcp");
    BOOST_TEST(hint("client", "10.96.0.1") == "ADDRESS:PORT, [ADDRESS]:PORT for IPv6");
    BOOST_TEST(hint("client", "quic://web") == "tcp, udp or sctp");
}

BOOST_AUTO_TEST_CASE(a_pod_needs_no_rule_and_an_unknown_address_leads_nowhere) {
    const auto pod = explain("client", "pod:client:80");
    BOOST_TEST(pod["outcome"] == "endpoint");
    BOOST_TEST(!pod.contains("service"));
    BOOST_TEST(explain("client", "192.0.2.1:80")["outcome"] == "none");
}

BOOST_AUTO_TEST_CASE(without_endpoints_it_is_rejected) {
    service("nobody", R"("selector":{"app":"nobody"})");
    const auto answer = explain("client", "nobody");
    BOOST_TEST(answer["outcome"] == "reject");
    BOOST_TEST(
        answer["summary"] == "default/nobody rejects it: there is no ready endpoint: no pod of "
                             "default has the labels app=nobody");
}

BOOST_AUTO_TEST_CASE(it_says_why_there_is_no_endpoint) {
    const auto why = [&](const std::string& name) {
        const auto text = explain("client", name)["summary"].get<std::string>();
        return text.substr(text.rfind(": ") + 2);
    };
    service("misnamed", R"("selector":{"app":"web"},"ports":[{"port":80,"targetPort":"rest"}])");
    BOOST_TEST(why("misnamed") == "no container of its pods has a port called 'rest'");
    const auto pods = store.list("Pod", "default", api::Selector::parse("app=web"));
    for (const auto& pod : pods) {
        set_ready(pod->name(), false);
    }
    BOOST_TEST(why("web") == "none of the " + std::to_string(pods.size()) + " pods is ready");
    service("by-hand", R"("clusterIP":"10.96.3.3")"); // nobody selects its endpoints
    BOOST_TEST(why("by-hand") == "there is no ready endpoint");
}

BOOST_AUTO_TEST_CASE(a_trail_is_one_event_of_each_service) {
    ServiceTrail trail(store);
    const auto pods = store.list("Pod", "default", api::Selector::parse("app=web"));
    set_ready(pods.at(0)->name(), false);
    const auto out = trail.rules_changed(3);
    BOOST_REQUIRE(out.size() == 1U);
    BOOST_TEST(out[0].service.name == "web");
    BOOST_TEST(out[0].pod.name == pods[0]->name());
    trail.last_request(out[0].service, "the last one");
    BOOST_TEST((events("LastRequest") == std::vector<std::string>{"the last one"}));
    auto messages = events("RulesChanged");
    BOOST_REQUIRE(messages.size() == 1U);
    BOOST_TEST(messages[0].starts_with("pod " + pods[0]->name() + " not ready -> slice web-"));
    BOOST_TEST(messages[0].find(": 1 of 2 ready (+") != std::string::npos);
    BOOST_TEST(messages[0].find("rules changed on 3 nodes (+") != std::string::npos);
    const auto count = store.size("Event");
    BOOST_TEST(trail.rules_changed(3).empty());
    BOOST_TEST(store.size("Event") == count);
    set_ready(pods[0]->name(), true);
    BOOST_TEST(trail.rules_changed(0).empty());
    BOOST_TEST(events("RulesChanged").size() == 1U);
}

BOOST_AUTO_TEST_SUITE_END()
