#include <boost/test/unit_test.hpp>

#include "labctl/compile/network.h"
#include "labctl/compile/proxies.h"
#include "labctl/explain/connection.h"
#include "tests/support/fake_kernel.h"
#include "tests/support/state_text.h"
#include "tests/unit/compile_service_fixture.h"

using namespace labctl;
using namespace labctl::compile;
using namespace labctl::explain;
using namespace netemu::test;
using api::Json;

namespace {

ClusterConfig ipvs_config() {
    auto config = config_of(3);
    config.proxy_mode = "ipvs";
    config.ipvs_scheduler = "lc";
    return config;
}

/// Two web pods behind a Service, in a kernel that does what the proxies ask of it.
struct VirtualLab : ServiceLab {
    VirtualLab() : config(ipvs_config()) {
        service("web", R"("selector":{"app":"web"})");
        apply(bare_pod("web-0", "web"));
        apply(bare_pod("web-1", "web"));
        apply(bare_pod("client"));
        run_all();
        proxies = std::make_unique<Proxies>(store, config);
        (void)proxies->update();
        kernel.apply(netemu::make_plan(wanted(), {}));
    }

    [[nodiscard]] netemu::DesiredState wanted() const {
        auto desired = compile_network(store, config);
        proxies->add_to(desired);
        return desired;
    }

    /// Carries the work out, and checks that the kernel then has what is wanted.
    std::string carry_out(const ProxyWork& work) {
        const netemu::Plan plan{work.operations};
        kernel.apply(plan);
        auto observed = netemu::expected_observation(wanted());
        proxies->note_devices(observed);
        BOOST_TEST(to_text(kernel.observe()) == to_text(observed));
        return to_text(plan);
    }

    /// The real servers of the Service on node-1: address and weight.
    [[nodiscard]] std::string reals() {
        std::string text;
        for (const auto& info : kernel.virtual_servers("node/node-1")) {
            if (info.server.key.address.port == 80) {
                for (const auto& real : info.server.servers) {
                    text += real.address.to_string() + "*" + std::to_string(real.weight) + " ";
                }
            }
        }
        return text;
    }

    ClusterConfig config;
    std::unique_ptr<Proxies> proxies;
    FakeKernel kernel;
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(ipvs_proxies, VirtualLab)

BOOST_AUTO_TEST_CASE(the_wanted_network_has_servers_device_and_table) {
    const auto desired = wanted();
    const auto& node = desired.namespaces.at("node/node-1");
    BOOST_TEST(node.links.back().name == "kube-ipvs0");
    BOOST_TEST(!node.links.back().up);
    BOOST_TEST(node.virtual_servers.size() == 2U); // and that of the Service kubernetes
    BOOST_TEST(node.virtual_servers.back().scheduler == "lc");
    BOOST_TEST(proxies->layout() == "virtual servers");
    BOOST_TEST(!proxies->restores_rules());
    BOOST_TEST(netemu::make_plan(desired, kernel.observe()).empty());
}

BOOST_AUTO_TEST_CASE(only_what_changes_is_sent_and_old_servers_of_tcp_drain) {
    const auto before = reals();
    set_ready("web-0", false);
    const auto work = proxies->update();
    const auto text = carry_out(work);
    // A weight on each node, and on one that the pod is no way to itself any more.
    BOOST_TEST(work.operations.size() == config.nodes.size() + 1, text);
    BOOST_TEST(text.find("node/node-2: ipvsadm -e -t 10.96.1.1:80 -r ") != std::string::npos, text);
    BOOST_TEST(reals().find("*0") != std::string::npos, reals());
    BOOST_TEST(proxies->has_stale());

    // As long as it is asked and has connections it stays; then it goes.
    const auto busy = [&](const std::string& ns) {
        auto list = kernel.virtual_servers(ns);
        for (auto& info : list) {
            for (auto& real : info.servers) {
                real.active = 1;
            }
        }
        return list;
    };
    BOOST_TEST(proxies->sweep(busy).operations.empty());
    BOOST_TEST(proxies->has_stale());
    const auto swept =
        proxies->sweep([&](const std::string& ns) { return kernel.virtual_servers(ns); });
    BOOST_TEST(carry_out(swept).find("ipvsadm -d -t") != std::string::npos);
    BOOST_TEST(!proxies->has_stale());

    set_ready("web-0", true);
    (void)carry_out(proxies->update());
    BOOST_TEST(reals() == before);
}

BOOST_AUTO_TEST_CASE(one_that_is_ready_again_stops_draining) {
    const auto before = reals();
    set_ready("web-0", false);
    (void)carry_out(proxies->update());
    set_ready("web-0", true);
    const auto text = carry_out(proxies->update());
    BOOST_TEST(text.find("-m -w 1") != std::string::npos, text);
    BOOST_TEST(reals() == before);
    BOOST_TEST(!proxies->has_stale());
}

BOOST_AUTO_TEST_CASE(a_service_comes_and_goes_with_its_address) {
    service("another", R"("selector":{"app":"nobody"})");
    auto text = carry_out(proxies->update());
    BOOST_TEST(text.find("ipvsadm -A -t") != std::string::npos, text);
    BOOST_TEST(text.find("ip address add") != std::string::npos, text);
    remove("another");
    text = carry_out(proxies->update());
    BOOST_TEST(text.find("ipvsadm -D -t") != std::string::npos, text);
    BOOST_TEST(text.find("ip address delete") != std::string::npos, text);
}

BOOST_AUTO_TEST_CASE(explain_tells_the_real_servers) {
    const auto told = explain_path(
        store,
        config,
        *proxies,
        {"client", "web:80", "default"},
        {[](auto&&...) { return std::vector<netemu::NftRuleInfo>{}; },
         {},
         [this](const std::string& ns) { return kernel.virtual_servers(ns); },
         {}});
    BOOST_TEST(told["outcome"] == "endpoint");
    BOOST_TEST(told["branches"].size() == 2U);
    BOOST_TEST(told["branches"][0]["probability"] == 0.5);
    BOOST_TEST(told["branches"][0]["masqueraded"] == false);
    const auto& step = told["branches"][0]["steps"][0];
    BOOST_TEST(step["what"] == "real server 1 of 2");
    BOOST_TEST(step["connections"] == 0);
}

BOOST_AUTO_TEST_CASE(templates_are_whom_virtual_servers_remember) {
    service("sticky", R"("type":"NodePort","selector":{"app":"web"},"sessionAffinity":"ClientIP")");
    (void)carry_out(proxies->update());
    const auto spec = get("sticky")["spec"];
    const netemu::Endpoint virtual_ip{
        *netemu::IpAddress::parse(spec["clusterIP"].get<std::string>()), 80};
    const netemu::Endpoint node{
        proxies->node("node-1")->addresses.front(),
        spec["ports"][0]["nodePort"].get<std::uint16_t>()};
    const auto client = *netemu::IpAddress::parse("10.244.1.9");
    const netemu::Endpoint web{
        *netemu::IpAddress::parse(
            api::string_at(store.get({"Pod", "default", "web-0"})->body, "status.podIP")),
        80};
    const netemu::Endpoint gone{*netemu::IpAddress::parse("10.244.1.250"), 80};
    const auto tcp = services::Protocol::Tcp;
    AffinityReaders readers;
    readers.templates = [&](const std::string& of) {
        return of != "node-1" ? std::vector<services::IpvsTemplate>{}
                              : std::vector<services::IpvsTemplate>{
                                    {tcp, client, virtual_ip, web, 100},
                                    {tcp, client, node, web, 200},
                                    {tcp, client.plus(1), virtual_ip, gone, 300},
                                    {services::Protocol::Udp, client, virtual_ip, web, 400},
                                    {tcp, client, {virtual_ip.address, 81}, web, 500}};
    };
    const auto items = affinity_list(store, *proxies, "", readers)["items"];
    BOOST_REQUIRE(items.size() == 2U);
    for (const auto& item : items) {
        BOOST_TEST(item["client"] == "10.244.1.9");
        BOOST_TEST(item["pod"] == "default/web-0");
        BOOST_TEST(item["endpoint"] == web.to_string());
        BOOST_TEST(item["node"] == "node-1");
    }
    BOOST_TEST(
        items[0]["secondsLeft"].get<int>() + items[1]["secondsLeft"].get<int>() == 100 + 200);
    const auto& ports = proxies->ports_of("default", "sticky");
    BOOST_REQUIRE(ports.size() == 1U);
    const auto of_node = remembered_clients(*ports[0], "node-1", *proxies, readers, node);
    BOOST_REQUIRE(of_node.size() == 1U);
    BOOST_TEST(of_node[0]["secondsLeft"] == 200);
}

BOOST_AUTO_TEST_SUITE_END()
