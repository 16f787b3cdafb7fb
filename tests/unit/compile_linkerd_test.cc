#include <boost/test/unit_test.hpp>

#include "labctl/compile/linkerd_network.h"
#include "labctl/compile/linkerd_objects.h"
#include "labctl/compile/sidecars.h"
#include "tests/unit/compile_service_fixture.h"

// NOLINTBEGIN: Boost.Test's macros
using namespace labctl;
using namespace labctl::compile;
using mesh::SidecarProtocol;

namespace {

ClusterConfig linkerd_config(const std::string& policy = "all-unauthenticated") {
    auto lab = ClusterConfig::default_lab("test", 2);
    lab.body["spec"]["dns"] = {{"enabled", false}};
    lab.body["spec"]["mesh"] = {{"profile", "linkerd"}, {"defaultInboundPolicy", policy}};
    return ClusterConfig::from_lab(lab);
}

/// A lab with Linkerd, in whose namespace "default" injection is on.
struct LinkerdLab : ServiceLab {
    explicit LinkerdLab(const std::string& policy = "all-unauthenticated")
        : ServiceLab(linkerd_config(policy)) {
        annotate_namespace(R"({"linkerd.io/inject":"enabled"})");
        sidecars = std::make_unique<Sidecars>(store, cluster.config());
    }
    void annotate_namespace(const std::string& annotations) {
        apply(object_of(
            R"({"apiVersion":"v1","kind":"Namespace","metadata":{"name":"default","annotations":)" +
            annotations + "}}"));
    }
    void
    pod(const std::string& name,
        const std::string& metadata = "{}",
        const std::string& spec = "{}") {
        auto object = bare_pod(name, name);
        object.body["metadata"].merge_patch(api::Json::parse(metadata));
        object.body["spec"].merge_patch(api::Json::parse(spec));
        apply(std::move(object));
        run_all();
    }
    void policy(const std::string& kind, const std::string& name, const std::string& spec) {
        const bool server = kind == "Server";
        apply(object_of(
            std::string(R"({"apiVersion":"policy.linkerd.io/)") +
            (server ? "v1beta3" : "v1alpha1") + R"(","kind":")" + kind +
            R"(","metadata":{"namespace":"default","name":")" + name + R"("},"spec":)" + spec +
            "}"));
    }
    const mesh::SidecarTable& table() {
        (void)sidecars->update();
        return sidecars->table();
    }
    std::string governs(const std::string& name, std::uint16_t port) {
        const auto& now = table();
        return mesh::inbound_server(now, now.workloads.at("default/" + name), port).reference();
    }
    api::Json body_of(const std::string& name) { return store.get({"Pod", "default", name})->body; }

    std::unique_ptr<Sidecars> sidecars;
};

} // namespace

// The annotation of the pod, else that of its namespace; never for the node's network.
BOOST_AUTO_TEST_CASE(pods_that_want_a_proxy_of_linkerd) {
    store::Store store;
    struct Row {
        std::string of_namespace, of_pod;
        bool host, wants;
    };
    for (const auto& row : {
             Row{"enabled", "", false, true},
             Row{"ingress", "", false, true},
             Row{"disabled", "", false, false},
             Row{"", "", false, false},
             Row{"true", "", false, false},
             Row{"enabled", "disabled", false, false},
             Row{"disabled", "enabled", false, true},
             Row{"", "enabled", false, true},
             Row{"enabled", "nonsense", false, false},
             Row{"enabled", "enabled", true, false},
         }) {
        auto ns = object_of(R"({"kind":"Namespace","metadata":{"name":"n"}})");
        if (!row.of_namespace.empty()) {
            ns.body["metadata"]["annotations"]["linkerd.io/inject"] = row.of_namespace;
        }
        store.put(std::move(ns));
        auto pod = bare_pod("p").body;
        pod["metadata"]["namespace"] = "n";
        if (!row.of_pod.empty()) {
            pod["metadata"]["annotations"]["linkerd.io/inject"] = row.of_pod;
        }
        pod["spec"]["hostNetwork"] = row.host;
        BOOST_TEST(
            wants_linkerd_proxy(store, pod) == row.wants, row.of_namespace + "/" + row.of_pod);
        BOOST_TEST(linkerd_obstacle(store, pod).empty() == row.wants);
        if (row.wants) {
            inject_linkerd_proxy(store, pod);
            BOOST_TEST(has_linkerd_proxy(pod));
            BOOST_TEST(!wants_linkerd_proxy(store, pod)); // never twice
            pod["spec"]["hostNetwork"] = true;
            BOOST_TEST(!has_linkerd_proxy(pod));
        }
    }
}

BOOST_AUTO_TEST_CASE(what_a_pod_of_linkerd_inherits) {
    LinkerdLab lab;
    lab.annotate_namespace(
        R"({"linkerd.io/inject":"enabled","config.linkerd.io/default-inbound-policy":"deny",
            "config.linkerd.io/opaque-ports":"9000-9001,x,5-4"})");
    lab.pod("a");
    lab.pod("b", R"({"annotations":{"config.linkerd.io/default-inbound-policy":"audit"}})");
    BOOST_TEST(lab.governs("a", 8080) == "default/deny");
    BOOST_TEST(lab.governs("b", 8080) == "default/audit");
    lab.annotate_namespace(R"({"linkerd.io/inject":"enabled"})"); // read when the proxy starts
    BOOST_TEST(lab.governs("a", 8080) == "default/deny");
    const auto& table = lab.table();
    const auto opaque = [&](std::uint16_t port) {
        return mesh::is_opaque(mesh::inbound_server(table, table.workloads.at("default/a"), port));
    };
    BOOST_TEST(opaque(9000));
    BOOST_TEST(opaque(9001));
    BOOST_TEST(!opaque(9002));
    BOOST_TEST(!opaque(3306)); // the annotation replaces Linkerd's list
    LinkerdLab denying("deny");
    denying.pod("c");
    BOOST_TEST(denying.governs("c", 1) == "default/deny");
}

BOOST_AUTO_TEST_CASE(ranges_of_ports) {
    using Ranges = std::vector<PortRange>;
    BOOST_TEST((read_port_ranges("") == Ranges{}));
    BOOST_TEST((read_port_ranges("25, 80-90,7") == Ranges{{25, 25}, {80, 90}, {7, 7}}));
    BOOST_TEST((read_port_ranges("0,65536,a,9-8,-1,1-") == Ranges{}));
    BOOST_TEST(contains_port({{1, 3}, {9, 9}}, 3));
    BOOST_TEST(!contains_port({{1, 3}, {9, 9}}, 4));
}

BOOST_AUTO_TEST_CASE(peers_and_services_of_linkerd) {
    LinkerdLab lab;
    lab.pod(
        "web",
        R"({"labels":{"app":"all"},"annotations":{"config.linkerd.io/skip-inbound-ports":"7000"}})");
    lab.pod("plain", R"({"labels":{"app":"all"},"annotations":{"linkerd.io/inject":"disabled"}})");
    BOOST_TEST(!has_linkerd_proxy(lab.body_of("plain")));
    lab.apply(object_of(
        R"({"apiVersion":"v1","kind":"Service","metadata":{"namespace":"default","name":"all"},
        "spec":{"selector":{"app":"all"},"ports":[{"name":"a","port":80,"targetPort":8080},
        {"name":"b","port":3306},{"name":"c","port":90,"targetPort":7000},
        {"name":"d","port":91,"targetPort":8080,"appProtocol":"linkerd.io/opaque"}]}})"));
    lab.run_all();
    const auto& table = lab.table();
    BOOST_TEST((table.mesh == mesh::SidecarMesh::Linkerd));
    BOOST_REQUIRE(table.peers.size() == 1U);
    const auto& peer = table.peers.begin()->second;
    BOOST_TEST(peer.pod == "default/web");
    BOOST_TEST(peer.server_name == "default.default.serviceaccount.identity.linkerd.cluster.local");
    BOOST_TEST(contains_port(peer.skipped, 7000));
    BOOST_TEST(contains_port(peer.skipped, 4191)); // the proxy's own
    const auto find = [&](const std::string& name) {
        for (const auto& service : table.services) {
            if (service.name == name) {
                return service;
            }
        }
        throw std::runtime_error(name);
    };
    const auto http = find("all.default.svc.cluster.local:80");
    BOOST_TEST((http.protocol == SidecarProtocol::Detect));
    BOOST_REQUIRE(http.endpoints.size() == 2U);
    for (const auto& endpoint : http.endpoints) {
        const bool meshed = endpoint.pod == "default/web";
        BOOST_TEST(endpoint.mtls == meshed);
        BOOST_TEST(endpoint.server_name == (meshed ? peer.server_name : ""));
    }
    BOOST_TEST((find("all.default.svc.cluster.local:3306").protocol == SidecarProtocol::Tcp));
    BOOST_TEST((find("all.default.svc.cluster.local:91").protocol == SidecarProtocol::Tcp));
    for (const auto& endpoint : find("all.default.svc.cluster.local:90").endpoints) {
        BOOST_TEST(!endpoint.mtls); // it passes the proxy by
    }
}

BOOST_AUTO_TEST_CASE(servers_govern_as_they_come_and_go) {
    LinkerdLab lab;
    lab.pod("web", R"({"labels":{"app":"web"}})");
    BOOST_TEST(lab.governs("web", 8080) == "default/all-unauthenticated");
    BOOST_TEST(!lab.sidecars->update());
    lab.policy("Server", "s", R"({"podSelector":{"matchLabels":{"app":"web"}},"port":8080})");
    BOOST_TEST(lab.governs("web", 8080) == "server/default/s");
    BOOST_TEST(lab.governs("web", 8081) == "default/all-unauthenticated");
    lab.policy(
        "AuthorizationPolicy",
        "p",
        R"({"targetRef":{"group":"policy.linkerd.io","kind":"Server","name":"s"},"requiredAuthenticationRefs":[]})");
    BOOST_TEST(lab.table().servers.size() >= 2U);
    bool found = false;
    for (const auto& server : lab.table().servers) {
        found = found || (server.server == "default/s" && server.authorizations.size() == 1);
    }
    BOOST_TEST(found);
    lab.cluster.delete_object({"Server", "default", "s"}, Propagation::Background, std::nullopt);
    BOOST_TEST(lab.governs("web", 8080) == "default/all-unauthenticated");
    // Istio's kind of that name is another.
    BOOST_TEST(lab.store.get({"AuthorizationPolicy.policy.linkerd.io", "default", "p"}) != nullptr);
    BOOST_TEST(lab.store.get({"AuthorizationPolicy", "default", "p"}) == nullptr);
}

BOOST_AUTO_TEST_CASE(rules_of_linkerd_init) {
    netemu::NamespaceSpec pod;
    add_linkerd_network({{{4190, 4191}, {25, 25}}, {{4567, 4568}}}, pod);
    BOOST_REQUIRE(pod.tables.size() == 1U);
    const auto& table = pod.tables[0];
    BOOST_TEST(table.name == "proxy-init");
    std::vector<std::string> chains;
    for (const auto& chain : table.chains) {
        chains.push_back(chain.name + " " + std::to_string(chain.rules.size()));
    }
    const std::vector<std::string> wanted{
        "PROXY_INIT_REDIRECT 3", "PROXY_INIT_OUTPUT 4", "prerouting 1", "output 1"};
    BOOST_TEST(chains == wanted, boost::test_tools::per_element());
}
// NOLINTEND
