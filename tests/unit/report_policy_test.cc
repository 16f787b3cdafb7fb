#include <boost/test/unit_test.hpp>

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
