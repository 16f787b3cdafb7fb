#include <boost/test/unit_test.hpp>

#include "labctl/report/custom_columns.h"
#include "labctl/report/object_order.h"
#include "netemu/base/error.h"
#include "netemu/base/text.h"
#include "tests/unit/report_fixture.h"

using labctl::api::Json;
using labctl::api::ObjectPtr;
using labctl::report::CustomColumns;
using labctl::report::sort_objects;
using labctl::report::testing::object;

namespace {

std::vector<ObjectPtr> two_pods() {
    return {
        object(R"({"kind":"Pod","metadata":{"name":"web","labels":{"app":"web","tier":"a"}},
                   "status":{"podIP":"10.244.1.2","podIPs":[{"ip":"10.244.1.2"},{"ip":"fd00::2"}],
                             "n":null}})"),
        object(R"({"kind":"Pod","metadata":{"name":"a-longer-name"},"spec":{"n":5,"b":true}})")};
}

std::string columns_mistake(const std::string& spec) {
    try {
        (void)CustomColumns::parse(spec);
        return "none";
    } catch (const netemu::UsageError& error) {
        return error.what();
    }
}

/// An object "0", "1", ... with each of the values at .v; a null for none.
std::vector<ObjectPtr> with_values(const Json& values) {
    std::vector<ObjectPtr> objects;
    for (const auto& value : values) {
        Json body{{"metadata", {{"name", std::to_string(objects.size())}}}};
        if (!value.is_null()) {
            body["v"] = value;
        }
        objects.push_back(object(body));
    }
    return objects;
}

std::string sorted(const Json& values, const char* path = ".v") {
    auto objects = with_values(values);
    sort_objects(objects, path);
    std::string order;
    for (const auto& each : objects) {
        order += each->name();
    }
    return order;
}

std::string order_mistake(const Json& values, const char* path = ".v") {
    try {
        return "none, but " + sorted(values, path);
    } catch (const netemu::UsageError& error) {
        return error.what();
    }
}

} // namespace

BOOST_AUTO_TEST_SUITE(report_columns)

BOOST_AUTO_TEST_CASE(custom_columns_have_kubectls_widths_and_forms_of_values) {
    const auto columns =
        CustomColumns::parse("NAME:.metadata.name,IP:{.status.podIP},ALL:status.podIPs[*].ip,L:."
                             "metadata.labels,N:.status.n,V:.spec.n");
    BOOST_TEST(
        columns.print(two_pods(), true) ==
        "NAME            IP           ALL                  L                     N        V\n"
        "web             10.244.1.2   10.244.1.2,fd00::2   map[app:web tier:a]   <nil>    "
        "<none>\n"
        "a-longer-name   <none>       <none>               <none>                <none>   5\n");
}

BOOST_AUTO_TEST_CASE(titles_stand_alone_without_objects_and_may_be_left_out) {
    const auto columns = CustomColumns::parse("NAME:.metadata.name,B:.spec.b");
    BOOST_TEST(columns.print({}, true) == "NAME   B\n");
    BOOST_TEST(columns.print({}, false) == "");
    BOOST_TEST(
        columns.print(two_pods(), false) == "web             <none>\na-longer-name   true\n");
}

BOOST_AUTO_TEST_CASE(columns_of_a_file_are_two_lines) {
    const auto columns = CustomColumns::parse_file("NAME    IP\n.metadata.name  {status.podIP}\n");
    BOOST_TEST(columns.print(two_pods(), true).starts_with("NAME            IP\nweb  "));
    for (const auto* text : {"", "\n", "NAME\n", "NAME IP\n.metadata.name\n", "NAME\n.a .b\n"}) {
        BOOST_CHECK_THROW(CustomColumns::parse_file(text), netemu::UsageError);
    }
    BOOST_CHECK_THROW(CustomColumns::parse_file("NAME\n.a[\n"), netemu::UsageError);
}

BOOST_AUTO_TEST_CASE(a_column_that_is_wrong_is_named) {
    BOOST_TEST(columns_mistake("NAME").find("'NAME' is not of the form") != std::string::npos);
    BOOST_TEST(columns_mistake("A:.a,").find("'' is not of the form") != std::string::npos);
    BOOST_TEST(columns_mistake("A:.a,IP:.b[").find("column IP: JSONPath, at character 3") == 0U);
    BOOST_TEST(columns_mistake("A:").find("column A: ") == 0U);
}

BOOST_AUTO_TEST_CASE(a_cell_cannot_move_the_cursor) {
    const std::vector<ObjectPtr> hostile{object(Json{{"a", "x\x1b[2J\ny"}})};
    const auto text = CustomColumns::parse("A:.a").print(hostile, false);
    BOOST_TEST(text.find('\x1b') == std::string::npos);
    BOOST_TEST(text.find('\n') == text.size() - 1);
}

BOOST_AUTO_TEST_CASE(objects_are_sorted_by_value) {
    BOOST_TEST(sorted({10, 9, 1.5, -3}) == "3210");
    BOOST_TEST(sorted({"web-9", "web-10", "db"}) == "210");
    BOOST_TEST(sorted({"1Gi", "2Ki", "500m", "3"}) == "2310");
    BOOST_TEST(
        sorted({"2026-01-02T03:04:05Z", "2026-01-02T03:04:05+01:00", "2025-12-31T00:00:00Z"}) ==
        "210");
    BOOST_TEST(sorted({"9", "1a", "10"}) == "210"); // "10" < "1a" < "9": not all are quantities
    BOOST_TEST(sorted({"10", "9", "1a"}) == "021");
    BOOST_TEST(sorted({"b", nullptr, "a", nullptr}) == "1320"); // those without one first
    BOOST_TEST(sorted({"b", "a", "b", "a"}) == "1302");         // equal ones as they were
    BOOST_TEST(sorted({Json{3, 1}, Json{2, 9}}, ".v[0]") == "10");
    BOOST_TEST(sorted(Json::array()) == "");
    for (const auto* path : {"v", "{.v}", "{v}"}) {
        BOOST_TEST(sorted({2, 1}, path) == "10", path);
    }
}

BOOST_AUTO_TEST_CASE(what_has_no_order_is_refused) {
    BOOST_TEST(
        order_mistake({1}, ".w").find("couldn't find any field with path \".w\"") !=
        std::string::npos);
    BOOST_TEST(
        order_mistake({1, "a"}).find("a number in some objects and a text in others") !=
        std::string::npos);
    BOOST_TEST(order_mistake({true, false}).find("is true or false") != std::string::npos);
    BOOST_TEST(order_mistake(Json::parse("[{}]")).find("is a mapping") != std::string::npos);
    BOOST_TEST(order_mistake({1}, "{.v").find("JSONPath, at character 1") != std::string::npos);
}

BOOST_AUTO_TEST_SUITE_END()
