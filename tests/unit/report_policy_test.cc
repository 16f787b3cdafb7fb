#include <boost/test/unit_test.hpp>

#include "labctl/report/describe.h"
#include "labctl/report/grid.h"
#include "labctl/report/printer.h"

using namespace labctl::report;

namespace {

Grid small_grid() {
    using enum GridMark;
    return {
        "80/TCP", {"x/a", "x/longer"}, {"x/a", "x/longer"}, {{Allowed, Denied}, {Partly, Unknown}}};
}

/// What `get` prints for one object of the kind.
std::string listed(const char* kind, const char* spec) {
    const auto object = std::make_shared<labctl::api::Object>();
    object->body = {
        {"apiVersion", "policy.networking.k8s.io/v1alpha1"},
        {"kind", kind},
        {"metadata", {{"name", "p"}, {"creationTimestamp", "2026-01-01T00:00:00Z"}}},
        {"spec", labctl::api::Json::parse(spec)}};
    PrintOptions options;
    options.now = 1767225600 + 60; // 2026-01-01T00:01:00Z
    const labctl::api::ObjectPtr pointer = object;
    return print_tables({&pointer, 1}, options);
}

} // namespace

// The printer columns of the CustomResourceDefinitions.
BOOST_AUTO_TEST_CASE(admin_policies_are_listed) {
    BOOST_TEST(
        listed("AdminNetworkPolicy", R"({"priority": 7})") ==
        "NAME   PRIORITY   AGE\np      7          60s\n");
    BOOST_TEST(listed("BaselineAdminNetworkPolicy", "{}") == "NAME   AGE\np      60s\n");
    BOOST_TEST(
        listed("ClusterNetworkPolicy", R"({"tier": "Admin", "priority": 0})") ==
        "NAME   TIER    PRIORITY   AGE\np      Admin   0          60s\n");
}

// In kubectl's words.
BOOST_AUTO_TEST_CASE(a_network_policy_is_described) {
    labctl::api::Object object;
    object.body = labctl::api::Json::parse(R"({
        "kind": "NetworkPolicy",
        "metadata": {"name": "p", "namespace": "x", "creationTimestamp": "2026-01-02T03:03:20Z"},
        "spec": {
            "podSelector": {},
            "policyTypes": ["Ingress", "Egress"],
            "ingress": [
                {"from": [{"namespaceSelector": {"matchLabels": {"ns": "y"}},
                           "podSelector": {"matchLabels": {"app": "web"}}},
                          {"ipBlock": {"cidr": "10.0.0.0/8", "except": ["10.1.0.0/16"]}}],
                 "ports": [{"port": 80, "endPort": 90, "protocol": "TCP"},
                           {"protocol": "UDP"}]},
                {}]}})");
    BOOST_TEST(describe_object(object, {}) == R"(Name:         p
Namespace:    x
Created on:   2026-01-02 03:03:20 +0000 UTC
Labels:       <none>
Annotations:  <none>
Spec:
  PodSelector:     <none> (Allowing the specific traffic to all pods in this namespace)
  Allowing ingress traffic:
    To Port: 80-90/TCP
    To Port: <any>/UDP
    From:
      NamespaceSelector: ns=y
      PodSelector: app=web
    From:
      IPBlock:
        CIDR: 10.0.0.0/8
        Except: 10.1.0.0/16
    ----------
    To Port: <any> (traffic allowed to all ports)
    From: <any> (traffic not restricted by source)
  Allowing egress traffic:
    <none> (Selected pods are isolated for egress connectivity)
  Policy Types: Ingress, Egress
Events:  <none>
)");
}

BOOST_AUTO_TEST_SUITE(grid)

BOOST_AUTO_TEST_CASE(a_truth_table) {
    BOOST_TEST(grid_text(small_grid(), false) == R"(80/TCP
+----------+-----+----------+
|          | x/a | x/longer |
+----------+-----+----------+
| x/a      |  .  |    X     |
| x/longer |  ~  |    ?     |
+----------+-----+----------+
1 of 4 denied, 1 partly
)");
}

BOOST_AUTO_TEST_CASE(wide_tables_number_their_columns) {
    BOOST_TEST(grid_text(small_grid(), false, 20) == R"(80/TCP
+----------+---+---+
|          | 1 | 2 |
+----------+---+---+
| x/a      | . | X |
| x/longer | ~ | ? |
+----------+---+---+
1 x/a
2 x/longer
1 of 4 denied, 1 partly
)");
}

BOOST_AUTO_TEST_CASE(hostile_names_are_made_visible) {
    auto grid = small_grid();
    grid.rows[0] = "\x1b[31m";
    BOOST_TEST(grid_text(grid, false).find('\x1b') == std::string::npos);
    BOOST_TEST(grid_text(small_grid(), true).find('\x1b') != std::string::npos);
}

BOOST_AUTO_TEST_SUITE_END()
