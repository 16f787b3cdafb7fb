#include <boost/test/unit_test.hpp>

#include "labctl/explain/edge_way.h"

using namespace labctl;
using namespace labctl::explain;
using api::Json;
using api::string_at;

namespace {

/// An answer of explain_ingress with two endpoints, and connections of which some are denied.
struct EdgeWays {
    Json tell(const std::string& url = "http://web.lab/x") {
        Json answer = Json::parse(R"({"outcome": "endpoint", "controller": {"name": "c",
            "addresses": ["172.18.200.1"], "pods": [{"pod": "sys/c-1"}]},
            "endpoints": [{"address": "10.244.1.2:80"}, {"address": "10.244.2.2:80"}]})");
        explain_edge_way(answer, {"client", url}, [this](const ExplainQuestion& question) {
            asked.push_back(question.from + " " + question.to);
            const bool allowed = denied.find(question.to) == std::string::npos;
            return Json{
                {"outcome", allowed ? "endpoint" : "denied"},
                {"summary", allowed ? "" : "denied, by p"},
                {"branches", {{{"policy", {{"allowed", allowed}, {"text", "by p"}}}}}}};
        });
        return answer;
    }

    std::vector<std::string> asked;
    std::string denied; // targets
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(explain_edges, EdgeWays)

BOOST_AUTO_TEST_CASE(every_connection_is_asked_about) {
    const auto answer = tell();
    const std::vector<std::string> expected{
        "client 172.18.200.1:80", "sys/c-1 10.244.1.2:80", "sys/c-1 10.244.2.2:80"};
    BOOST_TEST(asked == expected);
    BOOST_TEST(answer["outcome"] == "endpoint");
    BOOST_TEST(!answer.contains("denial"));
    (void)tell("https://172.18.0.9:8443/");
    BOOST_TEST(asked[3] == "client 172.18.0.9:8443");
}

BOOST_AUTO_TEST_CASE(who_does_not_arrive_is_answered_by_nobody) {
    denied = "172.18.200.1:80";
    const auto answer = tell();
    BOOST_TEST(answer["outcome"] == "denied");
    BOOST_TEST(answer["status"] == 0);
    BOOST_TEST(answer["denial"] == "denied, by p");
    BOOST_TEST(asked.size() == 1U);
}

BOOST_AUTO_TEST_CASE(a_controller_that_reaches_nobody_answers_504) {
    denied = "10.244.1.2:80";
    auto answer = tell();
    BOOST_TEST(answer["outcome"] == "endpoint");
    BOOST_TEST(answer["denial"] == "sys/c-1 to 10.244.1.2:80: denied, by p");
    BOOST_TEST(answer["endpoints"][0]["policy"]["allowed"] == false);
    BOOST_TEST(answer["endpoints"][1]["policy"]["allowed"] == true);
    denied += " 10.244.2.2:80";
    answer = tell();
    BOOST_TEST(answer["outcome"] == "denied");
    BOOST_TEST(answer["status"] == 504);
}

BOOST_AUTO_TEST_SUITE_END()
