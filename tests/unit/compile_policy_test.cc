#include <boost/test/unit_test.hpp>

#include "labctl/compile/policy_values.h"
#include "labctl/manifest/read.h"
#include "tests/unit/policy_fixture.h"

/// From YAML to verdicts: the rows of reference netpol.md that are about objects.
using namespace services;
using labctl::compile::policy_value;
using services::test::World;

namespace {

labctl::api::Object read_one(const std::string& text) {
    auto result = labctl::manifest::read_text(text, "p.yaml");
    BOOST_REQUIRE(result.objects.size() == 1U);
    return std::move(result.objects.front());
}

std::string yaml(const std::string& kind, const std::string& version, std::string spec) {
    for (std::size_t at = 0; (at = spec.find('\n', at)) != std::string::npos; at += 3) {
        spec.insert(at + 1, "  ");
    }
    return "apiVersion: " + version + "\nkind: " + kind + "\nmetadata: {name: p" +
           (kind == "NetworkPolicy" ? ", namespace: x" : "") + "}\nspec:\n  " + spec + "\n";
}

Policy netpol(const std::string& spec) {
    return *policy_value(read_one(yaml("NetworkPolicy", "networking.k8s.io/v1", spec)));
}
Policy anp(const std::string& spec) {
    return *policy_value(read_one(yaml(
        "AdminNetworkPolicy",
        "policy.networking.k8s.io/v1alpha1",
        "priority: 7\nsubject: {namespaces: {matchLabels: {ns: x}}}\n" + spec)));
}
Policy cnp(const std::string& spec) {
    return *policy_value(read_one(yaml(
        "ClusterNetworkPolicy",
        "policy.networking.k8s.io/v1alpha2",
        "tier: Admin\npriority: 7\nsubject: {namespaces: {matchLabels: {ns: x}}}\n" + spec)));
}

/// A world with this policy alone.
World with(Policy policy) {
    World world;
    world.add(std::move(policy));
    return world;
}

std::string types_of(const Policy& policy) {
    return std::string(policy.ingress ? "I" : "") + (policy.egress ? "E" : "");
}

const std::string kAll = "x/a x/b x/c y/a y/b y/c z/a z/b z/c";

labctl::api::Object object(labctl::api::Json body) {
    return {std::move(body), {}};
}

} // namespace

BOOST_AUTO_TEST_SUITE(compile_policy)

BOOST_AUTO_TEST_CASE(a_policy_knows_where_it_was_read) {
    const auto policy = netpol("podSelector: {}");
    BOOST_TEST(policy.source == "p.yaml:1");
    BOOST_TEST(policy.label() == "NetworkPolicy x/p");
    BOOST_TEST((policy_value(object({{"kind", "Pod"}})) == nullptr));
}

// 2.1
BOOST_AUTO_TEST_CASE(a_missing_pod_selector_is_all_pods) {
    for (const auto* spec : {"podSelector: {}", "podSelector: null", "policyTypes: [Ingress]"}) {
        BOOST_TEST(with(netpol(spec)).reach("x/b") == "x/b");
    }
}

// 3.1 to 3.4
BOOST_AUTO_TEST_CASE(missing_null_and_empty_are_the_same) {
    for (const auto* spec : {"policyTypes: [Ingress]", "ingress: null", "ingress: []"}) {
        BOOST_TEST(with(netpol(spec)).reach("x/a") == "x/a");
    }
    for (const auto* spec :
         {"ingress: [{}]", "ingress: [{from: []}]", "ingress: [{from: null, ports: []}]"}) {
        auto world = with(netpol(spec));
        BOOST_TEST(world.reach("x/a") == kAll);
        BOOST_TEST(world.allowed("8.8.8.8", "x/a", "9/UDP"));
    }
}

// 3.6 to 3.9
BOOST_AUTO_TEST_CASE(peers_of_a_network_policy) {
    struct Row {
        const char* peer;
        const char* admitted;
    };
    for (const auto& row : {
             Row{"[{podSelector: {matchLabels: {pod: b}}}]", "x/a x/b"},
             Row{"[{namespaceSelector: {matchLabels: {ns: 'y'}}}]", "x/a y/a y/b y/c"},
             Row{"[{namespaceSelector: {matchLabels: {ns: 'y'}}, podSelector: {matchLabels: "
                 "{pod: b}}}]",
                 "x/a y/b"},
             Row{"[{namespaceSelector: {matchLabels: {ns: 'y'}}}, {podSelector: {matchLabels: "
                 "{pod: b}}}]",
                 "x/a x/b y/a y/b y/c"},
             Row{"[{podSelector: {}}]", "x/a x/b x/c"},
             Row{"[{namespaceSelector: {}}]", "x/a x/b x/c y/a y/b y/c z/a z/b z/c"},
             Row{"[{namespaceSelector: {matchExpressions: [{key: kubernetes.io/metadata.name, "
                 "operator: NotIn, values: [z, x]}]}}]",
                 "x/a y/a y/b y/c"},
             Row{"[{ipBlock: {cidr: 10.0.2.9/24, except: [10.0.2.2/32]}}]", "x/a y/a y/c"},
         }) {
        BOOST_TEST_CONTEXT(row.peer) {
            auto world = with(netpol(std::string("ingress: [{from: ") + row.peer + "}]"));
            BOOST_TEST(world.reach("x/a") == row.admitted);
        }
    }
}

// 3.12, 3.13
BOOST_AUTO_TEST_CASE(policy_types) {
    BOOST_TEST(types_of(netpol("podSelector: {}")) == "I");
    BOOST_TEST(types_of(netpol("egress: []")) == "I");
    BOOST_TEST(types_of(netpol("egress: [{}]")) == "IE");
    BOOST_TEST(types_of(netpol("policyTypes: [Egress]\ningress: [{}]")) == "E");
    BOOST_TEST(types_of(netpol("policyTypes: [Ingress]\negress: [{}]")) == "I");
    auto bare = object({{"kind", "NetworkPolicy"}, {"spec", {{"egress", {{}}}}}});
    BOOST_TEST(types_of(*policy_value(bare)) == "IE"); // without its defaults too
}

// 4.1 to 4.3, 4.5, 4.9
BOOST_AUTO_TEST_CASE(ports_of_a_network_policy) {
    const auto ports = [](const std::string& list) {
        return netpol("ingress: [{ports: " + list + "}]").ingress->front().ports.value();
    };
    using services::test::port;
    BOOST_TEST((ports("[{port: 80}]").front() == port("80")));
    BOOST_TEST((ports("[{}]").front() == port("TCP")));
    BOOST_TEST((ports("[{protocol: UDP}]").front() == port("UDP")));
    BOOST_TEST((ports("[{port: web, protocol: SCTP}]").front() == port("web/SCTP")));
    BOOST_TEST((ports("[{port: 80, endPort: 90}]").front() == port("80-90")));
    BOOST_TEST((ports("[{port: 80, endPort: 80}]").front() == port("80")));
}

// 8.4 to 8.6, 8.11 to 8.16
BOOST_AUTO_TEST_CASE(an_admin_network_policy) {
    const auto policy = anp("ingress:\n- {name: first, action: Pass, from: [{namespaces: {}}]}\n"
                            "- {action: Deny, from: [{pods: {namespaceSelector: {}, podSelector: "
                            "{matchLabels: {pod: b}}}}]}");
    BOOST_TEST((policy.tier == PolicyTier::Admin));
    BOOST_TEST(policy.priority == 7);
    BOOST_TEST(types_of(policy) == "I");
    BOOST_REQUIRE(policy.ingress->size() == 2U);
    BOOST_TEST(policy.ingress->front().name == "first");
    BOOST_TEST((policy.ingress->front().action == PolicyAction::Pass));
    auto world = with(anp("egress: [{action: Deny, to: [{networks: [10.0.2.0/24, 8.8.8.8/32]}, "
                          "{nodes: {matchLabels: {zone: west}}}]}]"));
    BOOST_TEST(!world.allowed("x/a", "y/a"));
    BOOST_TEST(!world.allowed("x/a", "8.8.8.8"));
    BOOST_TEST(!world.allowed("x/a", "node/node-2"));
    BOOST_TEST(world.allowed("x/a", "z/a"));
    auto ports = with(anp("ingress: [{action: Deny, from: [{namespaces: {}}], ports: [{portNumber: "
                          "{port: 80}}, {portRange: {protocol: UDP, start: 50, end: 60}}, "
                          "{namedPort: serve-81-tcp}]}]"));
    for (const auto* denied : {"80", "53/UDP", "60/UDP", "81"}) {
        BOOST_TEST(!ports.allowed("y/a", "x/a", denied));
    }
    for (const auto* open : {"80/UDP", "61/UDP", "82"}) {
        BOOST_TEST(ports.allowed("y/a", "x/a", open));
    }
}

// 8.19
BOOST_AUTO_TEST_CASE(a_baseline_admin_network_policy) {
    auto text = yaml(
        "BaselineAdminNetworkPolicy",
        "policy.networking.k8s.io/v1alpha1",
        "subject: {pods: {namespaceSelector: {}, podSelector: {matchLabels: {pod: a}}}}\n"
        "ingress: [{action: Deny, from: [{namespaces: {}}]}]");
    text.replace(text.find("name: p"), 7, "name: default");
    const auto policy = *policy_value(read_one(text));
    BOOST_TEST((policy.tier == PolicyTier::Baseline));
    BOOST_TEST(with(policy).reach("y/a") == "y/a");
    BOOST_TEST(with(policy).reach("y/b") == kAll);
}

// 8.17
BOOST_AUTO_TEST_CASE(a_cluster_network_policy) {
    auto world = with(cnp("ingress: [{action: Deny, from: [{namespaces: {}}], protocols: [{tcp: "
                          "{destinationPort: {number: 80}}}, {udp: {destinationPort: {range: "
                          "{start: 50, end: 60}}}}, {sctp: {}}, {destinationNamedPort: "
                          "serve-81-tcp}]}]"));
    for (const auto* denied : {"80", "50/UDP", "1/SCTP", "81"}) {
        BOOST_TEST(!world.allowed("y/a", "x/a", denied));
    }
    for (const auto* open : {"80/UDP", "49/UDP", "82"}) {
        BOOST_TEST(world.allowed("y/a", "x/a", open));
    }
    BOOST_TEST(
        (cnp("ingress: [{action: Accept, from: [{namespaces: {}}]}]").ingress->front().action ==
         PolicyAction::Allow));
}

// 8.18: such objects do not pass our validation; another server may have let them in.
BOOST_AUTO_TEST_CASE(what_is_not_known_closes_the_rule) {
    const auto rule = [](const char* action, const char* field) {
        const labctl::api::Json peer{{field, {{"x", 1}}}};
        const labctl::api::Json json{{"action", action}, {"from", {peer}}};
        const auto policy = object(
            {{"kind", "ClusterNetworkPolicy"},
             {"metadata", {{"name", "p"}}},
             {"spec",
              {{"tier", "Admin"},
               {"subject", {{"namespaces", labctl::api::Json::object()}}},
               {"ingress", {json}}}}});
        return policy_value(policy)->ingress->front();
    };
    const auto accept = rule("Accept", "teleport");
    BOOST_REQUIRE(accept.peers.has_value());
    BOOST_TEST(accept.peers->empty());
    for (const auto* action : {"Deny", "Pass"}) {
        const auto closed = rule(action, "domainNames");
        BOOST_TEST((closed.action == PolicyAction::Deny));
        BOOST_TEST(!closed.peers.has_value());
        BOOST_TEST(!closed.ports.has_value());
    }
    auto no_subject = object(
        {{"kind", "ClusterNetworkPolicy"},
         {"spec", {{"ingress", {{{"action", "Deny"}, {"from", {{{"namespaces", {}}}}}}}}}}});
    BOOST_TEST(with(*policy_value(no_subject)).reach("x/a") == kAll);
}

// 2.8, 2.9, 2.10
BOOST_AUTO_TEST_CASE(pods_namespaces_and_nodes) {
    labctl::api::Json body{
        {"kind", "Pod"},
        {"metadata", {{"name", "a"}, {"namespace", "x"}, {"labels", {{"k", "v"}}}}},
        {"spec",
         {{"nodeName", "node-1"},
          {"containers",
           {{{"name", "c"},
             {"ports",
              {{{"name", "web"}, {"containerPort", 80}, {"protocol", "TCP"}},
               {{"containerPort", 81}}}}}}},
          {"initContainers",
           {{{"name", "side"},
             {"restartPolicy", "Always"},
             {"ports", {{{"name", "dns"}, {"containerPort", 53}, {"protocol", "UDP"}}}}},
            {{"name", "once"}, {"ports", {{{"name", "no"}, {"containerPort", 9}}}}}}}}},
        {"status",
         {{"phase", "Running"}, {"podIPs", {{{"ip", "10.0.0.1"}}, {{"ip", "fd00::1"}}}}}}};
    const auto pod = labctl::compile::policy_pod(object(body));
    BOOST_REQUIRE(pod.has_value());
    BOOST_TEST(pod->ips.size() == 2U);
    BOOST_TEST(pod->node == "node-1");
    BOOST_REQUIRE(pod->ports.size() == 2U);
    BOOST_TEST((pod->ports[0] == NamedPort{"dns", Protocol::Udp, 53}));
    BOOST_TEST((pod->ports[1] == NamedPort{"web", Protocol::Tcp, 80}));
    BOOST_TEST(labctl::compile::declared_ports(object(body)).size() == 3U);
    for (const auto* ended : {"Succeeded", "Failed"}) {
        auto over = body;
        over["status"]["phase"] = ended;
        BOOST_TEST(!labctl::compile::policy_pod(object(over)).has_value());
    }
    body["status"].erase("podIPs");
    BOOST_TEST(!labctl::compile::policy_pod(object(body)).has_value());
    const auto ns = labctl::compile::policy_namespace(object(
        {{"kind", "Namespace"},
         {"metadata", {{"name", "x"}, {"labels", {{"kubernetes.io/metadata.name", "lie"}}}}}}));
    BOOST_TEST((ns.labels == PolicyLabels{{"kubernetes.io/metadata.name", "x"}}));
    const auto node = labctl::compile::policy_node(object(
        {{"kind", "Node"},
         {"metadata", {{"name", "n"}}},
         {"status",
          {{"addresses",
            {{{"address", "n"}}, {{"address", "172.18.0.2"}}, {{"address", "fd01::2"}}}}}}}));
    BOOST_TEST(node.ips.size() == 2U);
}

BOOST_AUTO_TEST_SUITE_END()
