#include <random>

#include <boost/test/unit_test.hpp>

#include "labctl/report/json_path.h"
#include "netemu/base/error.h"

using labctl::api::Json;
using labctl::report::JsonPath;

namespace {

/// The document of https://kubernetes.io/docs/reference/kubectl/jsonpath/.
const Json& page() {
    static const Json kPage = Json::parse(R"({
      "kind": "List",
      "items": [
        {"kind": "None",
         "metadata": {"name": "127.0.0.1", "labels": {"kubernetes.io/hostname": "127.0.0.1"}},
         "status": {"capacity": {"cpu": "4"},
                    "addresses": [{"type": "LegacyHostIP", "address": "127.0.0.1"}]}},
        {"kind": "None",
         "metadata": {"name": "127.0.0.2"},
         "status": {"capacity": {"cpu": "8"},
                    "addresses": [{"type": "LegacyHostIP", "address": "127.0.0.2"},
                                  {"type": "another", "address": "127.0.0.3"}]}}],
      "users": [{"name": "myself", "user": {}},
                {"name": "e2e", "user": {"username": "admin", "password": "secret"}}]
    })");
    return kPage;
}

/// The pod on which kubectl 1.32.4 was asked the same questions.
const Json& pod() {
    static const Json kPod = Json::parse(R"({
      "apiVersion": "v1", "kind": "Pod",
      "metadata": {"name": "x", "namespace": "default",
                   "labels": {"app.kubernetes.io/name": "web", "z": "<a&b>"}},
      "spec": {"containers": [{"name": "a", "image": "i", "ports": []},
                              {"name": "b", "image": "j",
                               "ports": [{"containerPort": 80}, {"containerPort": 81}]},
                              {"name": "c", "image": "k"}],
               "nodeName": null, "priority": 5, "hostNetwork": true},
      "status": {"podIP": "10.0.0.1",
                 "conditions": [{"type": "Ready", "status": "True", "n": 3, "f": 2.5, "b": true},
                                {"type": "Other", "status": "False", "n": 10, "f": 1e30},
                                {"type": "No", "b": false}]}
    })");
    return kPod;
}

std::string print_of(const Json& document, std::string_view text) {
    return JsonPath::parse(text).print(document);
}

std::string of_page(std::string_view text) {
    return print_of(page(), text);
}

std::string of_pod(std::string_view text) {
    return print_of(pod(), text);
}

/// The message, which must be one of a user's mistake.
std::string json_path_mistake(std::string_view text, const Json& document = pod()) {
    try {
        return "no error, but '" + print_of(document, text) + "'";
    } catch (const netemu::UsageError& error) {
        return error.what();
    }
}

/// What the caret of a message stands under.
std::string pointed_at(const std::string& message) {
    const auto excerpt = message.find("\n  ");
    const auto caret = message.rfind('\n');
    if (excerpt == std::string::npos || caret == excerpt) {
        return "nothing: " + message;
    }
    const auto line = message.substr(excerpt + 1, caret - excerpt - 1);
    const auto column = message.size() - caret - 2;
    return column < line.size() ? line.substr(column) : "";
}

std::string repeated(std::string_view text, std::size_t times) {
    std::string all;
    for (std::size_t i = 0; i < times; ++i) {
        all += text;
    }
    return all;
}

} // namespace

BOOST_AUTO_TEST_SUITE(report_json_path)

BOOST_AUTO_TEST_CASE(the_examples_of_the_kubernetes_page_print_what_it_says) {
    BOOST_TEST(of_page("kind is {.kind}") == "kind is List");
    BOOST_TEST(of_page("{.kind}") == "List");
    BOOST_TEST(of_page("{['kind']}") == "List");
    BOOST_TEST(of_page("{..name}") == "127.0.0.1 127.0.0.2 myself e2e");
    BOOST_TEST(of_page("{.items[*].metadata.name}") == "127.0.0.1 127.0.0.2");
    BOOST_TEST(of_page("{.users[0].name}") == "myself");
    BOOST_TEST(of_page("{.users[-1].name}") == "e2e");
    BOOST_TEST(
        of_page("{.items[*]['metadata.name', 'status.capacity']}") ==
        R"(127.0.0.1 127.0.0.2 {"cpu":"4"} {"cpu":"8"})");
    BOOST_TEST(of_page("{.users[?(@.name==\"e2e\")].user.password}") == "secret");
    BOOST_TEST(
        of_page("{range .items[*]}[{.metadata.name}, {.status.capacity}] {end}") ==
        R"([127.0.0.1, {"cpu":"4"}] [127.0.0.2, {"cpu":"8"}] )");
    BOOST_TEST(
        of_page("{range .items[*]}{.metadata.name}{'\\t'}{end}") == "127.0.0.1\t127.0.0.2\t");
    BOOST_TEST(of_page("{.items[0].metadata.labels.kubernetes\\.io/hostname}") == "127.0.0.1");
    BOOST_TEST(
        of_page("{.items[?(@.metadata.labels.kubernetes\\.io/hostname==\"127.0.0.1\")].kind}") ==
        "None");
}

BOOST_AUTO_TEST_CASE(text_outside_of_braces_is_itself) {
    BOOST_TEST(of_pod("") == "");
    BOOST_TEST(of_pod("hello") == "hello");
    BOOST_TEST(of_pod("}x") == "}x");
    BOOST_TEST(of_pod("{.kind}}") == "Pod}");
    BOOST_TEST(of_pod("a\n{.kind}\nb") == "a\nPod\nb");
    BOOST_TEST(of_pod("before-{.nothing}after") == "before-after");
}

BOOST_AUTO_TEST_CASE(one_path_needs_no_braces) {
    BOOST_TEST(of_pod(".status.podIP") == "10.0.0.1");
    BOOST_TEST(of_pod("$.status.podIP") == "10.0.0.1");
    BOOST_TEST(of_pod("@.kind") == "Pod");
    for (const auto* path : {"kind", ".kind", "{kind}", "{.kind}"}) {
        BOOST_TEST(JsonPath::parse_path(path).print(pod()) == "Pod", path);
    }
    BOOST_TEST(
        JsonPath::parse_path("metadata.labels.app\\.kubernetes\\.io/name").print(pod()) == "web");
    BOOST_TEST(JsonPath::parse_path(".spec.containers[*].name").values(pod()).size() == 3U);
}

BOOST_AUTO_TEST_CASE(fields_keys_and_the_current_value) {
    BOOST_TEST(of_pod("{ .kind }") == "Pod");
    BOOST_TEST(of_pod("{@.kind}{$.kind}") == "PodPod");
    BOOST_TEST(of_pod("{@}") == of_pod("{}"));
    BOOST_TEST(of_pod("{@}").starts_with(R"({"apiVersion":"v1","kind":"Pod","metadata":{)"));
    BOOST_TEST(of_pod("{.metadata.labels.app\\.kubernetes\\.io/name}") == "web");
    BOOST_TEST(of_pod("{.metadata.labels['app\\.kubernetes\\.io/name']}") == "web");
    BOOST_TEST(of_pod("{.metadata['labels.z']}") == "<a&b>"); // a path in quotes
    BOOST_TEST(of_pod("{.metadata['name','namespace']}") == "x default");
    BOOST_TEST(of_pod("{.spec.containers[*]['name','image']}") == "a b c i j k");
    BOOST_TEST(of_pod("{.metadata.labels.*}") == "web <a&b>");
    BOOST_TEST(of_pod("{.kind .status}") == ""); // .status of the kind
    BOOST_TEST(of_pod("{.kind \"x\"}") == "x");  // a text is itself, whatever comes in
    BOOST_TEST(of_pod("{.kind}{\" \"}{.status.podIP}") == "Pod 10.0.0.1");
}

BOOST_AUTO_TEST_CASE(what_is_absent_prints_nothing) {
    for (const auto* text :
         {"{.a}",
          "{.a.b.c}",
          "{.kind.x}",
          "{.spec.nodeName.x}",
          "{.spec.containers.name}",
          "{.items[0].x}",
          "{.a[?(@.b==1)]}",
          "{.a[*].b}",
          "{..nothing}",
          "{range .a[*]}x{end}"}) {
        BOOST_TEST(of_pod(text) == "", text);
    }
}

BOOST_AUTO_TEST_CASE(indexes_slices_and_unions) {
    BOOST_TEST(of_pod("{.spec.containers[0].name}") == "a");
    BOOST_TEST(of_pod("{.spec.containers[-1].name}") == "c");
    BOOST_TEST(of_pod("{.spec.containers[-3].name}") == "a");
    BOOST_TEST(of_pod("{.spec.containers[].name}") == "a"); // as kubectl has it
    BOOST_TEST(of_pod("{.spec.containers[0:2].name}") == "a b");
    BOOST_TEST(of_pod("{.spec.containers[:2].name}") == "a b");
    BOOST_TEST(of_pod("{.spec.containers[1:].name}") == "b c");
    BOOST_TEST(of_pod("{.spec.containers[-2:].name}") == "b c");
    BOOST_TEST(of_pod("{.spec.containers[0:-1].name}") == "a b");
    BOOST_TEST(of_pod("{.spec.containers[::2].name}") == "a c");
    BOOST_TEST(of_pod("{.spec.containers[1::2].name}") == "b");
    BOOST_TEST(of_pod("{.spec.containers[0:3:9223372036854775807].name}") == "a");
    BOOST_TEST(of_pod("{.spec.containers[0:0].name}") == "");
    BOOST_TEST(of_pod("{.spec.containers[0,2].name}") == "a c");
    BOOST_TEST(of_pod("{.spec.containers[0, -1].name}") == "a c");
    BOOST_TEST(of_pod("{.spec.containers[1:,0].name}") == "b c a");
    // kubectl 1.32 loses the ports behind a container that has an empty list of them.
    BOOST_TEST(of_pod("{.spec.containers[*].ports[*].containerPort}") == "80 81");
}

BOOST_AUTO_TEST_CASE(recursive_descent_goes_from_the_outside_in) {
    BOOST_TEST(of_pod("{..name}") == "x a b c");
    BOOST_TEST(of_pod("{...name}") == "x a b c");
    BOOST_TEST(of_pod("{.spec..containerPort}") == "80 81");
    BOOST_TEST(print_of(Json{1, 2, 3}, "{..}") == "[1,2,3]");
    BOOST_TEST(
        print_of(Json::parse(R"({"a":[{"b":1}]})"), "{..}") ==
        R"({"a":[{"b":1}]} [{"b":1}] {"b":1})");
}

BOOST_AUTO_TEST_CASE(filters_compare_and_ask_for_existence) {
    BOOST_TEST(of_pod("{.status.conditions[?(@.type==\"Ready\")].status}") == "True");
    BOOST_TEST(of_pod("{.status.conditions[?(@.type=='Ready')].status}") == "True");
    BOOST_TEST(of_pod("{.status.conditions[?(@.type == \"Ready\")].status}") == "True");
    BOOST_TEST(of_pod("{.status.conditions[?(\"Ready\"==@.type)].status}") == "True");
    BOOST_TEST(of_pod("{.status.conditions[?(@['type']=='Ready')].status}") == "True");
    BOOST_TEST(of_pod("{.status.conditions[?(@.type!=\"Ready\")].type}") == "Other No");
    BOOST_TEST(of_pod("{.status.conditions[?(@.n>3)].type}") == "Other");
    BOOST_TEST(of_pod("{.status.conditions[?(@.n>=3)].type}") == "Ready Other");
    BOOST_TEST(of_pod("{.status.conditions[?(@.n<10)].type}") == "Ready");
    BOOST_TEST(of_pod("{.status.conditions[?(@.n<=10)].type}") == "Ready Other");
    BOOST_TEST(of_pod("{.status.conditions[?(@.n<3.5)].type}") == "Ready");
    BOOST_TEST(of_pod("{.status.conditions[?(@.f==2.5)].type}") == "Ready");
    BOOST_TEST(of_pod("{.status.conditions[?(@.b==true)].type}") == "Ready");
    BOOST_TEST(of_pod("{.status.conditions[?(@.b!=true)].type}") == "No");
    BOOST_TEST(of_pod("{.status.conditions[?(@.f)].type}") == "Ready Other");
    BOOST_TEST(of_pod("{.spec.containers[?(@.ports[5])].name}") == "");
    BOOST_TEST(of_pod("{.spec.containers[?(@.ports[*].containerPort)].name}") == "b");
    BOOST_TEST(of_pod("{.spec.containers[?(@.name<\"b\")].name}") == "a");
    BOOST_TEST(print_of(Json{2, 6, 3, 7}, "{[?(@<5)]}") == "2 3");
    BOOST_TEST(print_of(Json{-2, 6, 3, 7}, "{[?(@>-2)]}") == "6 3 7");
    BOOST_TEST(print_of(Json{"a)", "b]"}, "{[?(@==\"a)\")]}{[?(@=='b]')]}") == "a)b]");
    BOOST_TEST(print_of(Json{"a\"b"}, R"({[?(@=="a\"b")]})") == "a\"b");
    // 2^53 + 1 is no double.
    BOOST_TEST(
        print_of(
            Json::parse("[9007199254740993, 9007199254740992]"), "{[?(@==9007199254740993)]}") ==
        "9007199254740993");
}

BOOST_AUTO_TEST_CASE(ranges_nest_and_the_last_end_may_be_missing) {
    BOOST_TEST(
        of_pod("{range .status.conditions[*]}{.type}={.status}{\"\\n\"}{end}") ==
        "Ready=True\nOther=False\nNo=\n");
    BOOST_TEST(of_pod("{range .status.conditions[*]}{.type}{end}{.kind}") == "ReadyOtherNoPod");
    BOOST_TEST(of_pod("{range .status.conditions[*]}{.type}") == "ReadyOtherNo");
    BOOST_TEST(
        of_pod("{range .status.conditions[*]}{$.type}{@.type},{end}") ==
        "ReadyReady,OtherOther,NoNo,");
    BOOST_TEST(
        of_pod(
            "{range .spec.containers[*]}{range .ports[*]}{.containerPort},{end}{.name};{end}.") ==
        "a;80,81,b;c;.");
    BOOST_TEST(
        of_page("{range .items[*]}{range .status.addresses[*]}{.address}, {end}{end}") ==
        "127.0.0.1, 127.0.0.2, 127.0.0.3, ");
    BOOST_TEST(
        print_of(Json::parse(R"({"items":[]})"), "{range .items[*]}{range .a[*]}x{end}{end}.") ==
        ".");
}

BOOST_AUTO_TEST_CASE(literals_have_gos_escapes) {
    BOOST_TEST(
        of_pod(R"({"a\x41\u00e9\101\U0001F600\n\t\\\"'"})") == "aA\u00e9A\U0001F600\n\t\\\"'");
    BOOST_TEST(of_pod(R"({'a"b\''})") == "a\"b'");
    BOOST_TEST(of_pod("{1}{1.50}{-1}{+2}{true}") == "11.5-12true");
    BOOST_TEST(of_pod("{\"{\"}{.kind}{\"}\"}") == "{Pod}");
}

BOOST_AUTO_TEST_CASE(values_print_as_go_prints_them) {
    BOOST_TEST(of_pod("{.spec.priority} {.spec.hostNetwork} {.spec.nodeName}") == "5 true null");
    BOOST_TEST(of_pod("{.status.conditions[?(@.f)].f}") == "2.5 1e+30");
    BOOST_TEST(
        print_of(Json{4.0, 1e20, 1e21, 0.0001, 0.00001, 0.0}, "{[*]}") ==
        "4 100000000000000000000 1e+21 0.0001 1e-05 0");
    BOOST_TEST(
        of_pod("{.metadata.labels}") ==
        R"({"app.kubernetes.io/name":"web","z":"\u003ca\u0026b\u003e"})");
    BOOST_TEST(of_pod("{.spec.containers[0]}") == R"({"image":"i","name":"a","ports":[]})");
    BOOST_TEST(
        JsonPath::parse("{.kind}{.spec.containers[0:2].name}").print_json(pod()) ==
        "[\n    \"Pod\"\n]\n[\n    \"a\",\n    \"b\"\n]\n");
    BOOST_TEST(
        JsonPath::parse("{.spec.containers[1:]['ports','image']}{.nothing}").print_json(pod()) ==
        "[\n    [\n        {\n            \"containerPort\": 80\n        },\n        {\n"
        "            \"containerPort\": 81\n        }\n    ],\n    \"j\",\n    \"k\"\n]\n[]\n");
    using labctl::report::go_text;
    BOOST_TEST(go_text(Json::parse(R"({"b":[1,"x"],"a":null})")) == "map[a:<nil> b:[1 x]]");
}

BOOST_AUTO_TEST_CASE(a_document_cannot_move_the_cursor_of_a_terminal) {
    const Json hostile{{"a", "\x1b[2Jx\ty\nz"}};
    const auto path = JsonPath::parse("{.a}{\"\\t\"}");
    BOOST_TEST(path.print(hostile) == "\x1b[2Jx\ty\nz\t"); // a pipe gets what is there
    const auto shown = path.print(hostile, true);
    BOOST_TEST(shown.find('\x1b') == std::string::npos);
    BOOST_TEST(shown.ends_with("\nz\t"));
}

BOOST_AUTO_TEST_CASE(a_wrong_expression_shows_its_place) {
    const std::vector<std::pair<std::string, std::string>> cases{
        {"{.status", "{.status"},
        {"x{.status\n}", "{.status\\n}"},
        {"{hello}", "hello}"},
        {"{.kind hello}", "hello}"},
        {"{range .a[*]}{end}{end}", "{end}"},
        {"{end}", "{end}"},
        {"{.a range .b}", "range .b}"},
        {"{end .a}", "a}"},
        {"{.}", "}"},
        {"{.a.}", "}"},
        {"{.['kind']}", "['kind']}"},
        {"{.a[\"b\"]}", "\"b\"]}"},
        {"{.a[b]}", "b]}"},
        {"{.a[1:2:3:4]}", "1:2:3:4]}"},
        {"{.a[-]}", "-]}"},
        {"{.a[99999999999999999999]}", "99999999999999999999]}"},
        {"{.a['']}", "']}"},
        {"{.a['b}", "['b}"},
        {"{.a[0", "[0"},
        {"{....a}", "..a}"},
        {"{..*}", "*}"},
        {"{.a, .b}", ", .b}"},
        {"{\t.a}", "\\t.a}"},
        {"{\"a}", "\"a}"},
        {"{'a\\", "'a\\"},
        {"{\"\\q\"}", "\\q\"}"},
        {"{\"\\ud800\"}", "\\ud800\"}"},
        {"{\"\\x4\"}", "\\x4\"}"},
        {"{1.2.3}", "1.2.3}"},
        {"{-}", "-}"},
        {"{.a[?(@.b==\"c\"}", "[?(@.b==\"c\"}"},
        {"{.a[?(@.b==\"c\"]}", "[?(@.b==\"c\"]}"},
        {"{.a[?(@.b==\"c\")}", ")}"},
        {"{.a[?(@.b==)]}", ")]}"},
        {"{.a[?()]}", ")]}"},
        {"{.a[?(==1)]}", "==1)]}"},
        {"{.a[?(@.b=~\"c\")]}", "=~\"c\")]}"},
        {"{.a[?(@.b<>1)]}", "<>1)]}"},
        {"{.a[?(@.b=1)]}", "=1)]}"},
        {"{.a[?(@.b==1 && @.c==2)]}", "&& @.c==2)]}"},
        {"{.a[?(@.b==Ready)]}", "Ready)]}"},
        {"{.a[?(@.b[?(@.c)])]}", "[?(@.c)])]}"},
    };
    for (const auto& [text, place] : cases) {
        BOOST_TEST(
            pointed_at(json_path_mistake(text)) == place, text + ": " + json_path_mistake(text));
    }
    BOOST_TEST(json_path_mistake("{.a[?(@.b==1}").starts_with("JSONPath, at character 4: "));
    for (const auto* path : {"", "{}", "{.a}{.b}", ".a{.b}", "{.a", "a b"}) {
        BOOST_CHECK_THROW(JsonPath::parse_path(path), netemu::UsageError);
    }
}

BOOST_AUTO_TEST_CASE(the_excerpt_of_a_long_expression_is_short_and_cuts_no_character) {
    const auto text = "{." + repeated("\u00e9", 500) + "|}{hello}" + repeated("\u00e9", 500);
    const auto message = json_path_mistake(text);
    BOOST_TEST(message.size() < 400U);
    BOOST_TEST(pointed_at(message).find("hello}") != std::string::npos, message);
    BOOST_TEST(message.find("\xef\xbf\xbd") == std::string::npos, message);
}

BOOST_AUTO_TEST_CASE(a_document_of_another_shape_is_an_error_at_the_step_that_needs_it) {
    BOOST_TEST(
        json_path_mistake("{.spec.containers[5]}")
            .find("array index out of bounds: the list has 3") != std::string::npos);
    const std::vector<std::pair<std::string, std::string>> cases{
        {"{.spec.containers[5]}", "5]}"},
        {"{.spec.containers[9223372036854775807]}", "9223372036854775807]}"},
        {"{.spec.containers[-9223372036854775808]}", "-9223372036854775808]}"},
        {"{.spec.containers[-4].name}", "-4].name}"},
        {"{.spec.containers[2:1]}", "2:1]}"},
        {"{.spec.containers[0:4]}", "0:4]}"},
        {"{.spec.containers[0:2:0]}", "0:2:0]}"},
        {"{.metadata.labels[*]}", "*]}"},
        {"{.kind[0]}", "0]}"},
        {"{.status[?(@.a)]}", "[?(@.a)]}"},
        {"{.status.conditions[?(@.n==\"3\")]}", "[?(@.n==\"3\")]}"},
        {"{.status.conditions[?(@.b<true)]}", "[?(@.b<true)]}"},
        {"{.spec.containers[?(@.ports[*].containerPort==80)]}", "[?(@.ports[*].containerP..."},
    };
    for (const auto& [text, place] : cases) {
        BOOST_TEST(
            pointed_at(json_path_mistake(text)) == place, text + ": " + json_path_mistake(text));
    }
}

BOOST_AUTO_TEST_CASE(deep_and_long_input_stays_within_bounds) {
    Json deep = 1;
    for (int i = 0; i < 20000; ++i) {
        deep = Json{{"a", std::move(deep)}};
    }
    BOOST_TEST(JsonPath::parse("{..a}").values(deep).size() == 20000U);
    BOOST_TEST(JsonPath::parse("{" + repeated(".a", 20000) + "}").print(deep) == "1");
    // Every further ".." multiplies; the bound is on all values that are looked at.
    BOOST_TEST(
        json_path_mistake("{..a..a..a}", deep).find("more than 5000000 values") !=
        std::string::npos);
    BOOST_TEST(
        json_path_mistake("{range ..}{range ..}{range ..}x", deep).find("more than 5000000") !=
        std::string::npos);
    const Json large{{"a", std::string(1U << 20U, 'x')}};
    BOOST_TEST(
        json_path_mistake("{['a" + repeated("','a", 300) + "']}", large)
            .find("more than 256 MiB") != std::string::npos);
    const auto ranges = [](std::size_t depth) {
        return repeated("{range .a[0:1]}", depth) + repeated("{end}", depth);
    };
    BOOST_TEST(of_pod(ranges(JsonPath::kRangesMax)) == "");
    BOOST_TEST(
        json_path_mistake(ranges(JsonPath::kRangesMax + 1)).find("too many ranges") !=
        std::string::npos);
    BOOST_TEST(of_pod(std::string(JsonPath::kLengthMax, 'x')).size() == JsonPath::kLengthMax);
    BOOST_CHECK_THROW(
        JsonPath::parse(std::string(JsonPath::kLengthMax + 1, 'x')), netemu::UsageError);
}

BOOST_AUTO_TEST_CASE(no_garbage_does_more_than_an_error) {
    static constexpr std::string_view kPieces[] = {
        "{",
        "}",
        "[",
        "]",
        "(",
        ")",
        "?",
        "@",
        "$",
        ".",
        "..",
        "*",
        ",",
        ":",
        "'",
        "\"",
        "\\",
        "range ",
        "end",
        ".a",
        ".items",
        "[0]",
        "[*]",
        "[?(",
        ")]",
        "==",
        "<",
        "-1",
        "1",
        "\xc3",
        "\xc3\xa9",
        "\n",
        "\t",
        " ",
        "true",
        "\\u0041",
        std::string_view("\0", 1)};
    std::mt19937 random(1);
    std::size_t good = 0;
    for (int round = 0; round < 50000; ++round) {
        std::string text = random() % 2 == 0 ? "{" : "";
        for (auto left = random() % 12; left > 0; --left) {
            text += kPieces[random() % std::size(kPieces)];
        }
        try {
            (void)JsonPath::parse(text).print(page());
            ++good;
        } catch (const netemu::UsageError& error) {
            BOOST_REQUIRE(std::string(error.what()).find("JSONPath") != std::string::npos);
        }
    }
    BOOST_TEST(good > 1000U);
}

BOOST_AUTO_TEST_SUITE_END()
