#include <cstdio>
#include <cstdlib>
#include <fstream>

#include <boost/test/unit_test.hpp>

#include "labctl/report/graph.h"
#include "netemu/base/error.h"
#include "tests/unit/report_fixture.h"

using namespace labctl::report;
using labctl::api::Json;
using labctl::api::ObjectPtr;
using labctl::report::testing::check_golden;
using labctl::report::testing::object;
using labctl::report::testing::objects_from;

namespace {

GraphInput input_of(const std::vector<ObjectPtr>& objects) {
    GraphInput input;
    input.title = "demo";
    input.objects = objects;
    return input;
}

bool contains(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
}

} // namespace

BOOST_AUTO_TEST_SUITE(drawings)

BOOST_AUTO_TEST_CASE(of_a_small_lab) {
    const auto objects = objects_from("objects");
    const auto input = input_of(objects);
    check_golden("graph.mmd", graph(input, GraphFormat::Mermaid));
    check_golden("graph.dot", graph(input, GraphFormat::Dot));
    check_golden("graph.ascii", graph(input, GraphFormat::Ascii));
    check_golden("graph.svg", graph(input, GraphFormat::Svg));
}

BOOST_AUTO_TEST_CASE(many_pods_are_counted) {
    const auto objects = objects_from("objects");
    auto input = input_of(objects);
    input.pods_per_node_max = 1;
    for (const auto format :
         {GraphFormat::Mermaid, GraphFormat::Dot, GraphFormat::Ascii, GraphFormat::Svg}) {
        const auto text = graph(input, format);
        BOOST_TEST(contains(text, "... and 3 more")); // of the four on node-1
        BOOST_TEST(!contains(text, "agent-f5x2c"));
    }
    input.pods_per_node_max = 0;
    BOOST_TEST(contains(graph(input, GraphFormat::Ascii), "agent-f5x2c"));
}

BOOST_AUTO_TEST_CASE(ascii_is_ascii) {
    const auto objects = objects_from("objects");
    for (const char c : graph(input_of(objects), GraphFormat::Ascii)) {
        BOOST_REQUIRE(c == '\n' || (c >= ' ' && c <= '~'));
    }
}

BOOST_AUTO_TEST_CASE(hostile_names_stay_text) {
    std::vector<ObjectPtr> objects{
        object(Json{{"kind", "Node"}, {"metadata", {{"name", "n\"]--><script>&\\\x1b[2J"}}}})};
    const auto input = input_of(objects);
    BOOST_TEST(!contains(graph(input, GraphFormat::Svg), "<script>"));
    BOOST_TEST(contains(graph(input, GraphFormat::Mermaid), "n#quot;]--"));
    BOOST_TEST(contains(graph(input, GraphFormat::Dot), "n\\\"]--"));
    for (const auto format :
         {GraphFormat::Mermaid, GraphFormat::Dot, GraphFormat::Ascii, GraphFormat::Svg}) {
        BOOST_TEST(!contains(graph(input, format), "\x1b"));
    }
}

BOOST_AUTO_TEST_CASE(svg_is_xml_in_the_eyes_of_xmllint) {
    if (std::system("command -v xmllint >/dev/null 2>&1") != 0) {
        BOOST_TEST_MESSAGE("SKIP: xmllint is not installed");
        return;
    }
    const auto path = std::string(LABCTL_BINARY_DIR) + "/report_test_graph.svg";
    const auto objects = objects_from("objects");
    std::ofstream(path) << graph(input_of(objects), GraphFormat::Svg);
    BOOST_TEST(std::system(("xmllint --noout " + path).c_str()) == 0);
    BOOST_TEST(std::remove(path.c_str()) == 0);
}

BOOST_AUTO_TEST_CASE(formats) {
    BOOST_TEST((parse_graph_format("svg") == GraphFormat::Svg));
    BOOST_CHECK_EXCEPTION(
        parse_graph_format("mermiad"), netemu::UsageError, [](const netemu::UsageError& error) {
            return error.hint() == "did you mean 'mermaid'?";
        });
}

BOOST_AUTO_TEST_SUITE_END()
