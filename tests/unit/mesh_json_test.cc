#include <boost/test/unit_test.hpp>

#include "mesh/json/value.h"

using mesh::JsonValue;
using mesh::parse_json;

BOOST_AUTO_TEST_SUITE(json)

BOOST_AUTO_TEST_CASE(values) {
    const auto value = parse_json(
        " {\"a\": [1, -2.5e3, true, null, \"x\\n\\u00e9\\ud83d\\ude00\"], \"b\":{\"c\":\"d\"} } ");
    BOOST_REQUIRE(value);
    const auto* const list = value->find("a");
    BOOST_REQUIRE(list != nullptr && list->items.size() == 5U);
    BOOST_TEST(*list->items[0].integer() == 1);
    BOOST_TEST(*list->items[1].integer() == -2500);
    BOOST_TEST((list->items[2].kind == JsonValue::Kind::Boolean));
    BOOST_TEST(list->items[2].text == "true");
    BOOST_TEST((list->items[3].kind == JsonValue::Kind::Null));
    BOOST_TEST(list->items[4].text == "x\n\xc3\xa9\xf0\x9f\x98\x80");
    constexpr std::string_view kPath[] = {"b", "c"};
    BOOST_REQUIRE(value->find_path(kPath) != nullptr);
    BOOST_TEST(value->find_path(kPath)->text == "d");
    constexpr std::string_view kNone[] = {"b", "x", "y"};
    BOOST_TEST(value->find_path(kNone) == nullptr);
    BOOST_TEST(value->text_of("a") == "");
    for (const auto* const empty : {"{}", "[]", "\"\"", "[ ]", "{ }"}) {
        BOOST_TEST(parse_json(empty).has_value(), empty);
    }
}

BOOST_AUTO_TEST_CASE(numbers_that_are_whole) {
    const auto integer = [](const std::string& text) { return parse_json(text)->integer(); };
    BOOST_TEST(*integer("4102444800") == 4102444800);
    BOOST_TEST(*integer("4.1024448e9") == 4102444800);
    BOOST_TEST(*integer("1.9") == 1);
    BOOST_TEST(!integer("1e30").has_value());
    BOOST_TEST(!integer("1e999").has_value());
    BOOST_TEST(!integer("99999999999999999999").has_value());
    BOOST_TEST(!integer("\"1\"").has_value());
}

BOOST_AUTO_TEST_CASE(what_is_none) {
    for (const std::string text :
         {"",
          " ",
          "{",
          "}",
          "[1,]",
          "[,1]",
          "[1 2]",
          "{\"a\"}",
          "{\"a\":}",
          "{a:1}",
          "{\"a\":1,}",
          "{\"a\":1 \"b\":2}",
          "tru",
          "nul",
          "01",
          "-",
          "1.",
          ".5",
          "1e",
          "+1",
          "0x10",
          "NaN",
          "'a'",
          "\"a",
          "\"\\x\"",
          "\"\\u12\"",
          "\"\\ud800\"",
          "\"\\udc00\"",
          "\"\n\"",
          "\"\\ud800\\u0041\"",
          "1 1",
          "{}{}",
          "\"\xff\"",
          "\"\xc0\xaf\"",
          "\"\xed\xa0\x80\"",
          "\"\xf4\x90\x80\x80\"",
          "\"\xe0\x80\x80\"",
          "\"\xc3\"",
          "// c\n1",
          "{\"a\":1,\"a\":2}"}) {
        BOOST_TEST(!parse_json(text).has_value(), text);
    }
    BOOST_TEST(!parse_json(std::string("\"\0\"", 3)).has_value());
}

/// Depth and width are bounded, and a long text that is cut short ends soon.
BOOST_AUTO_TEST_CASE(hostile) {
    const auto nested = [](std::size_t depth) {
        return std::string(depth, '[') + std::string(depth, ']');
    };
    BOOST_TEST(parse_json(nested(mesh::kJsonDepthMax + 1)).has_value());
    BOOST_TEST(!parse_json(nested(mesh::kJsonDepthMax + 2)).has_value());
    BOOST_TEST(!parse_json(std::string(1U << 20U, '[')).has_value());
    BOOST_TEST(!parse_json(std::string(1U << 20U, '{')).has_value());
    std::string deep;
    for (int i = 0; i < 100000; ++i) {
        deep += "{\"a\":";
    }
    BOOST_TEST(!parse_json(deep).has_value());
    const auto wide = [](int members) {
        std::string text = "{";
        for (int i = 0; i < members; ++i) {
            text += (i == 0 ? "\"" : ",\"") + std::to_string(i) + "\":0";
        }
        return text + "}";
    };
    BOOST_TEST(parse_json(wide(256)).has_value());
    BOOST_TEST(!parse_json(wide(257)).has_value());
}

BOOST_AUTO_TEST_SUITE_END()
