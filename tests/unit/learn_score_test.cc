#include <boost/test/unit_test.hpp>

#include "labctl/check/parse.h"
#include "labctl/learn/hints.h"
#include "labctl/learn/score.h"
#include "tests/unit/learn_fixture.h"

using namespace labctl::learn;
using labctl::learn::testing::report_of;
using labctl::learn::testing::three_objectives;
using netemu::ExitCode;

namespace {

std::string standings(const Score& score) {
    std::string text;
    for (const auto& objective : score.objectives) {
        text += (text.empty() ? "" : " ") + to_string(objective.standing);
    }
    return text;
}

struct ScoreRow {
    const char* verdicts; // of first, second-1, second-2, third, kept
    const char* standings;
    double earned;
    bool solved;
    ExitCode code;
};

} // namespace

BOOST_AUTO_TEST_SUITE(scores)

BOOST_AUTO_TEST_CASE(verdicts_become_points) {
    const auto loaded = three_objectives();
    for (const auto& row : {
             ScoreRow{"ppppp", "reached reached reached", 7, true, ExitCode::Ok},
             ScoreRow{"fffff", "missed missed missed", 0, false, ExitCode::CheckFailed},
             // a part of an objective brings its share: three quarters of 4
             ScoreRow{"ppfpp", "reached missed reached", 6, false, ExitCode::CheckFailed},
             ScoreRow{"pfppp", "reached missed reached", 4, false, ExitCode::CheckFailed},
             // c needs a
             ScoreRow{"fpppp", "missed reached waiting", 4, false, ExitCode::CheckFailed},
             // something broken costs its points, but never more than there are
             ScoreRow{"ppppf", "reached reached reached", 5, false, ExitCode::CheckFailed},
             ScoreRow{"fffpf", "missed missed waiting", 0, false, ExitCode::CheckFailed},
             // what selects nothing is no pass
             ScoreRow{"epppp", "missed reached waiting", 4, false, ExitCode::CheckFailed},
             ScoreRow{"ppppe", "reached reached reached", 5, false, ExitCode::CheckFailed},
             // what could not be shown is neither
             ScoreRow{"ipppp", "inconclusive reached waiting", 4, false, ExitCode::Inconclusive},
             ScoreRow{"ppppi", "reached reached reached", 7, false, ExitCode::Inconclusive},
             ScoreRow{"pifpp", "reached missed reached", 3, false, ExitCode::CheckFailed},
             ScoreRow{"ippfp", "inconclusive reached missed", 4, false, ExitCode::CheckFailed},
         }) {
        BOOST_TEST_CONTEXT(row.verdicts) {
            const auto result = score(loaded, report_of(loaded, row.verdicts));
            BOOST_TEST(standings(result) == row.standings);
            BOOST_TEST(result.earned == row.earned);
            BOOST_TEST(result.total == 7);
            BOOST_TEST(result.solved == row.solved);
            BOOST_TEST((exit_code(result) == row.code));
        }
    }
}

BOOST_AUTO_TEST_CASE(what_is_protected_counts_for_everything) {
    const auto loaded = three_objectives();
    ScoreInput input;
    input.tampered = {"Pod/default/client was changed"};
    const auto result = score(loaded, report_of(loaded, "ppppp"), input);
    BOOST_TEST(result.earned == 0);
    BOOST_TEST(!result.solved);
    BOOST_TEST((exit_code(result) == ExitCode::CheckFailed));
}

BOOST_AUTO_TEST_CASE(flows_that_nobody_asked_for_cost_where_somebody_looks) {
    auto loaded = three_objectives();
    ScoreInput input;
    input.opened = {"a -> b 80/TCP"};
    BOOST_TEST(score(loaded, report_of(loaded, "ppppp"), input).solved); // nobody looks
    loaded.challenge.over_permissive = 3;
    const auto result = score(loaded, report_of(loaded, "ppppp"), input);
    BOOST_TEST(result.earned == 4);
    BOOST_TEST(!result.solved);
}

BOOST_AUTO_TEST_CASE(hints_cost_points_and_nothing_else) {
    const auto loaded = three_objectives();
    ScoreInput input;
    input.hint_cost = 1.5;
    const auto result = score(loaded, report_of(loaded, "ppppp"), input);
    BOOST_TEST(result.earned == 5.5);
    BOOST_TEST(result.solved);
}

BOOST_AUTO_TEST_CASE(points_read_well) {
    BOOST_TEST(points_text(3) == "3");
    BOOST_TEST(points_text(2.5) == "2.5");
    BOOST_TEST(points_text(1.0 / 3) == "0.33");
    BOOST_TEST(points_text(0.999) == "1");
    BOOST_TEST(points_text(0) == "0");
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(hints)

namespace {

using labctl::check::Evidence;
using labctl::check::Record;
using labctl::check::Verdict;

Record failed_record(const std::string& outcome, const std::string& decided_by = "") {
    Record record;
    record.verdict = Verdict::Fail;
    record.expected = "allow";
    record.outcome = outcome;
    record.flows = 1;
    record.decided_by = decided_by;
    record.reason = "it was so";
    Evidence control;
    control.control = true;
    control.outcome = "ok";
    record.evidence.push_back(control);
    Evidence bad;
    bad.from = "shop/web";
    bad.to = "tcp://10.244.1.7:80";
    bad.target = "shop/db";
    bad.outcome = outcome;
    bad.verdict = Verdict::Fail;
    record.evidence.push_back(bad);
    return record;
}

labctl::check::Assertion some_assertion() {
    return labctl::check::parse_assertion("web -> db:80 allow", {"checks.yaml", 1, 1}, "shop");
}

} // namespace

BOOST_AUTO_TEST_CASE(the_outcome_says_what_kind_of_thing_it_is) {
    BOOST_TEST(category_of(failed_record("dns-error")) == "names");
    BOOST_TEST(category_of(failed_record("refused")) == "refused");
    BOOST_TEST(category_of(failed_record("timeout")) == "path");
    BOOST_TEST(category_of(failed_record("unreachable")) == "path");
    BOOST_TEST(category_of(failed_record("timeout", "networkpolicy/shop/deny")) == "policy");
    BOOST_TEST(category_of(failed_record("ok", "authorizationpolicy/shop/x")) == "answer");
    BOOST_TEST(category_of(failed_record("reset", "authorizationpolicy/shop/x")) == "identity");
    BOOST_TEST(category_of(failed_record("tls-error")) == "identity");
    BOOST_TEST(category_of(failed_record("ok")) == "answer");
    auto open = failed_record("ok");
    open.expected = "deny";
    BOOST_TEST(category_of(open) == "too open");
    auto nobody = failed_record("nothing selected");
    nobody.verdict = Verdict::Error;
    BOOST_TEST(category_of(nobody) == "nothing there");
}

BOOST_AUTO_TEST_CASE(each_hint_says_more_than_the_one_before) {
    const auto list =
        hints_from(some_assertion(), failed_record("timeout", "networkpolicy/shop/deny"));
    BOOST_REQUIRE_EQUAL(list.size(), 3U);
    BOOST_TEST(list[0].find("shop/web") != std::string::npos);
    BOOST_TEST(list[0].find("shop/db") != std::string::npos);
    BOOST_TEST(list[0].find("olicy") == std::string::npos); // not yet
    BOOST_TEST(list[1].find("policy") != std::string::npos);
    BOOST_TEST(list[1].find("shop/deny") == std::string::npos); // not yet
    BOOST_TEST(list[2].find("networkpolicy/shop/deny") != std::string::npos);
    for (const auto& hint : list) {
        BOOST_TEST(hint.find('{') == std::string::npos); // every mark is filled in
    }
}

BOOST_AUTO_TEST_CASE(what_passed_needs_no_hint) {
    auto record = failed_record("ok");
    record.verdict = Verdict::Pass;
    BOOST_TEST(hints_from(some_assertion(), record).empty());
}

BOOST_AUTO_TEST_SUITE_END()
