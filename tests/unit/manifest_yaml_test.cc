// What kubectl 1.32 makes of YAML (`kubectl label --local -f - -o json`) is what these expect.
#include <algorithm>
#include <limits>

#include <boost/test/unit_test.hpp>

#include "netemu/base/text.h"
#include "tests/unit/manifest_fixture.h"

using namespace manifest_test;

BOOST_AUTO_TEST_SUITE(yaml)

BOOST_AUTO_TEST_CASE(plain_scalars_have_the_types_that_kubectl_gives_them) {
    const std::vector<std::pair<std::string, Json>> cases{
        {"y", true},
        {"Y", true},
        {"yes", true},
        {"On", true},
        {"TRUE", true},
        {"n", false},
        {"No", false},
        {"off", false},
        {"yEs", "yEs"},
        {"~", nullptr},
        {"null", nullptr},
        {"Null", nullptr},
        {"", nullptr},
        {"nULL", "nULL"},
        {"12", 12},
        {"-12", -12},
        {"+12", 12},
        {"017", 15},
        {"0o17", 15},
        {"0O17", 15},
        {"0x1F", 31},
        {"0X1f", 31},
        {"0b101", 5},
        {"-0b101", -5},
        {"08", 8},
        {"1_000", 1000},
        {"1e3", 1000},
        {"80.0", 80},
        {"0.5", 0.5},
        {".5", 0.5},
        {"5.", 5},
        {"-.5", -0.5},
        {"1.5e-1", 0.15},
        {"1e", "1e"},
        {"1:30", "1:30"},
        {"1.2.3", "1.2.3"},
        {"0x", "0x"},
        {"0xg", "0xg"},
        {"-x", "-x"},
        {"2020-01-01", "2020-01-01"},
        {"2020-01-01T10:00:00Z", "2020-01-01T10:00:00Z"},
        {"1e400", "1e400"},
        {"9223372036854775807", 9223372036854775807LL},
        {"-9223372036854775808", std::numeric_limits<std::int64_t>::min()},
        {"18446744073709551615", 18446744073709551615ULL},
        {"18446744073709551616", 18446744073709551616.0},
    };
    for (const auto& [text, expected] : cases) {
        BOOST_TEST_CONTEXT(text) {
            const auto read = value(text);
            BOOST_TEST(read == expected);
            BOOST_TEST(read.type_name() == expected.type_name());
        }
    }
}

BOOST_AUTO_TEST_CASE(quotes_and_tags_decide_over_the_look_of_a_scalar) {
    BOOST_TEST(value("'12'") == "12");
    BOOST_TEST(value("\"yes\"") == "yes");
    BOOST_TEST(value("!!str 12") == "12");
    BOOST_TEST(value("! 12") == "12");
    BOOST_TEST(value("!!int \"12\"") == 12);
    BOOST_TEST(value("!!float 3") == 3);
    BOOST_TEST(value("!!bool \"on\"") == true);
    BOOST_TEST(value("!unknown 12") == 12);
    BOOST_TEST(value("|\n  a\n  b\n") == "a\nb\n");
    BOOST_TEST(value(">-\n  a\n  b\n") == "a b");
}

BOOST_AUTO_TEST_CASE(keys_become_texts) {
    BOOST_TEST(
        value("{1: a, 017: b, on: c, 0.5: d, yes_: e}") ==
        Json({{"1", "a"}, {"15", "b"}, {"true", "c"}, {"0.5", "d"}, {"yes_", "e"}}));
}

BOOST_AUTO_TEST_CASE(aliases_and_merge_keys) {
    BOOST_TEST(value("[&a {p: 1}, *a]") == Json::parse(R"([{"p":1},{"p":1}])"));
    BOOST_TEST(
        value("{base: &b {p: 1, q: 2}, own: {<<: *b, q: 3}}").at("own") ==
        Json({{"p", 1}, {"q", 3}}));
    BOOST_TEST(
        value("{base: &b {p: 1, q: 2}, own: {q: 3, <<: *b}}").at("own") ==
        Json({{"p", 1}, {"q", 3}}));
    BOOST_TEST(
        value("{a: &a {p: 1}, b: &b {p: 2, r: 4}, own: {<<: [*a, *b]}}").at("own") ==
        Json({{"p", 1}, {"r", 4}}));
    BOOST_TEST(value("{\"<<\": {p: 1}}") == Json({{"<<", {{"p", 1}}}}));
}

BOOST_AUTO_TEST_CASE(json_is_read_too) {
    BOOST_TEST(
        value("{\"a\":\"b\",\"c\":[1,true,null,1e3],\t\"d\":\"\\/\\u00e9\\t\"}") ==
        Json::parse(R"({"a":"b","c":[1,true,null,1000],"d":"/é\t"})"));
    const std::string text = "\t{\n\t\"apiVersion\": \"v1\",\n\t\"kind\": \"Namespace\",\n"
                             "\t\"metadata\": {\"name\":\"a\", \"annotations\": {\"x\": "
                             "\"\\ud83d\\ude00\\\\ud83d\"}}\n}\n";
    BOOST_TEST(object(text)["metadata"]["annotations"]["x"] == "\xF0\x9F\x98\x80\\ud83d");
}

BOOST_AUTO_TEST_CASE(columns_behind_a_surrogate_pair_are_those_of_the_file) {
    const std::string text = "{\"apiVersion\": \"v1\", \"kind\": \"Namespace\", \"metadata\": "
                             "{\"annotations\": {\"x\": \"\\ud83d\\ude00\"}, \"name\": \"A_\"}}";
    const auto column = text.find("\"A_\"") + 1;
    BOOST_TEST(finding(text).substr(0, 13) == "1:" + std::to_string(column) + " error: ");
}

BOOST_AUTO_TEST_CASE(json_objects_may_follow_each_other) {
    const std::string one = R"({"apiVersion":"v1","kind":"Namespace","metadata":{"name":"a{\"}"}})";
    const std::string two = R"({"apiVersion":"v1","kind":"Namespace","metadata":{"name":"B"}})";
    const std::string three = R"({"apiVersion":"v1","kind":"Namespace","metadata":{"name":"C"}})";
    const auto found = findings(one + two + "\n" + three);
    BOOST_REQUIRE(found.size() == 3);
    BOOST_TEST(found[0].starts_with("1:"));
    BOOST_TEST(
        found[1].starts_with("1:" + std::to_string(one.size() + two.find("\"B\"") + 1) + " "));
    BOOST_TEST(found[2].starts_with("2:58 "));
}

BOOST_AUTO_TEST_CASE(documents_are_separated_by_lines_of_dashes) {
    const std::string ns = "apiVersion: v1\nkind: Namespace\nmetadata: {name: ";
    const auto text = "# head\n---\n" + ns + "a}\n---  # note\n---\n\n--- \n" + ns +
                      "b}\n...\n---\n" + ns + "c}\n...\n---\n%YAML 1.1\n---\n" + ns +
                      "d}\n--- {apiVersion: v1, kind: Namespace, metadata: {name: e}}\n";
    const auto result = labctl::manifest::read_text(text, "x");
    std::string names;
    for (const auto& read : result.objects) {
        names += read.name();
    }
    BOOST_TEST(names == "abcde");
    BOOST_TEST(result.objects[1].source.line == 10);
}

BOOST_AUTO_TEST_CASE(a_mistake_does_not_hide_those_of_other_documents) {
    const auto found =
        findings("a: [\n---\nb: {\n---\napiVersion: v1\nkind: Namespace\nmetadata: {name: X}\n");
    BOOST_REQUIRE(found.size() == 3);
    BOOST_TEST(found[0].starts_with("2:1 error: "));
    BOOST_TEST(found[1].starts_with("4:1 error: "));
    BOOST_TEST(
        found[2].starts_with("7:18 error: Namespace \"X\": metadata.name: Invalid value: \"X\""));
}

BOOST_AUTO_TEST_CASE(line_ends_and_byte_order_marks) {
    const auto crlf = object("\xEF\xBB\xBF"
                             "apiVersion: v1\r\nkind: ConfigMap\r\nmetadata:\r\n  name: "
                             "a\r\ndata:\r\n  k: |\r\n    one\r\n    two\r\n");
    BOOST_TEST(crlf["data"]["k"] == "one\ntwo\n");
    BOOST_TEST(finding("apiVersion: v1\r\nkind: Namespace\r\nmetadata:\r\n  name: A\r\n")
                   .starts_with("4:9 error: "));
}

BOOST_AUTO_TEST_CASE(lists_of_objects_are_taken_apart) {
    const auto result = labctl::manifest::read_text(
        "apiVersion: v1\nkind: List\nitems:\n"
        "- {apiVersion: v1, kind: Namespace, metadata: {name: a}}\n"
        "- apiVersion: v1\n  kind: ServiceList\n  items:\n"
        "  - metadata: {name: s}\n    spec: {ports: [{port: 80}]}\n",
        "x");
    BOOST_REQUIRE(result.objects.size() == 2);
    BOOST_TEST(result.objects[1].kind() == "Service");
    BOOST_TEST(result.objects[1].api_version() == "v1");
    BOOST_TEST(result.objects[1].source.line == 8);
}

BOOST_AUTO_TEST_CASE(duplicate_keys_name_the_first_place) {
    BOOST_TEST(
        finding("apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: a\ndata:\n  k: x\n  j: w\n  "
                "k: z\n") == "8:3 error: duplicate key 'k': it is already at line 6 | remove one "
                             "of them, or give it another name");
}

BOOST_AUTO_TEST_CASE(what_is_not_yaml_is_explained) {
    const std::vector<std::pair<std::string, std::string>> cases{
        {"a:\n\tb: c\n",
         "2:1 error: a tab is used for indentation | YAML is indented with spaces only"},
        {"a: b: c\n",
         "1:5 error: mapping values are not allowed in this context | quote a value that contains "
         "': ', or check the indentation"},
        {"a: 'x\n",
         "2:1 error: found unexpected end of stream (while scanning a quoted scalar) | a quote is "
         "not closed"},
        {"a: @x\n",
         "1:4 error: found character that cannot start any token (while scanning for the next "
         "token) | quote the value: '@', '`' and '%' cannot start plain text"},
        {"a: *x\n",
         "1:4 error: unknown anchor 'x' | define it before with &x, or quote the value if the '*' "
         "is meant as text"},
        {"a: &x [*x]\n", "1:8 error: the value of anchor 'x' contains itself"},
        {"a: {}---\nb: c\n",
         "1:6 error: did not find expected key | '---' separates documents only at the start of a "
         "line; put a line break before it"},
        {"a: \xFF\n", "1:4 error: invalid UTF-8 | manifests are UTF-8 text"},
        {"a: \xED\xA0\x80\n", "1:4 error: invalid UTF-8 | manifests are UTF-8 text"},
        {"a: \xC0\x80\n", "1:4 error: invalid UTF-8 | manifests are UTF-8 text"},
        {std::string("a: x\0y\n", 7),
         "1:5 error: the text holds a NUL byte | manifests are UTF-8 text"},
        {"k: v\na: \x1b[31m\n",
         "2:4 error: the text holds the control character U+001b | manifests are UTF-8 text"},
        {"\xFF\xFE"
         "a\0",
         "1:1 error: the file is UTF-16 | save it as UTF-8"},
        {"a: .nan\n", "1:4 error: JSON has no number .nan | quote it if it is text"},
        {"? [a]\n: b\n",
         "1:3 error: a list or a mapping cannot be a key | quote a key that starts with '{' or "
         "'['"},
    };
    for (const auto& [text, expected] : cases) {
        const auto found = findings(text);
        BOOST_TEST_CONTEXT(netemu::join(found, "; ")) {
            BOOST_TEST((std::find(found.begin(), found.end(), expected) != found.end()));
        }
    }
}

BOOST_AUTO_TEST_CASE(limits) {
    BOOST_TEST(
        message(std::string(65, '[') + std::string(65, ']')) == "nested deeper than 64 levels");
    std::string bomb = "a: &a [x, x, x, x, x, x, x, x, x, x]\n";
    for (char c = 'b'; c < 'i'; ++c) {
        const auto previous = std::string(1, static_cast<char>(c - 1));
        bomb += std::string(1, c) + ": &" + c + " [";
        for (int i = 0; i < 10; ++i) {
            bomb += "*" + previous + ", ";
        }
        bomb += "]\n";
    }
    BOOST_TEST(message(bomb) == "the aliases (*e) expand to too much data");
    std::string chain = "a0: &a0 [x]\n";
    for (int i = 1; i < 100; ++i) {
        chain += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [*a" +
                 std::to_string(i - 1) + "]\n";
    }
    BOOST_TEST(message(chain) == "the aliases (*a61) expand to too much data"); // depth
    std::string tags;
    for (int i = 0; i < 40; ++i) {
        tags += "%TAG !t" + std::to_string(i) + "! x\n";
    }
    BOOST_TEST(message(tags + "---\na: b\n") == "too many %TAG directives");
    BOOST_TEST(
        message("a: '" + std::string(4U << 20U, 'x') + "'\n") ==
        "the document has 4194310 bytes; the API server takes 3145728");
    std::string many = "a: [";
    for (int i = 0; i < 600000; ++i) {
        many += "1,";
    }
    BOOST_TEST(message(many + "]") == "the document has more than 500000 values");
}

BOOST_AUTO_TEST_CASE(roots_that_are_no_objects) {
    BOOST_TEST(
        finding("- a\n- b\n") ==
        "1:1 error: expected an object with apiVersion and kind, found a list | put the objects "
        "under `kind: List`, or separate them with '---'");
    BOOST_TEST(
        finding("hello\n") ==
        "1:1 error: expected an object with apiVersion and kind, found \"hello\"");
    BOOST_TEST(findings("# nothing\n---\n---\nnull\n").empty());
}

BOOST_AUTO_TEST_SUITE_END()
