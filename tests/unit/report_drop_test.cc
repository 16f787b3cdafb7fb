#include <nlohmann/json.hpp>

#include <boost/test/unit_test.hpp>

#include "labctl/report/drop_line.h"

using namespace labctl::report;

BOOST_AUTO_TEST_SUITE(report_drop)

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
