#include <set>

#include <boost/test/unit_test.hpp>

#include "labctl/check/parse.h"
#include "labctl/learn/answer.h"
#include "labctl/learn/challenge.h"
#include "labctl/learn/variant.h"
#include "labctl/manifest/front_matter.h"
#include "labctl/manifest/substitute.h"
#include "netemu/base/error.h"
#include "tests/unit/learn_fixture.h"

using namespace labctl::learn;
using labctl::learn::testing::ExerciseFolder;
using labctl::manifest::FrontMatterKind;
using labctl::manifest::ManifestError;
using labctl::manifest::read_front_matter;
using labctl::manifest::substitute;

namespace {

constexpr const char* kGoodHead =
    "---\n"
    "kind: challenge\n"
    "title: Nobody answers\n"
    "objectives:\n"
    "  - {key: answer, title: An answer comes, checks: [client-web]}\n"
    "---\n";

constexpr const char* kGoodChecks =
    "- {name: client-web, from: client, to: web:80, expect: allow}\n";

/// The text of what is wrong with a challenge of these files.
std::string complaint(const std::string& head, const std::string& checks = kGoodChecks) {
    const ExerciseFolder folder({{"challenge.md", head}, {"checks.yaml", checks}});
    try {
        (void)load_challenge({folder.path(), 0, {}}, "x", true);
    } catch (const netemu::Error& error) {
        return error.what();
    }
    return "";
}

std::string with(const std::string& more) {
    return "---\nkind: challenge\ntitle: T\n" + more + "---\n";
}

const std::string kOneObjective =
    "objectives: [{key: answer, title: An answer comes, checks: [client-web]}]\n";

} // namespace

BOOST_AUTO_TEST_SUITE(front_matter)

BOOST_AUTO_TEST_CASE(a_challenge_is_read_with_its_defaults) {
    const ExerciseFolder folder(
        {{"challenge.md", std::string(kGoodHead) + "\n# The text\n---\nstays\n"},
         {"checks.yaml", kGoodChecks}});
    const auto loaded = load_challenge({folder.path(), 0, {}}, "nobody", true);
    const auto& challenge = loaded.challenge;
    BOOST_TEST(challenge.name == "nobody");
    BOOST_TEST(challenge.title == "Nobody answers");
    BOOST_TEST(challenge.difficulty == "medium");
    BOOST_TEST(challenge.text == "\n# The text\n---\nstays\n");
    BOOST_TEST(challenge.points() == 1);
    BOOST_REQUIRE_EQUAL(challenge.objectives.size(), 1U);
    BOOST_TEST(challenge.objectives[0].key == "answer");
    BOOST_TEST(challenge.over_permissive == 0);
    BOOST_REQUIRE_EQUAL(loaded.assertions.size(), 1U);
}

BOOST_AUTO_TEST_CASE(every_field_is_read) {
    const ExerciseFolder folder(
        {{"challenge.md",
          "---\r\nkind: challenge\r\ntitle: T\r\ndescription: D\r\ndifficulty: hard\r\n"
          "categories: [dns, services]\r\nestimatedTime: 90s\r\nobjectives:\r\n"
          "  - {key: a, title: A, points: 3, checks: [client-web]}\r\n"
          "  - {key: b, title: B, checks: ['*'], needs: [a]}\r\n"
          "mustNotBreak: [slow]\r\nhints: [{text: Look, cost: 2, objective: a}, {text: Again}]\r\n"
          "protect: [pod/client]\r\noverPermissive: 4\r\nvariables: {PORT: [80, x]}\r\n"
          "wrong: {all: [a, mustNotBreak, overPermissive, protect]}\r\n---\r\nText"},
         {"checks.yaml",
          std::string(kGoodChecks) + "- {name: other, from: client, to: web:81, expect: allow, "
                                     "tags: [slow], hidden: true}\n"}});
    const auto loaded = load_challenge({folder.path(), 0, {}}, "x", true);
    const auto& challenge = loaded.challenge;
    BOOST_TEST(challenge.difficulty == "hard");
    BOOST_TEST(challenge.estimated_time == "90s");
    BOOST_TEST(
        challenge.categories == (std::vector<std::string>{"dns", "services"}),
        boost::test_tools::per_element());
    BOOST_TEST(
        challenge.objectives[1].needs == std::vector<std::string>{"a"},
        boost::test_tools::per_element());
    BOOST_TEST(challenge.hints[0].cost == 2);
    BOOST_TEST(challenge.hints[0].objective == "a");
    BOOST_TEST(challenge.hints[1].cost == 0);
    BOOST_TEST(
        challenge.protect == std::vector<std::string>{"pod/client"},
        boost::test_tools::per_element());
    BOOST_TEST(challenge.over_permissive == 4);
    BOOST_TEST(challenge.wrong.at("all").size() == 4U);
    BOOST_TEST(challenge.text == "Text");
    BOOST_TEST(!loaded.assertions[0].hidden);
    BOOST_TEST(loaded.assertions[1].hidden);
    BOOST_TEST(selects(challenge.keep, loaded.assertions[1])); // by its tag
    BOOST_TEST(!selects(challenge.keep, loaded.assertions[0]));
    BOOST_TEST(challenge.find("b") == &challenge.objectives[1]);
    BOOST_TEST(challenge.find("c") == nullptr);
}

BOOST_AUTO_TEST_CASE(bad_front_matter_is_told_with_its_place) {
    struct Row {
        std::string head;
        const char* complaint;
    };
    for (const auto& row : std::vector<Row>{
             {"# Only text\n", ":1:1: error: expected a YAML mapping between two lines '---'"},
             {"---\nkind: challenge\n", ":1:1: error: expected a YAML mapping between two lines"},
             {"", ":1:1: error: expected a YAML mapping"},
             {"---\n- a\n---\n", ":2:1: error: expected a mapping of fields"},
             {"---\n---\n", ":2:1: error: expected a mapping of fields"},
             {"---\nkind: [\n---\n", ":3:1: error:"},
             {"---\nkind: quiz\ntitle: T\n---\n",
              ":2:7: error: challenge: kind: expected challenge"},
             {"---\ntitle: T\n---\n", "kind: Required value"},
             {with("objectives: []\n"), "objectives: Required value"},
             {with(kOneObjective + "difficulty: easyy\n"),
              ":5:13: error: challenge: difficulty: Unsupported value"},
             {with(kOneObjective + "estimatedTime: soon\n"),
              ":5:16: error: challenge: estimatedTime: Invalid value"},
             {with(kOneObjective + "hint: []\n"), "did you mean 'hints'?"},
             {with("objectives: [{key: A b, title: T, checks: [client-web]}]\n"),
              "objectives[0].key: Invalid value"},
             {with("objectives: [{key: a, title: T, checks: [client-web], points: -1}]\n"),
              "objectives[0].points"},
             {with("objectives: [{key: a, title: T, checks: [client-web]}, {key: a, title: U, "
                   "checks: [client-web]}]\n"),
              "Duplicate value"},
             {with("objectives: [{key: a, title: T, checks: [client-web], needs: [b]}, {key: b, "
                   "title: U, checks: [client-web]}]\n"),
              "'b' does not come before this objective"},
             {with("objectives: [{key: reach, title: T, checks: [client-web], needs: [rech]}]\n"),
              "did you mean 'reach'?"},
             {with(kOneObjective + "hints: [{text: x, objective: anser}]\n"),
              "did you mean 'answer'?"},
             {with(kOneObjective + "wrong: {all: [anser]}\n"),
              ":5:15: error: challenge: wrong[all][0]: no objective has the key 'anser'"},
             {with(kOneObjective + "wrong: [all]\n"), "expected a mapping of wrong answers"},
             {with(kOneObjective + "variables: {port: [1]}\n"), "is no name of a variable"},
             {with(kOneObjective + "variables: {PORT: 1}\n"), "expected a list of values"},
             {with(kOneObjective + "variables: {PORT: [[1]]}\n"),
              "expected a number or a text of one line"},
             {with(kOneObjective + "variables: {PORT: [\"a\\nb\"]}\n"),
              "expected a number or a text of one line"},
         }) {
        BOOST_TEST_CONTEXT(row.head) {
            const auto text = complaint(row.head);
            BOOST_TEST(text.find(row.complaint) != std::string::npos, text);
        }
    }
}

BOOST_AUTO_TEST_CASE(front_matter_and_checks_have_to_fit) {
    BOOST_TEST(complaint(kGoodHead) == "");
    auto text = complaint(with("objectives: [{key: a, title: T, checks: [client-wbe]}]\n"));
    BOOST_TEST(
        text.find("challenge.md:4:42: error: objectives[0].checks[0]: no assertion in checks.yaml "
                  "has the name or tag 'client-wbe'") != std::string::npos,
        text);
    BOOST_TEST(text.find("did you mean 'client-web'?") != std::string::npos, text);
    // and the assertion that nobody asks for is told, too
    BOOST_TEST(
        text.find("checks.yaml:1:3: error: 'client-web' belongs to no objective") !=
            std::string::npos,
        text);
    text = complaint(with(kOneObjective + "mustNotBreak: [other]\n"));
    BOOST_TEST(text.find("mustNotBreak[0]: no assertion") != std::string::npos, text);
    text = complaint(kGoodHead, "- {name: client-web, from: client}\n");
    BOOST_TEST(text.find("checks.yaml:1:3") != std::string::npos, text);
    text = complaint(
        kGoodHead, "- {name: client-web, from: client, to: web:80, expect: allow, hidden: 3}\n");
    BOOST_TEST(text.find("'hidden' must be true or false") != std::string::npos, text);
}

BOOST_AUTO_TEST_CASE(a_folder_without_the_file_is_no_challenge) {
    const netemu::test::TemporaryDirectory folder;
    BOOST_CHECK_THROW((void)load_challenge({folder.path(), 0, {}}, "x", false), netemu::UsageError);
    BOOST_CHECK_THROW(
        (void)read_front_matter(folder.path() + "/challenge.md", FrontMatterKind::Challenge),
        netemu::Error);
}

BOOST_AUTO_TEST_CASE(unknown_fields_are_warnings_unless_strict) {
    const ExerciseFolder folder({{"challenge.md", with(kOneObjective + "author: me\n")}});
    const auto front =
        read_front_matter(folder.path() + "/challenge.md", FrontMatterKind::Challenge);
    BOOST_TEST(front.findings.warnings == 1U);
    labctl::manifest::ReadOptions strict;
    strict.strict = true;
    BOOST_CHECK_THROW(
        (void)read_front_matter(
            folder.path() + "/challenge.md", FrontMatterKind::Challenge, strict),
        ManifestError);
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(variants)

BOOST_AUTO_TEST_CASE(known_variables_are_replaced_and_nothing_else) {
    const std::map<std::string, std::string> values{{"PORT", "8080"}, {"NAME", "${PORT}"}};
    for (const auto& [text, wanted] : std::vector<std::pair<std::string, std::string>>{
             {"", ""},
             {"port: ${PORT}", "port: 8080"},
             {"${PORT}${PORT}", "80808080"},
             {"${HOME} ${PORT} $PORT {PORT}", "${HOME} 8080 $PORT {PORT}"},
             {"${X${PORT}}", "${X8080}"},
             {"${PORT", "${PORT"},
             {"$${PORT}", "$8080"},
             {"${NAME}", "${PORT}"}, // once only
         }) {
        BOOST_TEST(substitute(text, values) == wanted);
    }
}

BOOST_AUTO_TEST_CASE(a_seed_always_chooses_the_same) {
    const auto variables = labctl::api::Json::parse(R"({"A": [1, 2, 3, 4], "B": ["x", "y"]})");
    BOOST_TEST(choose_values(variables, 0).at("A") == "1");
    BOOST_TEST(choose_values(variables, 0).at("B") == "x");
    std::set<std::string> seen;
    for (std::uint64_t seed = 1; seed < 60; ++seed) {
        const auto values = choose_values(variables, seed);
        BOOST_TEST((choose_values(variables, seed) == values));
        seen.insert(values.at("A") + values.at("B"));
    }
    BOOST_TEST(seen.size() == 8U); // all of them come, and one does not decide the other
    // What somebody was given must be derivable for years: these values may never change.
    BOOST_TEST(choose_values(variables, 1).at("A") == "2");
    BOOST_TEST(choose_values(variables, 7).at("B") == "x");
    BOOST_TEST(choose_values(nullptr, 7).empty());
}

BOOST_AUTO_TEST_CASE(every_file_is_read_as_the_seed_makes_it) {
    const ExerciseFolder folder(
        {{"challenge.md",
          with(kOneObjective + "description: At ${PORT}\nvariables: {PORT: [81, 82]}\n") +
              "Port ${PORT}, ${HOME}.\n"},
         {"checks.yaml",
          "- {name: client-web, from: client, to: \"web:${PORT}\", expect: allow}\n"},
         {"solution/web.yaml",
          "{apiVersion: v1, kind: ConfigMap, metadata: {name: a}, data: {port: \"${PORT}\"}}"}});
    const auto first = variant_of(folder.path(), "challenge.md", 0);
    BOOST_TEST(first.varies());
    BOOST_TEST(first.values.at("PORT") == "81");
    auto second = first;
    second.values["PORT"] = "82";
    const auto loaded = load_challenge(second, "x", true);
    BOOST_TEST(loaded.challenge.description == "At 82");
    BOOST_TEST(loaded.challenge.text == "Port 82, ${HOME}.\n");
    BOOST_TEST(loaded.assertions.at(0).to.port == "82");
    // what is wrong is told of the file as it is written
    BOOST_TEST(loaded.assertions.at(0).source.file == folder.path() + "/checks.yaml");
    const auto answer = read_answer(folder.path() + "/solution", second.read_options());
    BOOST_TEST(answer.objects.at(0).body.at("data").at("port") == "82");
    // what is handed in has no variables
    const auto handed_in = read_answer(folder.path() + "/solution");
    BOOST_TEST(handed_in.objects.at(0).body.at("data").at("port") == "${PORT}");
}

BOOST_AUTO_TEST_CASE(what_has_no_variables_does_not_vary) {
    const ExerciseFolder folder(ExerciseFolder::Files{{"challenge.md", kGoodHead}});
    BOOST_TEST(!variant_of(folder.path(), "challenge.md", 3).varies());
}

BOOST_AUTO_TEST_SUITE_END()
