#include <boost/test/unit_test.hpp>

#include "labctl/api/fault.h"
#include "labctl/check/during.h"
#include "netemu/base/error.h"
#include "tests/unit/check_fixture.h"

using namespace labctl::check;
using namespace labctl::check::testing;
using labctl::api::Json;
using labctl::probe::Outcome;

namespace {

/// A lab that notes what is broken and healed, in order, between its rounds.
struct BreakableLab : FakeLab {
    FaultHooks faults() {
        FaultHooks hooks;
        hooks.inject = [this](const std::string& fault, const std::string& ns) {
            if (fault.find("nobody") != std::string::npos) {
                throw netemu::UsageError("there is no pod '" + ns + "/nobody'");
            }
            log.push_back("break " + fault);
            broken = true;
            return std::to_string(log.size());
        };
        hooks.heal = [this](const std::string& handle) {
            log.push_back("heal " + handle);
            broken = false;
        };
        return hooks;
    }

    Report run(const std::vector<Assertion>& assertions, const Options& options = {}) {
        network = [this](const labctl::probe::Request& request) {
            log.push_back(broken ? "probe broken" : "probe");
            return broken ? result_of(Outcome::Timeout) : answer(request);
        };
        return evaluate_with_faults(assertions, hooks(), faults(), options);
    }

    std::vector<std::string> log;
    bool broken = false;
};

Assertion during(const char* fault, const char* expect = "timeout") {
    return assertion(
        {{"from", "client"}, {"to", "db:5432"}, {"expect", expect}, {"during", fault}});
}

std::string refusal(const Json& during) {
    try {
        (void)assertion(
            {{"from", "client"}, {"to", "db:5432"}, {"expect", "allow"}, {"during", during}});
    } catch (const CheckError& error) {
        return error.what();
    }
    return "(taken)";
}

} // namespace

BOOST_AUTO_TEST_SUITE(checks_during_faults)

BOOST_AUTO_TEST_CASE(what_holds_without_faults_is_asked_first_and_records_keep_their_order) {
    BreakableLab lab;
    const auto report =
        lab.run({during("cut node/node-2", "allow"), assertion("client -> db:5432 allow")});
    BOOST_REQUIRE_EQUAL(report.records.size(), 2U);
    BOOST_TEST((report.records[0].verdict == Verdict::Fail));
    BOOST_TEST((report.records[1].verdict == Verdict::Pass));
    const std::vector<std::string> wanted{
        "probe", "break cut node/node-2 --for 60s", "probe broken", "heal 2"};
    BOOST_TEST(lab.log == wanted, boost::test_tools::per_element());
    BOOST_TEST(report.records[0].title == "client -> db:5432 allow during cut node/node-2");
}

BOOST_AUTO_TEST_CASE(assertions_of_the_same_fault_share_it) {
    BreakableLab lab;
    (void)lab.run({during("stop node/node-2"), during("cut db-0"), during("stop node/node-2")});
    BOOST_TEST(std::count(lab.log.begin(), lab.log.end(), "break stop node/node-2 --for 60s") == 1);
    BOOST_TEST(std::count(lab.log.begin(), lab.log.end(), "break cut db-0 --for 60s") == 1);
    BOOST_TEST(!lab.broken);
}

BOOST_AUTO_TEST_CASE(several_faults_are_healed_in_the_other_order) {
    BreakableLab lab;
    (void)lab.run({assertion(
        {{"from", "client"},
         {"to", "db:5432"},
         {"expect", "timeout"},
         {"during", {"cut db-0", "drop client --share 5% --for 9s"}}})});
    BOOST_TEST(lab.log[1] == "break drop client --share 5% --for 9s");
    BOOST_TEST(lab.log[lab.log.size() - 2] == "heal 2");
    BOOST_TEST(lab.log.back() == "heal 1");
}

BOOST_AUTO_TEST_CASE(a_fault_outlives_the_patience_of_its_assertions) {
    BreakableLab lab;
    auto patient = during("cut db-0");
    patient.within_us = 100'000'000;
    (void)lab.run({patient});
    BOOST_TEST(lab.log[0] == "break cut db-0 --for 160s");
}

BOOST_AUTO_TEST_CASE(what_cannot_be_broken_is_an_error_of_its_assertions_only) {
    BreakableLab lab;
    const auto report = lab.run({during("cut nobody"), assertion("client -> db:5432 allow")});
    BOOST_TEST((report.records[0].verdict == Verdict::Error));
    BOOST_TEST(report.records[0].reason.find("there is no pod") != std::string::npos);
    BOOST_TEST((report.records[1].verdict == Verdict::Pass));
    BOOST_TEST((exit_code(report) == netemu::ExitCode::Usage));
}

BOOST_AUTO_TEST_CASE(the_first_failure_ends_the_run_if_so_asked) {
    BreakableLab lab;
    Options options;
    options.fail_fast = true;
    const auto report = lab.run({during("cut db-0", "allow"), during("cut client")}, options);
    BOOST_TEST((report.records[0].verdict == Verdict::Fail));
    BOOST_TEST((report.records[1].verdict == Verdict::Inconclusive));
    BOOST_TEST(!lab.broken);
}

BOOST_AUTO_TEST_CASE(a_wrong_fault_is_refused_where_it_stands) {
    BOOST_TEST(refusal("cutt db-0").find("checks.yaml:7:5") != std::string::npos);
    BOOST_TEST(refusal("cutt db-0").find("there is no fault 'cutt'") != std::string::npos);
    BOOST_TEST(refusal(5).find("must be a string") != std::string::npos);
    BOOST_TEST(refusal({"cut db-0", "stop db-0"}).find("only nodes") != std::string::npos);
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(fault_words)

BOOST_AUTO_TEST_CASE(a_fault_is_written_as_it_is_read) {
    using labctl::api::parse_fault;
    for (const char* text :
         {"cut node/node-1",
          "cut default/web:eth0",
          "stop node/node-2 --for 5s",
          "bgp node/node-1 node-2 --for 5s",
          "bgp external node-1",
          "drop web --share 10%",
          "drop web --share 100% --proto tcp --port 80 --direction in --for 1500ms",
          "drop external --share 1% --direction out",
          "flap web --period 2s",
          "flap web --period 20ms --count 3"}) {
        BOOST_TEST(labctl::api::to_string(parse_fault(text)) == text);
    }
    BOOST_TEST((parse_fault("bgp node/a node/b") == parse_fault("bgp node/a b")));
    BOOST_TEST((parse_fault("drop web --share=7") == parse_fault("drop --share 7% web")));
}

BOOST_AUTO_TEST_CASE(what_makes_no_sense_is_refused) {
    for (const char* text :
         {"",
          "cut",
          "cut a b",
          "break a",
          "bgp node/a",
          "bgp a node/b",
          "bgp node/a b c",
          "bgp node/a b --share 5%",
          "stop web",
          "flap node/n",
          "drop a --share 0",
          "drop a --share 101%",
          "drop a --share ten",
          "drop a --proto http",
          "drop a --port 0",
          "drop a --port 65536",
          "drop a --proto icmp --port 1",
          "drop a --direction up",
          "drop a --share",
          "cut a --share 5%",
          "flap a --period 1ms",
          "flap a --count 0",
          "cut a --for never",
          "cut a --for 30000h"}) {
        BOOST_CHECK_THROW((void)labctl::api::parse_fault(text), netemu::UsageError);
    }
}

BOOST_AUTO_TEST_SUITE_END()
