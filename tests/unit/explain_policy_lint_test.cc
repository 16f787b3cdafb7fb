#include <boost/test/unit_test.hpp>

#include "labctl/explain/policy_lint.h"
#include "tests/support/imagined_lab.h"

using namespace labctl;
using namespace labctl::test;

namespace {

const std::string kShop =
    namespace_yaml("shop") + namespace_yaml("other") + deployment_yaml("shop", "web", 8080) +
    deployment_yaml("shop", "db", 5432) + deployment_yaml("other", "web", 8080);

/// "NAME PATH: MESSAGE" for each finding.
std::vector<std::string> lint(const std::string& yaml) {
    std::vector<std::string> found;
    for (const auto& finding : explain::lint_policies(compile::policy_world(imagined_lab(yaml)))) {
        BOOST_TEST(!finding.hint.empty());
        found.push_back(finding.policy->name + " " + finding.path + ": " + finding.message);
    }
    return found;
}

bool has(const std::string& text, const std::string& words) {
    const bool found = text.find(words) != std::string::npos;
    if (!found) {
        BOOST_TEST_MESSAGE("'" << words << "' is not in '" << text << "'");
    }
    return found;
}

/// The only finding about the shop with this policy of it.
std::string one(const std::string& spec) {
    const auto found = lint(kShop + netpol_yaml("shop", "p", spec));
    std::string all;
    for (const auto& text : found) {
        all += text + "\n";
    }
    return found.size() == 1 ? found.front() : std::to_string(found.size()) + " findings\n" + all;
}

std::string cnp(const std::string& name, int priority, const std::string& rules) {
    return "---\napiVersion: policy.networking.k8s.io/v1alpha2\nkind: ClusterNetworkPolicy\n"
           "metadata: {name: " +
           name + "}\nspec:\n  tier: Admin\n  priority: " + std::to_string(priority) +
           "\n  subject: {namespaces: {matchLabels: {team: shop}}}\n  ingress: " + rules + "\n";
}

const std::string kDenyAll = "{action: Deny, from: [{namespaces: {}}]}";
const std::string kAllowShop =
    "{action: Accept, from: [{namespaces: {matchLabels: {team: shop}}}]}";

} // namespace

BOOST_AUTO_TEST_SUITE(policy_lint)

BOOST_AUTO_TEST_CASE(good_policies_have_no_findings) {
    BOOST_TEST(lint(kShop + netpol_yaml("shop", "deny", "podSelector: {}")).empty());
    BOOST_TEST(lint(kShop + netpol_yaml("shop", "deny-out", "policyTypes: [Egress]")).empty());
    const auto found = one("podSelector: {matchLabels: {app: db}}\n"
                           "ingress: [{from: [{podSelector: {matchLabels: {app: web}}}], "
                           "ports: [{port: 5432}, {port: http}]}]");
    BOOST_TEST(found == "0 findings\n");
    BOOST_TEST(lint(kShop + cnp("a", 1, "[" + kAllowShop + ", " + kDenyAll + "]")).empty());
}

BOOST_AUTO_TEST_CASE(selectors_that_select_nothing) {
    BOOST_TEST(
        one("podSelector: {matchLabels: {app: wbe}}") ==
        "p spec.podSelector: selects nothing: there are no pods with app=wbe of namespace shop");
    BOOST_TEST(has(
        one("podSelector: {}\ningress: [{from: [{podSelector: {matchLabels: {app: client}}}]}]"),
        "p spec.ingress[0].from[0]: this peer matches nothing: there are no pods with app=client"));
    BOOST_TEST(has(
        one("podSelector: {}\ningress: [{from: [{namespaceSelector: {matchLabels: {team: x}}}]}]"),
        "there are no pods of namespaces with team=x"));
    // Without any pod there is nothing to compare with.
    BOOST_TEST(lint(
                   namespace_yaml("shop") +
                   netpol_yaml("shop", "p", "podSelector: {matchLabels: {app: wbe}}"))
                   .empty());
}

// 4.4 to 4.6
BOOST_AUTO_TEST_CASE(ports_that_no_pod_has) {
    const std::string db = "podSelector: {matchLabels: {app: db}}\n";
    BOOST_TEST(
        has(one(db + "ingress: [{ports: [{port: 5432}, {port: 80}]}]"),
            "spec.ingress[0].ports[1]: no pod that this policy selects declares port 80 TCP"));
    BOOST_TEST(has(
        one(db + "ingress: [{ports: [{port: 5432, protocol: UDP}]}]"), "declares port 5432 UDP"));
    BOOST_TEST(one(db + "ingress: [{ports: [{port: 5000, endPort: 6000}]}]") == "0 findings\n");
    BOOST_TEST(
        has(one(db + "ingress: [{ports: [{port: http, protocol: UDP}]}]"),
            "port name \"http\" UDP matches nothing, because the protocol is another: shop/db-"));
    BOOST_TEST(
        has(one(db + "ingress: [{ports: [{port: web}]}]"), "declares port name \"web\" TCP"));
}

// 3.8
BOOST_AUTO_TEST_CASE(two_peers_where_one_was_meant) {
    const std::string namespaces = "namespaceSelector: {matchLabels: {team: other}}";
    const std::string pods = "podSelector: {matchLabels: {app: web}}";
    BOOST_TEST(has(
        one("ingress:\n- from:\n  - " + namespaces + "\n  - " + pods),
        "p spec.ingress[0].from[1]: this podSelector is a peer of its own, so the rule matches all "
        "pods of namespaces with team=other or pods with app=web of namespace shop"));
    BOOST_TEST(one("ingress:\n- from:\n  - " + namespaces + "\n    " + pods) == "0 findings\n");
    BOOST_TEST(one("ingress:\n- from:\n  - " + pods + "\n  - " + namespaces) == "0 findings\n");
}

BOOST_AUTO_TEST_CASE(egress_without_dns) {
    const std::string egress = "podSelector: {matchLabels: {app: web}}\npolicyTypes: [Egress]\n"
                               "egress:\n- to: [{podSelector: {matchLabels: {app: db}}}]\n";
    BOOST_TEST(has(one(egress), "spec.egress: its pods may not reach the cluster's DNS"));
    const std::string dns =
        "- ports: [{port: 53, protocol: UDP}]\n"
        "  to: [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: "
        "kube-system}}}]";
    BOOST_TEST(one(egress + dns) == "0 findings\n");
    // Another policy may allow it.
    const auto other =
        netpol_yaml("shop", "dns", "podSelector: {}\npolicyTypes: [Egress]\negress:\n" + dns);
    BOOST_TEST(lint(kShop + netpol_yaml("shop", "p", egress) + other).empty());
    // And files without workloads are looked at too.
    const auto alone = lint(namespace_yaml("shop") + netpol_yaml("shop", "p", egress));
    BOOST_REQUIRE(alone.size() == 1U);
    BOOST_TEST(has(alone.front(), "cluster's DNS"));
}

// 8.3
BOOST_AUTO_TEST_CASE(admin_rules_that_never_decide) {
    const auto in_one = lint(kShop + cnp("a", 1, "[" + kDenyAll + ", " + kAllowShop + "]"));
    BOOST_REQUIRE(in_one.size() == 1U);
    BOOST_TEST(has(
        in_one.front(),
        "a spec.ingress[1]: this rule never decides: rule 1, which comes first, denies all that it "
        "matches"));
    const auto in_two =
        lint(kShop + cnp("a", 2, "[" + kAllowShop + "]") + cnp("b", 1, "[" + kDenyAll + "]"));
    BOOST_REQUIRE(in_two.size() == 1U);
    BOOST_TEST(has(in_two.front(), "rule 1 of ClusterNetworkPolicy b, which comes first"));
    const auto ports = "[{action: Deny, from: [{namespaces: {}}], protocols: [{tcp: "
                       "{destinationPort: {number: 8080}}}]}, " +
                       kAllowShop + "]";
    BOOST_TEST(lint(kShop + cnp("a", 1, ports)).empty());
}

// 8.2
BOOST_AUTO_TEST_CASE(equal_priorities_that_overlap) {
    const auto found =
        lint(kShop + cnp("a", 5, "[" + kAllowShop + "]") + cnp("b", 5, "[" + kDenyAll + "]"));
    BOOST_REQUIRE(found.size() == 1U);
    BOOST_TEST(
        has(found.front(),
            "b spec.priority: has the same priority as ClusterNetworkPolicy a and selects"));
    BOOST_TEST(has(found.front(), "for example shop/"));
    BOOST_TEST(lint(kShop + cnp("a", 5, "[" + kAllowShop + "]") + cnp("b", 6, "[" + kDenyAll + "]"))
                   .empty());
}

BOOST_AUTO_TEST_SUITE_END()
