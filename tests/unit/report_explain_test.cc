#include <boost/test/unit_test.hpp>

#include "labctl/report/explain_text.h"
#include "tests/unit/report_fixture.h"

using labctl::api::Json;
using labctl::report::affinity_table;
using labctl::report::explain_text;
using labctl::report::testing::check_golden;
using labctl::report::testing::objects_from;

BOOST_AUTO_TEST_SUITE(report_explain)

BOOST_AUTO_TEST_CASE(paths) {
    std::string text;
    for (const auto& explanation : objects_from("explain")) {
        text += explain_text(explanation->body) + "\n----\n";
    }
    check_golden("explain.txt", text);
}

BOOST_AUTO_TEST_CASE(whose_address_is_seen) {
    Json explanation{{"from", {{"name", "a"}, {"address", "10.244.1.2"}}}};
    const auto branch_line = [&](Json branch) {
        explanation["branches"] = Json::array({std::move(branch)});
        const auto text = explain_text(explanation);
        const auto begin = text.find("  100%  ") + 8;
        return text.substr(begin, text.find('\n', begin) - begin);
    };
    BOOST_TEST(
        branch_line({{"result", ""}, {"masqueraded", true}, {"source", "172.18.0.2"}}) ==
        "goes on to where it was sent, masqueraded as 172.18.0.2");
    BOOST_TEST(
        branch_line({{"result", "10.244.2.2:80"}, {"source", "10.244.1.2"}}) ==
        "10.244.2.2:80, source kept");
    BOOST_TEST(
        branch_line({{"result", "10.244.2.2:80"}, {"source", "10.244.1.0"}}) ==
        "10.244.2.2:80, seen as 10.244.1.0");
    BOOST_TEST(
        branch_line(
            {{"result", "10.244.2.2:80"},
             {"masqueraded", true},
             {"relayed", true},
             {"source", "10.244.1.0"}}) == "10.244.2.2:80, from the node's proxy as 10.244.1.0");
    BOOST_TEST(branch_line({{"result", "CLOSE"}}) == "CLOSE");
}

BOOST_AUTO_TEST_CASE(nothing_from_outside_reaches_the_terminal) {
    auto explanation = objects_from("explain").front()->body;
    explanation["to"]["name"] = "a\x1b[2Jb";
    explanation["summary"] = "c\nd";
    const auto text = explain_text(explanation);
    BOOST_TEST(text.find('\x1b') == std::string::npos);
    BOOST_TEST(text.find("c\\nd") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(clients) {
    const auto list = Json::parse(R"({"items": [
        {"client": "10.244.1.5", "service": "prod/db:sql", "node": "node-1",
         "endpoint": "10.244.2.3:5432", "pod": "prod/db-0", "secondsLeft": 10793},
        {"client": "fd00:10:244::5", "service": "prod/web", "node": "node-2",
         "endpoint": "[fd00:10:244:1::3]:80", "pod": "prod/web-1", "secondsLeft": 0}]})");
    BOOST_TEST(
        affinity_table(list, false) ==
        "CLIENT           SERVICE   NODE     ENDPOINT                POD          SECONDS LEFT\n"
        "10.244.1.5       db:sql    node-1   10.244.2.3:5432         prod/db-0    10793\n"
        "fd00:10:244::5   web       node-2   [fd00:10:244:1::3]:80   prod/web-1   0\n");
    BOOST_TEST(affinity_table(list, true).find("prod/db:sql") != std::string::npos);
}

BOOST_AUTO_TEST_SUITE_END()
