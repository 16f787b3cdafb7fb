#include <boost/test/unit_test.hpp>

#include "labctl/explain/mesh_lint.h"
#include "tests/unit/explain_mesh_fixture.h"

// NOLINTBEGIN: Boost.Test's macros
using namespace labctl;
using namespace labctl::test;

namespace {

/// "NAME PATH: MESSAGE | HINT" for each finding.
std::vector<std::string> lint_of(const std::string& yaml) {
    MeshLab lab(yaml);
    std::vector<std::string> found;
    for (const auto& finding : explain::lint_mesh(lab.store)) {
        found.push_back(
            finding.object->name() + " " + finding.path + ": " + finding.message + " | " +
            finding.hint);
    }
    return found;
}

std::string rules(const std::string& text, const std::string& more = {}) {
    return authorization_yaml(
        "shop", "p", "{" + more + "selector: {matchLabels: {app: backend}}, rules: " + text + "}");
}

std::string source(const std::string& text) {
    return rules("[{from: [{source: {" + text + "}}]}]");
}

} // namespace

BOOST_AUTO_TEST_SUITE(lint_mesh)

BOOST_AUTO_TEST_CASE(what_is_hardly_meant) {
    struct Row {
        std::string yaml, begin;
    };
    const std::vector<Row> table{
        {authorization_yaml("shop", "p", "{selector: {matchLabels: {app: nobody}}}"),
         "p spec.selector: selects nothing: there are no pods with app=nobody in the namespace "
         "shop"},
        {authentication_yaml(
             "shop", "p", "{selector: {matchLabels: {app: old}}, mtls: {mode: STRICT}}"),
         "p spec.selector: selects nothing"}, // they are elsewhere
        {authorization_yaml("istio-system", "p", "{selector: {matchLabels: {app: nobody}}}"),
         "p spec.selector: selects nothing: there are no pods with app=nobody | "},
        {source("principals: [cluster.local/ns/shop/sa/fronted]"),
         "p spec.rules[0].from[0].source.principals[0]: there is no ServiceAccount shop/fronted, "
         "so "
         "nobody has this identity | did you mean shop/frontend?"},
        {source("principals: ['*'], notPrincipals: [cluster.local/ns/shop/sa/x]"),
         "p spec.rules[0].from[0].source.notPrincipals[0]: there is no ServiceAccount shop/x"},
        {source("serviceAccounts: [shop/frontend, gone]"),
         "p spec.rules[0].from[0].source.serviceAccounts[1]: there is no ServiceAccount shop/gone"},
        {source("principals: ['spiffe://cluster.local/ns/shop/sa/frontend']"),
         "p spec.rules[0].from[0].source.principals[0]: principals are written without spiffe://"},
        {rules("[{when: [{key: source.principal, values: ['spiffe://a/ns/b/sa/c']}]}]"),
         "p spec.rules[0].when[0].values[0]: principals are written without spiffe://"},
        {rules("[{to: [{operation: {ports: ['80']}}]}]"),
         "p spec.rules[0].to[0].operation.ports[0]: port 80 is that of Service shop/backend, and "
         "policies see the pods' own: this matches nothing | write the port of the container: "
         "8080"},
        {rules("[{to: [{operation: {notPorts: ['80']}}]}]"),
         "p spec.rules[0].to[0].operation.notPorts[0]: port 80 is that of Service"},
        {rules("[{when: [{key: destination.port, values: ['80']}]}]"),
         "p spec.rules[0].when[0].values[0]: port 80 is that of Service"},
        {authentication_yaml(
             "shop",
             "p",
             "{selector: {matchLabels: {app: backend}}, portLevelMtls: {80: {mode: STRICT}}}"),
         "p spec.portLevelMtls: port 80 is that of Service"},
        {rules("[{to: [{operation: {methods: [GET], ports: ['9000']}}]}]"),
         "p spec.rules[0]: it asks for what only HTTP has (methods, paths, hosts, headers), but is "
         "for TCP (port 9000): such a rule is left out, so it allows nothing"},
        {rules("[{to: [{operation: {paths: [/x], ports: ['9000']}}]}]", "action: DENY, "),
         "p spec.rules[0]: it asks for what only HTTP has (methods, paths, hosts, headers), but is "
         "for TCP (port 9000): those fields are left out, so it matches more than it says"},
    };
    for (const auto& row : table) {
        const auto found = lint_of(row.yaml);
        BOOST_TEST_CONTEXT(row.yaml) {
            BOOST_REQUIRE(found.size() == 1U);
            BOOST_TEST(found[0].substr(0, row.begin.size()) == row.begin);
        }
    }
}

BOOST_AUTO_TEST_CASE(what_is_well_meant) {
    for (const auto& yaml : {
             rules("[{to: [{operation: {ports: ['8080']}}]}]"),
             rules("[{to: [{operation: {ports: ['4321']}}]}]"), // nobody's: it may be undeclared
             rules("[{to: [{operation: {methods: [GET]}}]}]"),  // for 8080, too
             rules("[{to: [{operation: {methods: [GET], ports: ['7000']}}]}]"), // may be HTTP
             source("principals: [cluster.local/ns/shop/sa/frontend, "
                    "cluster.local/ns/legacy/sa/default]"),
             source("principals: ['*', 'cluster.local/ns/shop/*', '*/sa/x', 'a/ns/b/sa/*']"),
             source("serviceAccounts: [frontend, legacy/default]"),
             authorization_yaml("istio-system", "p", "{selector: {matchLabels: {app: old}}}"),
             authentication_yaml("istio-system", "p", "{mtls: {mode: STRICT}}"),
         }) {
        const auto found = lint_of(yaml);
        BOOST_TEST(found.empty(), (found.empty() ? "" : found[0]) + " of " + yaml);
    }
}

BOOST_AUTO_TEST_CASE(kinds) {
    BOOST_TEST(explain::is_mesh_kind("PeerAuthentication"));
    BOOST_TEST(explain::is_mesh_kind("AuthorizationPolicy"));
    BOOST_TEST(explain::is_mesh_kind("RequestAuthentication"));
    BOOST_TEST(!explain::is_mesh_kind("NetworkPolicy"));
}

BOOST_AUTO_TEST_CASE(tokens) {
    const auto asks = source("requestPrincipals: ['*']");
    const auto begins = [](const std::string& yaml, const std::string& begin) {
        const auto found = lint_of(yaml);
        BOOST_TEST_CONTEXT(yaml) {
            BOOST_REQUIRE(found.size() == 1U);
            BOOST_TEST(found[0].substr(0, begin.size()) == begin);
        }
    };
    begins(
        asks,
        "p spec.rules[0]: it asks for what a token says, but no RequestAuthentication is for pod "
        "shop/backend-");
    begins(
        rules("[{when: [{key: 'request.auth.claims[groups]', values: [a]}]}]"),
        "p spec.rules[0]: it asks for what a token says");
    BOOST_TEST(lint_of(asks + token_yaml("legacy", "t")).size() == 2U); // each is without the other
    begins(
        token_yaml("shop", "t", "app: backend"),
        "t spec: it refuses bad tokens, but requires none: requests without a token reach pod "
        "shop/backend-");
    begins(token_yaml("shop", "t", "app: nobody"), "t spec.selector: selects nothing");
    BOOST_TEST(lint_of(asks + token_yaml("shop", "t", "app: backend")).empty());
    BOOST_TEST(lint_of(asks + token_yaml("istio-system", "t", "app: backend")).empty());
}

BOOST_AUTO_TEST_SUITE_END()
// NOLINTEND
