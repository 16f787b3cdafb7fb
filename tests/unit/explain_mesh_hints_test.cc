#include <boost/test/unit_test.hpp>

#include "tests/unit/explain_mesh_fixture.h"

// NOLINTBEGIN: Boost.Test's macros
using namespace labctl;
using namespace labctl::test;

namespace {

bool tells(const std::string& text, const std::string& words) {
    const bool found = text.find(words) != std::string::npos;
    if (!found) {
        BOOST_TEST_MESSAGE("'" << words << "' is not in '" << text << "'");
    }
    return found;
}

std::string backend_policy(const std::string& more) {
    return authorization_yaml(
        "shop", "p", "{selector: {matchLabels: {app: backend}}, " + more + "}");
}

} // namespace

BOOST_AUTO_TEST_SUITE(explain_mesh_hints)

BOOST_AUTO_TEST_CASE(nothing_to_say) {
    MeshLab lab(backend_policy("rules: [{to: [{operation: {ports: ['8080']}}]}]"));
    BOOST_TEST(lab.hints("frontend", "http://backend/") == "");
}

BOOST_AUTO_TEST_CASE(where_beginners_err) {
    struct Row {
        const char* what;
        std::string yaml;
        const char *from, *to, *words;
    };
    const std::vector<Row> rows{
        {"HTTP fields on TCP, ALLOW",
         backend_policy("rules: [{to: [{operation: {methods: [GET]}}]}]"),
         "frontend",
         "backend:9000",
         "port 9000 is read as TCP: such a rule is left out, so it allows nothing"},
        {"HTTP fields on TCP, DENY",
         backend_policy("action: DENY, rules: [{to: [{operation: {methods: [GET]}}]}]"),
         "frontend",
         "backend:9000",
         "the rule matches more than it says"},
        {"the Service's port in a policy",
         backend_policy("rules: [{to: [{operation: {ports: ['80']}}]}]"),
         "frontend",
         "http://backend/",
         "names port 80, which is the Service's: policies see the port of the workload | write "
         "8080"},
        {"the same in a condition",
         backend_policy("rules: [{when: [{key: destination.port, values: ['80']}]}]"),
         "frontend",
         "http://backend/",
         "names port 80, which is the Service's"},
        {"spiffe:// before a principal",
         backend_policy(
             "rules: [{from: [{source: {principals: ['spiffe://cluster.local/ns/a/sa/b']}}]}]"),
         "frontend",
         "http://backend/",
         "so this one matches nobody | write cluster.local/ns/a/sa/b"},
        {"portLevelMtls without selector",
         authentication_yaml("shop", "p", "{portLevelMtls: {8080: {mode: STRICT}}}"),
         "frontend",
         "http://backend/",
         "portLevelMtls of PeerAuthentication shop/p does nothing: the policy has no selector"},
        {"portLevelMtls of the Service's port",
         authentication_yaml(
             "shop",
             "p",
             "{selector: {matchLabels: {app: backend}}, portLevelMtls: {80: {mode: STRICT}}}"),
         "frontend",
         "http://backend/",
         "names port 80, which is the Service's: it does nothing here | write the port of the "
         "container: 8080"},
        {"a selector in the root namespace",
         authentication_yaml(
             "istio-system",
             "p",
             "{selector: {matchLabels: {app: backend}}, mtls: {mode: STRICT}}"),
         "frontend",
         "http://backend/",
         "is ignored: it is in the root namespace and has a selector"},
        {"no sidecar, STRICT",
         authentication_yaml("shop", "p", "{mtls: {mode: STRICT}}"),
         "legacy/old",
         "http://backend.shop/",
         "the client has no sidecar"},
    };
    for (const auto& row : rows) {
        MeshLab lab(row.yaml);
        BOOST_TEST(tells(lab.hints(row.from, row.to), row.words), row.what);
    }
}

BOOST_AUTO_TEST_CASE(a_pod_instead_of_its_service) {
    MeshLab lab(authentication_yaml("shop", "p", "{mtls: {mode: STRICT}}"));
    const auto hints = lab.hints("frontend", "pod:" + lab.pod_of("shop", "backend") + ":8080");
    BOOST_TEST(tells(hints, "a pod's own address is no Service's"));
    BOOST_TEST(tells(hints, "call its Service: backend.shop.svc.cluster.local"));
}

BOOST_AUTO_TEST_CASE(a_label_that_came_too_late) {
    MeshLab lab;
    BOOST_TEST(lab.hints("legacy/old", "http://backend.shop/") == "");
    lab.label_namespace("legacy", "istio-injection", "enabled");
    for (const auto& [from, to] :
         {std::pair{"legacy/old", "http://backend.shop/"},
          std::pair{"frontend", "http://plain.legacy/"}}) {
        BOOST_TEST(tells(
            lab.hints(from, to),
            "pod legacy/old has no sidecar, as it was made before its namespace or its labels"));
    }
}

BOOST_AUTO_TEST_SUITE_END()
// NOLINTEND
