#include <algorithm>
#include <set>

#include <boost/test/unit_test.hpp>

#include "labctl/manifest/schema.h"
#include "tests/unit/manifest_fixture.h"

using namespace manifest_test;
namespace schema = labctl::manifest::schema;

namespace {

const std::string kContainer = "containers:\n- name: c\n  image: i:1\n";

/// Every table that can be reached from the typed kinds.
std::set<const schema::Struct*> all_tables() {
    std::set<const schema::Struct*> seen;
    std::vector<const schema::Struct*> queue;
    for (const auto& kind : labctl::api::kinds()) {
        queue.push_back(schema::find_struct(kind.kind));
    }
    while (!queue.empty()) {
        const auto* table = queue.back();
        queue.pop_back();
        if (table == nullptr || !seen.insert(table).second) {
            continue;
        }
        for (const auto& field : table->fields) {
            queue.push_back(field.object);
        }
    }
    return seen;
}

} // namespace

BOOST_AUTO_TEST_SUITE(tables)

BOOST_AUTO_TEST_CASE(every_typed_kind_has_a_table) {
    for (const auto& kind : labctl::api::kinds()) {
        const auto* table = schema::find_struct(kind.kind);
        if (kind.kind == "Event" || kind.kind == "CiliumIdentity") {
            continue; // made by the lab, never read from a file
        }
        BOOST_REQUIRE_MESSAGE(table != nullptr, kind.kind);
        BOOST_TEST((table->find("metadata") != nullptr));
        BOOST_TEST((table->find("kind") != nullptr));
    }
    BOOST_TEST((schema::find_struct("EnvoyFilter") == nullptr));
}

BOOST_AUTO_TEST_CASE(tables_are_sound) {
    const auto tables = all_tables();
    BOOST_TEST(tables.size() > 120);
    for (const auto* table : tables) {
        std::set<std::string_view> names;
        for (const auto& field : table->fields) {
            BOOST_TEST_CONTEXT(field.name) {
                BOOST_TEST(names.insert(field.name).second);
                BOOST_TEST((field.type == schema::Type::Object) == (field.object != nullptr));
                const bool allowed =
                    field.default_text.empty() || field.allowed.empty() ||
                    std::find(field.allowed.begin(), field.allowed.end(), field.default_text) !=
                        field.allowed.end();
                BOOST_TEST(allowed);
                const bool in_range =
                    field.default_number == schema::kLowest ||
                    (field.default_number >= field.lowest && field.default_number <= field.highest);
                BOOST_TEST(in_range);
                BOOST_TEST(
                    (field.unique_by.empty() || field.object->find(field.unique_by) != nullptr));
                BOOST_TEST(std::is_sorted(field.allowed.begin(), field.allowed.end()));
            }
        }
    }
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(fields)

BOOST_AUTO_TEST_CASE(unknown_fields_are_warnings_with_a_suggestion) {
    BOOST_TEST(
        finding(pod("containers:\n- name: c\n  image: i:1\n  ports:\n  - contanerPort: 80\n    "
                    "containerPort: 81\n")) ==
        "10:7 warning: Pod \"a\": spec.containers[0].ports[0].contanerPort: unknown field | did "
        "you mean 'containerPort'?");
    BOOST_TEST(
        finding(
            deployment("selector: {matchLabels: {a: b}}\ntemplate:\n  metadata: {labels: {a: b}}\n "
                       " spec:\n    replicas: 2\n    containers: [{name: c, image: i}]\n")) ==
        "10:7 warning: Deployment \"a\": spec.template.spec.replicas: unknown field | 'replicas' "
        "belongs in spec; check the indentation");
    BOOST_TEST(
        finding(pod(kContainer + "zzzzzzzz: 1\n")) ==
        "9:3 warning: Pod \"a\": spec.zzzzzzzz: unknown field");
    BOOST_TEST(
        finding("apiVersion: v1\nkind: Service\nmetadata: {name: a, label: {a: b}}\nspec: {ports: "
                "[{port: 80}]}\n") ==
        "3:21 warning: Service \"a\": metadata.label: unknown field | did you mean 'labels'?");
}

BOOST_AUTO_TEST_CASE(unknown_fields_are_errors_when_strict) {
    ReadOptions strict;
    strict.strict = true;
    BOOST_TEST(
        finding(service("prots: []\nports: [{port: 80}]"), strict) ==
        "6:3 error: Service \"a\": spec.prots: unknown field | did you mean 'ports'?");
    BOOST_TEST(object(service("prots: []\nports: [{port: 80}]"))["spec"].contains("prots"));
}

BOOST_AUTO_TEST_CASE(wrong_types_name_what_was_expected_and_found) {
    const std::vector<std::pair<std::string, std::string>> cases{
        {deployment("replicas: three\nselector: {matchLabels: {a: b}}\ntemplate: {metadata: "
                    "{labels: {a: b}}, spec: {containers: [{name: c, image: i}]}}\n"),
         "6:13 error: Deployment \"a\": spec.replicas: expected an integer, found the string "
         "\"three\""},
        {service("ports: [{port: '80'}]"),
         "6:18 error: Service \"a\": spec.ports[0].port: expected an integer, found the string "
         "\"80\" | remove the quotes"},
        {service("ports: [{port: 80}]\nselector: {app: true}"),
         "7:19 error: Service \"a\": spec.selector[app]: expected a string, found the boolean true "
         "| put it in quotes, so that it is text"},
        {service("ports: {port: 80}"),
         "6:3 error: Service \"a\": spec.ports: expected a list, found an object | begin each item "
         "with '- '"},
        {service("ports: [80]"),
         "6:11 error: Service \"a\": spec.ports[0]: expected an object, found the number 80"},
        {service("ports: [{port: 80}]\npublishNotReadyAddresses: 'yes'"),
         "7:29 error: Service \"a\": spec.publishNotReadyAddresses: expected true or false, found "
         "the string \"yes\""},
        {service("ports: [{port: 99999999999}]"),
         "6:18 error: Service \"a\": spec.ports[0].port: expected a 32-bit integer, found the "
         "number 99999999999"},
        {service("ports: [{port: 80, targetPort: true}]"),
         "6:34 error: Service \"a\": spec.ports[0].targetPort: expected an integer or a string, "
         "found the boolean true"},
        {pod(kContainer + "  env: [{name: A, value: 1}]\n"),
         "9:28 error: Pod \"a\": spec.containers[0].env[0].value: expected a string, found the "
         "number 1 | put it in quotes, so that it is text"},
        {pod(kContainer + "  resources: {limits: {cpu: fast}}\n"),
         "9:31 error: Pod \"a\": spec.containers[0].resources.limits[cpu]: Invalid value: "
         "\"fast\": quantities must match the regular expression "
         "'^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$' | for example 100m, 0.5, 64Mi or 1Gi"},
        {pod("containers: x\n"),
         "6:15 error: Pod \"a\": spec.containers: expected a list, found the string \"x\""},
        {"apiVersion: v1\nkind: Service\nmetadata: {name: 5}\nspec: {ports: [{port: 80}]}\n",
         "3:18 error: Service: metadata.name: expected a string, found the number 5 | put it in "
         "quotes, so that it is text"},
        {"apiVersion: v1\nkind: Service\nmetadata: x\nspec: {ports: [{port: 80}]}\n",
         "3:11 error: Service: metadata: expected an object, found the string \"x\""},
        {"apiVersion: 1\nkind: Pod\nmetadata: {name: a}\n",
         "1:13 error: Pod \"a\": apiVersion: expected a string | put it in quotes, so that it is "
         "text"},
        {"kind: Pod\nmetadata: {name: a}\n", "1:1 error: Pod \"a\": apiVersion: Required value"},
    };
    for (const auto& [text, expected] : cases) {
        BOOST_TEST(finding(text) == expected);
    }
}

BOOST_AUTO_TEST_CASE(nulls_are_absent_as_for_the_api_server) {
    const auto read = object(pod("containers:\n- name: c\n  image: i:1\n  ports:\n  args: [a, "
                                 "null]\nnodeSelector: {a: }\nvolumes:\n- name: v\n  emptyDir:\n"));
    const auto& spec = read["spec"];
    BOOST_TEST(!spec["containers"][0].contains("ports"));
    BOOST_TEST(spec["containers"][0]["args"][1] == "");
    BOOST_TEST(spec["nodeSelector"]["a"] == "");
    BOOST_TEST(spec["volumes"][0]["emptyDir"] == Json::object());
    const auto rules = object(policy("podSelector:\ningress:\n-\n"))["spec"];
    BOOST_TEST(rules["podSelector"] == Json::object());
    BOOST_TEST(rules["ingress"] == Json::parse("[{}]"));
}

BOOST_AUTO_TEST_CASE(all_problems_of_an_input_come_in_the_order_of_its_lines) {
    const auto found = findings(
        deployment("replicas: -1\nselector: {matchLabels: {a: b}}\ntemplate:\n  metadata: {labels: "
                   "{a: c}}\n  spec:\n    restartPolicy: Never\n    containers:\n    - image: i\n  "
                   "    name: C\n    - image: i\n      nam: d\n"));
    std::vector<std::string> places;
    places.reserve(found.size());
    for (const auto& line : found) {
        places.push_back(line.substr(0, line.find(':')));
    }
    BOOST_TEST(
        places == (std::vector<std::string>{"6", "9", "11", "14", "15", "16"}),
        boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(diagnostics_are_shown_with_line_and_caret) {
    try {
        labctl::manifest::read_text(
            service("ports:\n- port: 80\n  targetPort: 99999"), "dir/svc.yaml");
        BOOST_FAIL("no error");
    } catch (const labctl::manifest::ManifestError& error) {
        BOOST_TEST((error.exit_code() == netemu::ExitCode::Usage));
        BOOST_TEST(
            std::string(error.what()) ==
            "the input is not valid: 1 error\n"
            "dir/svc.yaml:8:17: error: Service \"a\": spec.ports[0].targetPort: Invalid value: "
            "99999: must be between 1 and 65535, inclusive\n"
            "        targetPort: 99999\n"
            "                    ^\n");
    }
}

BOOST_AUTO_TEST_CASE(many_diagnostics_are_counted_and_cut) {
    std::string text =
        "apiVersion: v1\nkind: Service\nmetadata: {name: a}\nspec: {ports: [{port: 80}]}\n";
    for (int i = 0; i < 300; ++i) {
        text += "x" + std::to_string(i) + ": 1\n";
    }
    const auto result = labctl::manifest::read_text(text, "x.yaml");
    BOOST_TEST(result.findings.warnings == 300);
    BOOST_TEST(result.findings.list.size() == 200);
    BOOST_TEST(labctl::manifest::format(result.findings).ends_with("and 100 more\n"));
}

BOOST_AUTO_TEST_CASE(excerpts_are_safe_and_short) {
    labctl::manifest::Diagnostic found;
    found.source = {"a\nb", 3, 205};
    found.message = "bad \x1b[31m\nvalue";
    found.source_line = std::string(200, 'x') + "\x1b\tYZ" + std::string(300, 'z');
    const auto text = labctl::manifest::format(found);
    BOOST_TEST(text.find('\x1b') == std::string::npos);
    BOOST_TEST(std::count(text.begin(), text.end(), '\n') == 3);
    BOOST_TEST(text.size() < 450);
    labctl::manifest::Diagnostic wide;
    wide.severity = labctl::manifest::Severity::Warning;
    wide.source = {"f", 1, 4};
    wide.message = "m";
    wide.hint = "h";
    wide.source_line = "\tää: x";
    BOOST_TEST(
        labctl::manifest::format(wide) ==
        "f:1:4: warning: m\n    \tää: x\n    \t  ^\n    hint: h\n");
}

BOOST_AUTO_TEST_SUITE_END()
