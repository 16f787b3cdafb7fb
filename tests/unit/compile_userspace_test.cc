#include <boost/test/unit_test.hpp>

#include "labctl/compile/proxies.h"
#include "labctl/explain/affinity.h"
#include "labctl/explain/connection.h"
#include "tests/unit/compile_service_fixture.h"

using namespace labctl;
using namespace labctl::compile;
using namespace labctl::explain;
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
             [this](const std::string& node, netemu::Family) { return rules(node); },
             {},
             {}});
    }
    /// Each client that is remembered: "CLIENT -> ENDPOINT on NODE, N s".
    [[nodiscard]] std::vector<std::string> remembered(const AffinityReaders& readers) const {
        std::vector<std::string> rows;
        const auto list = affinity_list(store, *proxies, "default", readers);
        for (const auto& row : list["items"]) {
            BOOST_TEST(row["service"] == "default/sticky");
            rows.push_back(
                row["client"].get<std::string>() + " -> " + row["endpoint"].get<std::string>() +
                " " + row["pod"].get<std::string>() + " on " + row["node"].get<std::string>() +
                ", " + row["secondsLeft"].dump() + " s");
        }
        return rows;
    }
    /// A Service with affinity, and its endpoints: "ADDRESS:PORT default/POD".
    std::vector<std::string> sticky() {
        service("sticky", R"("selector":{"app":"web"},"sessionAffinity":"ClientIP")");
        (void)proxies->update();
        std::vector<std::string> endpoints;
        for (const auto& pod : store.list("Pod")) {
            if (pod->name().starts_with("web")) {
                endpoints.push_back(
                    api::string_at(pod->body, "status.podIP") + ":80 default/" + pod->name());
            }
        }
        return endpoints;
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
    BOOST_TEST(closed["outcome"] == "close");
    BOOST_TEST(
        closed["summary"] == "default/empty: the node's proxy takes it and closes it: there is no "
                             "ready endpoint: no pod of default has the labels app=nobody");
    BOOST_TEST(closed["hops"][0]["steps"].back()["what"] == "accept and close");
}

BOOST_AUTO_TEST_CASE(the_proxy_tells_whom_it_remembers) {
    const auto endpoints = sticky();
    const services::ServicePortName name{"default", "sticky", "", services::Protocol::Tcp};
    auto other = name;
    other.name = "web";
    AffinityReaders readers;
    const auto address = [&](std::size_t of) {
        return *netemu::Endpoint::parse(endpoints.at(of).substr(0, endpoints.at(of).find(' ')));
    };
    const auto client = *netemu::IpAddress::parse("10.244.1.9");
    readers.proxied = {
        {"node-2", name, client, address(0), 17},
        {"node-1", name, client, address(1), 16},
        {"node-1", other, client, address(1), 15},
        {"node-9", name, client, address(1), 14}};
    BOOST_TEST(
        remembered(readers) == (std::vector<std::string>{
                                   "10.244.1.9 -> " + endpoints[1] + " on node-1, 16 s",
                                   "10.244.1.9 -> " + endpoints[0] + " on node-2, 17 s"}),
        boost::test_tools::per_element());
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_FIXTURE_TEST_CASE(lists_of_recent_are_whom_iptables_remembers, RestoredIptables) {
    const auto endpoints = sticky();
    AffinityReaders readers;
    int ticks_asked = 0;
    const auto client = *netemu::IpAddress::parse("10.244.1.5");
    const auto rules_of_node = rules("node-2");
    readers.recent = [&](const std::string& node, const std::vector<std::string>& lists) {
        std::vector<std::vector<services::RecentClient>> found(lists.size());
        BOOST_TEST(lists.size() == 2U);
        for (const auto& list : lists) {
            BOOST_TEST(rules_of_node.find("--name " + list + " --rcheck") != std::string::npos);
        }
        if (node == "node-2") {
            found[1] = {{client, 1000}, {client.plus(1), 900}};
        }
        return found;
    };
    readers.ticks = [&] {
        ++ticks_asked;
        return services::KernelTicks{1000 + 250 * 100, 250};
    };
    const auto rows = remembered(readers);
    BOOST_REQUIRE(rows.size() == 2U);
    BOOST_TEST(rows[0].starts_with("10.244.1.5 -> "));
    BOOST_TEST(rows[0].ends_with(" on node-2, 10700 s"), rows[0]);
    BOOST_TEST(rows[1].ends_with(" on node-2, 10699 s"), rows[1]);
    BOOST_TEST(
        (rows[0].find(endpoints[0]) == std::string::npos) ==
        (rows[0].find(endpoints[1]) != std::string::npos));
    BOOST_TEST(ticks_asked > 0);
    readers.recent = [](auto&&, const auto& lists) {
        return std::vector<std::vector<services::RecentClient>>(lists.size());
    };
    ticks_asked = 0;
    BOOST_TEST(remembered(readers).empty());
    BOOST_TEST(ticks_asked == 0);
    // Longer ago than the affinity lasts: the kernel takes it off the list at its next look.
    readers.recent = [&](auto&&, const auto& lists) {
        std::vector<std::vector<services::RecentClient>> found(lists.size());
        found[0] = {{client, 1000}};
        return found;
    };
    readers.ticks = [] { return services::KernelTicks{1000 + 250 * 10801, 250}; };
    BOOST_TEST(remembered(readers).empty());
}

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
