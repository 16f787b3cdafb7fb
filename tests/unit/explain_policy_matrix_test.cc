#include <boost/test/unit_test.hpp>

#include "labctl/explain/policy_diff.h"
#include "labctl/explain/policy_outside.h"
#include "netemu/base/error.h"
#include "tests/support/imagined_lab.h"

using namespace labctl;
using namespace labctl::compile;
using namespace labctl::explain;
using namespace labctl::test;

namespace {

const std::string kTeam =
    namespace_yaml("shop") + namespace_yaml("other") + deployment_yaml("shop", "web", 8080) +
    deployment_yaml("shop", "db", 5432) + deployment_yaml("other", "web", 8080);
const std::string kOnlyWeb = netpol_yaml(
    "shop",
    "db",
    "podSelector: {matchLabels: {app: db}}\n"
    "ingress: [{from: [{podSelector: {matchLabels: {app: web}}}]}]");

/// "5432/TCP: shop/deployment/web>shop/deployment/db=2/2 ..." for each plane.
std::vector<std::string> table(const PolicyWorld& world, const MatrixQuery& query) {
    const auto plan = plan_matrix(world, query);
    const services::PolicyEvaluator evaluator(world.cluster);
    std::vector<std::string> lines;
    for (const auto& plane : plan.planes) {
        auto line = plane.port.to_string() + ":";
        for (const auto& from : plan.ends) {
            for (const auto to : plane.destinations) {
                const auto cell = evaluate_pair(evaluator, from, plan.ends[to], plane.port);
                line += " " + from.name + ">" + plan.ends[to].name + "=" +
                        std::to_string(cell.allowed) + "/" + std::to_string(cell.flows);
            }
        }
        lines.push_back(line);
    }
    return lines;
}

} // namespace

BOOST_AUTO_TEST_SUITE(policy_matrix)

BOOST_AUTO_TEST_CASE(workloads_on_declared_ports) {
    const auto world = policy_world(imagined_lab(kTeam + kOnlyWeb));
    MatrixQuery query;
    query.by_workload = true;
    const auto lines = table(world, query);
    BOOST_REQUIRE(lines.size() == 2U);
    BOOST_TEST(
        lines[0] == "5432/TCP: other/deployment/web>shop/deployment/db=0/4 "
                    "shop/deployment/db>shop/deployment/db=0/2 "
                    "shop/deployment/web>shop/deployment/db=4/4");
    BOOST_TEST(lines[1].find("other/deployment/web>shop/deployment/web=4/4") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(pods_of_one_namespace_on_given_ports) {
    const auto world = policy_world(imagined_lab(kTeam + kOnlyWeb));
    MatrixQuery query;
    query.ns = "shop";
    query.selector = api::Selector::parse("app=db");
    query.ports = {parse_flow_port("80"), parse_flow_port("53/udp")};
    const auto plan = plan_matrix(world, query);
    BOOST_TEST(plan.ends.size() == 2U);
    BOOST_REQUIRE(plan.planes.size() == 2U);
    BOOST_TEST(plan.planes[0].destinations.size() == 2U);
    const services::PolicyEvaluator evaluator(world.cluster);
    // A pod reaches itself, and not its sister.
    BOOST_TEST(
        evaluate_pair(evaluator, plan.ends[0], plan.ends[0], plan.planes[0].port).allowed == 1U);
    const auto cell = evaluate_pair(evaluator, plan.ends[0], plan.ends[1], plan.planes[0].port);
    BOOST_TEST(cell.allowed == 0U);
    BOOST_TEST(
        verdict_text(cell.verdict) ==
        "ingress isolated by NetworkPolicy shop/db (lab.yaml:" +
            cell.verdict.ingress.policy->source.substr(std::string("lab.yaml:").size()) +
            "), no rule matches");
    query.protocol = services::Protocol::Udp;
    BOOST_TEST(plan_matrix(world, query).planes.size() == 1U);
}

BOOST_AUTO_TEST_CASE(system_pods_only_when_asked) {
    const auto world = policy_world(imagined_lab(kTeam));
    MatrixQuery query;
    const auto without = plan_matrix(world, query).ends.size();
    query.all_namespaces = true;
    BOOST_TEST(plan_matrix(world, query).ends.size() > without);
    query.ns = "kube-system";
    BOOST_TEST(!plan_matrix(world, query).ends.empty());
}

BOOST_AUTO_TEST_CASE(ports_are_read) {
    BOOST_TEST(parse_flow_port("80").to_string() == "80/TCP");
    BOOST_TEST(parse_flow_port("7/sctp").to_string() == "7/SCTP");
    for (const auto* bad : {"", "x", "0", "65536", "80/", "80/ICMP", "/tcp", "8 0"}) {
        BOOST_CHECK_THROW((void)parse_flow_port(bad), netemu::UsageError);
    }
}

BOOST_AUTO_TEST_CASE(what_a_verdict_says) {
    auto world = policy_world(imagined_lab(kTeam + kOnlyWeb));
    const services::PolicyEvaluator evaluator(world.cluster);
    MatrixQuery query;
    query.by_workload = true;
    const auto plan = plan_matrix(world, query);
    const auto port = parse_flow_port("5432");
    const auto allowed = evaluate_pair(evaluator, plan.ends[2], plan.ends[1], port);
    BOOST_TEST(
        verdict_text(allowed.verdict, false) == "ingress allowed by NetworkPolicy shop/db rule 1");
    const auto json = opinion_json(allowed.verdict.ingress, services::PolicyDirection::Ingress);
    BOOST_TEST(json["policy"] == "NetworkPolicy shop/db");
    BOOST_TEST(json["rule"] == 1);
    const auto open = evaluate_pair(evaluator, plan.ends[1], plan.ends[2], port);
    BOOST_TEST(verdict_text(open.verdict) == "no policy");
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(policy_diff)

BOOST_AUTO_TEST_CASE(flows_that_change) {
    const auto before = policy_world(imagined_lab(kTeam));
    const auto after = policy_world(imagined_lab(kTeam + kOnlyWeb));
    const auto diff = diff_policies(before, after);
    std::vector<std::string> changes;
    for (const auto& change : diff.changes) {
        changes.push_back(
            change.from + ">" + change.to + " " + change.port.to_string() + " " +
            cell_word(change.before) + " " + cell_word(change.after));
    }
    // The cluster's DNS pods are clients too.
    BOOST_REQUIRE(changes.size() == 4U);
    BOOST_TEST(
        changes[0] == "kube-system/deployment/coredns>shop/deployment/db 5432/TCP allowed denied");
    BOOST_TEST(changes[1] == "other/deployment/web>shop/deployment/db 5432/TCP allowed denied");
    BOOST_TEST(changes[2] == "shop/deployment/db>shop/deployment/db 5432/TCP allowed denied");
    BOOST_TEST(changes[3] == "outside>shop/deployment/db 5432/TCP allowed denied");
    BOOST_TEST(diff_policies(after, after).changes.empty());
    BOOST_TEST(diff_policies(after, before).changes.size() == 4U);
}

BOOST_AUTO_TEST_CASE(an_ip_block_that_changes_is_told_by_the_ranges_that_fare_otherwise) {
    const auto with = [](const std::string& blocks) {
        return policy_world(imagined_lab(kTeam + R"(---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: db, namespace: shop}
spec:
  podSelector: {matchLabels: {app: db}}
  policyTypes: [Ingress, Egress]
  ingress: [{from: [)" + blocks + R"(]}]
  egress: [{to: [)" + blocks + R"(], ports: [{port: 8443}]}]
)"));
    };
    const auto before = with("{ipBlock: {cidr: 192.0.0.0/16, except: [192.0.2.0/24]}}");
    const auto after = with("{ipBlock: {cidr: 192.0.0.0/16}}, {ipBlock: {cidr: 10.9.0.0/24}}");
    std::vector<std::string> changes;
    for (const auto& change : diff_policies(before, after).changes) {
        changes.push_back(
            change.from + ">" + change.to + " " + change.port.to_string() + " " +
            cell_word(change.before) + " " + cell_word(change.after));
    }
    const std::vector<std::string> want{
        "outside 10.9.0.0/24>shop/deployment/db 5432/TCP denied allowed",
        "shop/deployment/db>outside 10.9.0.0/24 8443/TCP denied allowed",
        "outside 192.0.2.0/24>shop/deployment/db 5432/TCP denied allowed",
        "shop/deployment/db>outside 192.0.2.0/24 8443/TCP denied allowed",
    };
    BOOST_TEST(changes == want, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(ranges_that_are_all_made_of_smaller_ones_are_not_asked) {
    const auto world = policy_world(imagined_lab(kTeam + R"(---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: halves, namespace: shop}
spec:
  podSelector: {}
  ingress:
    - from:
        - {ipBlock: {cidr: 10.8.0.0/24, except: [10.8.0.0/25, 10.8.0.128/25]}}
        - {ipBlock: {cidr: 255.255.255.0/24, except: [255.255.255.128/25]}}
)"));
    std::vector<std::string> names;
    for (const auto& end : outside_ends({&world})) {
        names.push_back(end.name + " " + end.address.to_string());
    }
    const std::vector<std::string> want{
        "outside 0.0.0.0",
        "outside 10.8.0.0/25 10.8.0.0",
        "outside 10.8.0.128/25 10.8.0.128",
        "outside 255.255.255.0/24 255.255.255.0",
        "outside 255.255.255.128/25 255.255.255.128",
    };
    BOOST_TEST(names == want, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(workloads_that_come_and_go) {
    const auto before = policy_world(imagined_lab(kTeam));
    const auto after = policy_world(imagined_lab(kTeam + deployment_yaml("shop", "new", 80)));
    const auto diff = diff_policies(before, after);
    BOOST_TEST(diff.changes.empty());
    BOOST_REQUIRE(diff.added.size() == 1U);
    BOOST_TEST(diff.added.front() == "shop/deployment/new");
    BOOST_TEST(diff_policies(after, before).removed.size() == 1U);
}

BOOST_AUTO_TEST_SUITE_END()
