#include <boost/test/unit_test.hpp>

#include "tests/unit/manifest_fixture.h"

using namespace manifest_test;

namespace {

std::string repeated(const std::string& item, int times) {
    std::string text;
    for (int i = 0; i < times; ++i) {
        text += (i == 0 ? "" : ", ") + item;
    }
    return "[" + text + "]";
}

std::string with_spec(const std::string& kind, const std::string& version, std::string spec) {
    for (std::size_t at = 0; (at = spec.find('\n', at)) != std::string::npos; at += 3) {
        spec.insert(at + 1, "  ");
    }
    return "apiVersion: policy.networking.k8s.io/" + version + "\nkind: " + kind +
           "\nmetadata: {name: default}\nspec:\n  " + spec + "\n";
}

std::string anp(const std::string& spec) {
    return with_spec("AdminNetworkPolicy", "v1alpha1", spec);
}
std::string banp(const std::string& spec) {
    return with_spec("BaselineAdminNetworkPolicy", "v1alpha1", spec);
}
std::string cnp(const std::string& spec) {
    return with_spec("ClusterNetworkPolicy", "v1alpha2", spec);
}

/// A finding without where it is and what it is about.
std::string what(const std::string& text) {
    const auto all = findings(text);
    return all.size() == 1 ? message(text) : std::to_string(all.size()) + " findings";
}

bool says(const std::string& text, const std::string& words) {
    const auto got = what(text);
    const bool found = got.find(words) != std::string::npos;
    if (!found) {
        BOOST_TEST_MESSAGE("'" << words << "' is not in '" << got << "'");
    }
    return found;
}

const std::string kSubject = "subject: {namespaces: {}}";
const std::string kAdmin = "priority: 5\n" + kSubject;
const std::string kCluster = "tier: Admin\npriority: 5\n" + kSubject;

std::string egress(const std::string& head, const std::string& action, const std::string& rest) {
    return head + "\negress: [{action: " + action + ", " + rest + "}]";
}

} // namespace

BOOST_AUTO_TEST_SUITE(policy_validation)

// 2.7, 3.11, 4.9, 4.12, 5.4: the API server's words, at the place of the value.
BOOST_AUTO_TEST_CASE(what_is_wrong_with_a_network_policy) {
    struct Row {
        const char* spec;
        const char* finding;
    };
    for (const auto& row : {
             Row{"podSelector: {matchExpressions: [{key: a, operator: In}]}",
                 "6:36 error: NetworkPolicy \"a\": spec.podSelector.matchExpressions[0].values: "
                 "Required value: must be specified when `operator` is 'In' or 'NotIn'"},
             Row{"podSelector: {matchExpressions: [{key: a, operator: Exists, values: [x]}]}",
                 "values: Forbidden: may not be specified when `operator` is 'Exists' or"},
             Row{"ingress: [{from: [{}]}]",
                 "spec.ingress[0].from[0]: Required value: must specify a peer"},
             Row{"ingress: [{from: [{podSelector: {}, ipBlock: {cidr: 10.0.0.0/8}}]}]",
                 "ipBlock: Forbidden: may not specify both ipBlock and another peer"},
             Row{"egress: [{ports: [{port: 80, endPort: 79}]}]",
                 "endPort: Invalid value: 79: must be greater than or equal to `port`"},
             Row{"egress: [{ports: [{port: http, endPort: 90}]}]",
                 "endPort: Invalid value: 90: may not be specified when `port` is non-numeric"},
             Row{"egress: [{ports: [{endPort: 90}]}]",
                 "endPort: Invalid value: 90: may not be specified when `port` is not specified"},
             Row{"egress: [{ports: [{port: 0}]}]", "must be between 1 and 65535"},
             Row{"egress: [{ports: [{port: Not_A_Name}]}]", "ports[0].port: Invalid value"},
             Row{"ingress: [{ports: [{protocol: ICMP}]}]",
                 "protocol: Unsupported value: \"ICMP\": supported values"},
             Row{"ingress: [{from: [{ipBlock: {cidr: 10.0.0.0/8, except: [10.0.0.0/8]}}]}]",
                 "except[0]: Invalid value: \"10.0.0.0/8\": must be a strict subset of `cidr`"},
             Row{"ingress: [{from: [{ipBlock: {cidr: 10.0.0.0/8, except: [\"fd00::/8\"]}}]}]",
                 "must be a strict subset of `cidr`"},
             Row{"ingress: [{from: [{ipBlock: {cidr: 10.0.0.0}}]}]", "cidr: Invalid value"},
             Row{"policyTypes: [Ingres]", "policyTypes[0]: Unsupported value: \"Ingres\""},
             Row{"ingres: []", "warning: NetworkPolicy \"a\": spec.ingres: unknown field"},
         }) {
        const auto got = finding(policy(row.spec));
        BOOST_TEST_CONTEXT(row.spec << "\n" << got) {
            BOOST_TEST(got.find(row.finding) != std::string::npos);
        }
    }
}

// 3.12, 4.1, 5.5
BOOST_AUTO_TEST_CASE(defaults_of_a_network_policy) {
    const auto types = [](const char* spec) {
        return object(policy(spec))["spec"]["policyTypes"].dump();
    };
    BOOST_TEST(types("podSelector: {}") == R"(["Ingress"])");
    BOOST_TEST(types("policyTypes: []") == R"(["Ingress"])");
    BOOST_TEST(types("egress: []") == R"(["Ingress"])");
    BOOST_TEST(types("egress: [{}]") == R"(["Ingress","Egress"])");
    BOOST_TEST(types("policyTypes: [Egress]") == R"(["Egress"])");
    const auto port = object(policy("ingress: [{ports: [{port: 80}]}]"));
    BOOST_TEST(port["spec"]["ingress"][0]["ports"][0]["protocol"] == "TCP");
    BOOST_TEST(findings(policy("ingress: [{from: [{ipBlock: {cidr: 10.1.2.3/24}}]}]")).empty());
}

// 8.2, 8.12, 8.18 to 8.20
BOOST_AUTO_TEST_CASE(what_is_wrong_with_an_admin_policy) {
    BOOST_TEST(findings(anp(kAdmin)).empty());
    BOOST_TEST(says(anp(kSubject), "spec.priority: Required value"));
    BOOST_TEST(says(anp("priority: 1001\n" + kSubject), "between 0 and 1000"));
    BOOST_TEST(says(anp("priority: -1\n" + kSubject), "between 0 and 1000"));
    BOOST_TEST(says(anp("priority: 1"), "spec.subject: Required value"));
    BOOST_TEST(says(anp("priority: 1\nsubject: {}"), "must set exactly one of namespaces, pods"));
    BOOST_TEST(says(
        anp("priority: 1\nsubject: {pods: {podSelector: {}}}"),
        "spec.subject.pods.namespaceSelector: Required value"));
    BOOST_TEST(says(anp(kAdmin + "\ningress: [{action: Allow}]"), "from: Required value"));
    BOOST_TEST(says(
        anp(kAdmin + "\ningress: [{action: Accept, from: [{namespaces: {}}]}]"),
        "Unsupported value: \"Accept\""));
    BOOST_TEST(says(
        anp(kAdmin + "\ningress: [{action: Deny, from: [{namespaces: {}, pods: {podSelector: {}, "
                     "namespaceSelector: {}}}]}]"),
        "Forbidden: must set exactly one of"));
    BOOST_TEST(says(
        anp(kAdmin + "\ningress: " + repeated("{action: Deny, from: [{namespaces: {}}]}", 101)),
        "spec.ingress: Too many: 101: must have at most 100 items"));
    const auto named = egress(kAdmin, "Deny", "name: " + std::string(101, 'x'));
    BOOST_TEST(says(anp(named + "\n"), "2 findings"));
    BOOST_TEST(says(banp("priority: 3\n" + kSubject), "spec.priority: unknown field"));
    BOOST_TEST(says(
        banp(kSubject + "\ningress: [{action: Pass, from: [{namespaces: {}}]}]"),
        "Unsupported value: \"Pass\""));
    auto other = banp(kSubject);
    other.replace(other.find("default"), 7, "other");
    BOOST_TEST(says(other, "is named \"default\""));
    BOOST_TEST(says(
        "apiVersion: policy.networking.k8s.io/v1alpha2\nkind: AdminNetworkPolicy\n"
        "metadata: {name: a}\n",
        "no matches for kind"));
}

// 8.13 to 8.16
BOOST_AUTO_TEST_CASE(peers_and_ports_of_admin_policies) {
    const auto rule = [](const std::string& rest) { return anp(egress(kAdmin, "Deny", rest)); };
    BOOST_TEST(findings(rule("to: [{networks: [10.0.0.0/8]}, {nodes: {}}]")).empty());
    BOOST_TEST(says(rule("to: [{networks: [10.0.0]}]"), "networks[0]: Invalid value"));
    BOOST_TEST(says(rule("to: [{networks: []}]"), "should have at least 1 items"));
    BOOST_TEST(
        says(rule("to: [{networks: [10.0.0.0/8, 10.0.0.0/8]}]"), "networks[1]: Duplicate value"));
    BOOST_TEST(says(rule("to: [{networks: " + repeated("10.0.0.0/8", 26) + "}]"), "findings"));
    BOOST_TEST(says(
        rule("to: [{domainNames: [example.com]}]"),
        "domainNames: Forbidden: labctl cannot match domain names"));
    const std::string to = "to: [{namespaces: {}}], ports: ";
    BOOST_TEST(findings(rule(to + "[{portNumber: {port: 80}}, {namedPort: web}]")).empty());
    BOOST_TEST(says(rule(to + "[]"), "should have at least 1 items"));
    BOOST_TEST(says(rule(to + "[{}]"), "exactly one of portNumber, namedPort, portRange"));
    BOOST_TEST(says(rule(to + "[{portNumber: {port: 0}}]"), "between 1 and 65535"));
    BOOST_TEST(says(
        rule(to + "[{portRange: {start: 80, end: 80}}]"), "Start port must be less than End port"));
    BOOST_TEST(says(
        rule("to: [{nodes: {}}], ports: [{namedPort: web}]"),
        "namedPort: Forbidden: networks and nodes have no named ports"));
}

// 8.17, 8.20
BOOST_AUTO_TEST_CASE(what_is_wrong_with_a_cluster_network_policy) {
    const auto rule = [](const std::string& rest) { return cnp(egress(kCluster, "Accept", rest)); };
    BOOST_TEST(findings(cnp(kCluster)).empty());
    BOOST_TEST(says(cnp(kAdmin), "spec.tier: Required value"));
    BOOST_TEST(says(cnp("tier: Middle\n" + kAdmin), "spec.tier: Unsupported value"));
    BOOST_TEST(says(
        cnp(egress(kCluster, "Allow", "to: [{namespaces: {}}]")), "Unsupported value: \"Allow\""));
    BOOST_TEST(says(
        cnp(kCluster + "\ningress: " + repeated("{action: Deny, from: [{namespaces: {}}]}", 26)),
        "must have at most 25 items"));
    const std::string to = "to: [{namespaces: {}}], protocols: ";
    BOOST_TEST(findings(rule(to + "[{tcp: {}}, {udp: {destinationPort: {number: 53}}}]")).empty());
    BOOST_TEST(says(rule(to + "[{}]"), "exactly one of tcp, udp, sctp, destinationNamedPort"));
    BOOST_TEST(says(rule(to + "[{tcp: {destinationPort: {}}}]"), "exactly one of number, range"));
    BOOST_TEST(says(
        rule(to + "[{tcp: {destinationPort: {range: {start: 9, end: 8}}}}]"),
        "Start port must be less than End port"));
    BOOST_TEST(says(
        rule("to: [{networks: [10.0.0.0/8]}], protocols: [{destinationNamedPort: web}]"),
        "networks and nodes have no named ports"));
}

BOOST_AUTO_TEST_SUITE_END()
