#include <boost/test/unit_test.hpp>

#include "labctl/report/describe.h"
#include "labctl/report/explain_text.h"
#include "labctl/report/mesh_text.h"
#include "labctl/report/printer.h"
#include "tests/unit/report_fixture.h"

// NOLINTBEGIN: Boost.Test's macros
using labctl::api::Json;
using labctl::report::describe_object;
using labctl::report::DescribeOptions;
using labctl::report::explain_text;
using labctl::report::mesh_explain_text;
using labctl::report::testing::check_golden;
using labctl::report::testing::kNow;
using labctl::report::testing::object;
using labctl::report::testing::objects_from;

namespace {

std::string described(const labctl::api::ObjectPtr& what, const Json& mesh) {
    DescribeOptions options;
    options.now = kNow;
    options.mesh = mesh;
    return describe_object(*what, options);
}

/// What the lab says of each of mesh-objects.json.
const Json kReach = Json::parse(R"([
    {"pods": [{"pod": "shop/backend-1"}, {"pod": "shop/backend-2"}], "without": [], "note": ""},
    {"pods": [{"pod": "shop/frontend"}], "without": ["shop/late"], "note": ""},
    {"pods": [], "without": [], "note": "it has targetRefs"},
    {"pods": [{"pod": "shop/backend-1", "decides": true, "by": "shop/default"},
              {"pod": "shop/frontend", "decides": false, "by": "shop/front"},
              {"pod": "shop/x", "decides": false, "by": ""}], "without": [], "note": ""},
    null])");

} // namespace

BOOST_AUTO_TEST_SUITE(report_mesh)

BOOST_AUTO_TEST_CASE(stories) {
    std::string text;
    for (const auto& explanation : objects_from("explain-mesh")) {
        text += explanation->body["mesh"].contains("request") ? mesh_explain_text(explanation->body)
                                                              : explain_text(explanation->body);
        text += "----\n";
    }
    check_golden("explain-mesh.txt", text);
}

BOOST_AUTO_TEST_CASE(nothing_of_a_mesh_reaches_the_terminal) {
    const std::string bad = "a\x1b[2Jb\nc";
    auto explanation = objects_from("explain-mesh").front()->body;
    auto& mesh = explanation["mesh"];
    mesh["request"]["path"] = bad;
    mesh["from"]["name"] = bad;
    mesh["outbound"]["cluster"] = bad;
    mesh["endpoints"][0]["pod"] = bad;
    mesh["inbound"][0]["pods"] = {bad};
    mesh["inbound"][0]["policies"][0]["text"] = bad;
    mesh["inbound"][0]["verdict"]["text"] = bad;
    mesh["hints"] = {{{"text", bad}, {"remedy", bad}}};
    mesh["text"] = bad;
    const auto text = mesh_explain_text(explanation);
    BOOST_TEST(text.find('\x1b') == std::string::npos);
    BOOST_TEST(text.find("b\nc") == std::string::npos);
    // and nothing of an odd answer makes it fail
    for (const auto* odd :
         {"{}", R"({"mesh": 7})", R"({"mesh": {"inbound": [1], "hints": [2]}})"}) {
        BOOST_TEST(!mesh_explain_text(Json::parse(odd)).empty());
    }
}

BOOST_AUTO_TEST_CASE(policies_in_words) {
    std::string text;
    const auto objects = objects_from("mesh-objects");
    for (std::size_t i = 0; i < objects.size(); ++i) {
        text += described(objects[i], kReach.at(i)) + "\n\n";
    }
    auto none = *objects[0];
    none.body["spec"].erase("rules");
    text += described(object(none.body), kReach.at(0));
    check_golden("describe-mesh.txt", text);
}

BOOST_AUTO_TEST_CASE(sidecars_of_pods) {
    const auto pod = object(R"({"apiVersion":"v1","kind":"Pod",
        "metadata":{"name":"a","namespace":"shop"},"spec":{"containers":[]}})");
    const auto mesh_of = [&](const char* mesh) {
        const auto text = described(pod, Json::parse(mesh));
        const auto begin = text.find("Mesh:");
        return begin == std::string::npos ? std::string()
                                          : text.substr(begin, text.find("Containers:") - begin);
    };
    BOOST_TEST(mesh_of("null") == "");
    BOOST_TEST(
        mesh_of(R"({"sidecar": false, "why": "its label says no", "late": false})") ==
        "Mesh:\n  Sidecar:  none: its label says no\n");
    BOOST_TEST(
        mesh_of(R"({"sidecar": false, "why": "it is old", "late": true})") ==
        "Mesh:\n  Sidecar:  none: it is old (sidecars come with new pods only: delete it)\n");
    BOOST_TEST(
        mesh_of(R"({"sidecar": true, "id": "spiffe://a/ns/b/sa/c",
            "ports": [{"port": 80, "protocol": "HTTP", "mode": "STRICT", "policy": "b/p",
                       "scope": "port"},
                      {"port": 7000, "protocol": "detect", "mode": "PERMISSIVE", "policy": "",
                       "scope": "default"}],
            "others": {"mode": "DISABLE", "policy": "b/q", "scope": "workload"},
            "policies": [{"policy": "b/x", "action": "ALLOW", "dryRun": false},
                         {"policy": "b/y", "action": "DENY", "dryRun": true}]})") ==
        "Mesh:\n"
        "  Sidecar:    yes\n"
        "  SPIFFE ID:  spiffe://a/ns/b/sa/c\n"
        "  mTLS:\n"
        "    Port    Protocol      Mode        Decided By\n"
        "    ----    --------      ----        ----------\n"
        "    80      HTTP          STRICT      PeerAuthentication b/p (port)\n"
        "    7000    by its bytes  PERMISSIVE  <none>\n"
        "    others  by its bytes  DISABLE     PeerAuthentication b/q (workload)\n"
        "  Authorization Policies:\n"
        "    ALLOW  b/x\n"
        "    DENY   b/y (dry run)\n");
}

BOOST_AUTO_TEST_CASE(the_action_that_is_left_out) {
    const auto objects = objects_from("mesh-objects");
    BOOST_TEST(!objects[0]->body["spec"].contains("action"));
    labctl::report::PrintOptions options;
    options.now = kNow;
    BOOST_TEST(
        labctl::report::print_table("AuthorizationPolicy", {&objects[0], 2}, options) ==
        "NAME       ACTION   AGE\nbackend    ALLOW    4m5s\nno-admin   DENY     4m5s\n");
}

BOOST_AUTO_TEST_SUITE_END()
// NOLINTEND
