#include <nlohmann/json.hpp>

#include <boost/test/unit_test.hpp>

#include "labctl/report/drop_line.h"
#include "labctl/report/wire_grid.h"

using namespace labctl::report;

BOOST_AUTO_TEST_SUITE(report_wire)

BOOST_AUTO_TEST_CASE(a_grid_has_a_row_for_each_source_and_a_column_for_each_target) {
    const std::vector<GridFlow> flows{
        {"prod/client", "prod/db", "TCP", 80, '.'},
        {"prod/web", "prod/db", "TCP", 80, 'X'},
        {"prod/client", "prod/web", "TCP", 80, '?'},
        {"prod/client", "prod/db", "UDP", 53, '.'}};
    BOOST_TEST(
        wire_grid(flows) == "TCP 80\n"
                            "        db  web\n"
                            "client  .   ?\n"
                            "web     X\n"
                            "\n"
                            "UDP 53\n"
                            "        db\n"
                            "client  .\n");
}

BOOST_AUTO_TEST_CASE(names_of_several_namespaces_are_whole_and_many_columns_are_numbers) {
    const std::vector<GridFlow> flows{
        {"a/x", "b/y", "TCP", 80, '.'}, {"b/y", "a/x", "TCP", 80, 'X'}};
    BOOST_TEST(
        wire_grid(flows) == "TCP 80\n"
                            "     b/y  a/x\n"
                            "a/x  .\n"
                            "b/y       X\n");
    GridOptions narrow;
    narrow.columns_max = 10;
    BOOST_TEST(
        wire_grid(flows, narrow) == "TCP 80\n"
                                    "  1 = b/y\n"
                                    "  2 = a/x\n"
                                    "     1  2\n"
                                    "a/x  .\n"
                                    "b/y     X\n");
    BOOST_TEST(wire_grid({}).empty());
}

BOOST_AUTO_TEST_CASE(a_drop_is_one_line) {
    const nlohmann::json dropped{
        {"time", "2026-11-25T23:05:12.345Z"},
        {"node", "node-2"},
        {"from", "prod/other"},
        {"to", "prod/web-1"},
        {"service", "TCP 8080"},
        {"drop",
         {{"text", "dropped on node-2 by NetworkPolicy prod/deny-all (p.yaml:12): no rule"}}}};
    BOOST_TEST(
        drop_line(dropped) == "23:05:12.345 node-2 prod/other -> prod/web-1 TCP 8080: "
                              "NetworkPolicy prod/deny-all (p.yaml:12): no rule");
    BOOST_TEST(drop_line(nlohmann::json::object()) == "   ->  "); // what is missing is empty
}

BOOST_AUTO_TEST_SUITE_END()
