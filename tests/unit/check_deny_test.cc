#include <boost/test/unit_test.hpp>

#include "labctl/check/evaluate.h"
#include "tests/unit/check_fixture.h"

using namespace labctl;
using namespace labctl::check;
using namespace labctl::check::testing;
using labctl::api::Json;
using labctl::probe::Outcome;
using labctl::probe::Request;

namespace {

/// A lab in which a rule drops what client sends to db.
struct PolicyLab : FakeLab {
    PolicyLab() {
        network = [this](const Request& request) {
            return dropped(request) ? result_of(Outcome::Timeout) : answer(request);
        };
        dropped_by = [](const Request& request,
                        const labctl::probe::Result& result) -> std::optional<std::string> {
            if (dropped(request) && result.first.outcome == Outcome::Timeout) {
                return "networkpolicy/default/db";
            }
            return std::nullopt;
        };
    }
    static bool dropped(const Request& request) {
        return request.from == "default/client" && request.to.host == "10.244.2.4";
    }
};

} // namespace

BOOST_AUTO_TEST_SUITE(evaluate_deny)

BOOST_AUTO_TEST_CASE(deny_passes_with_both_controls_and_a_named_rule) {
    PolicyLab lab;
    const auto record = lab.check_one(assertion("client -> db:5432 deny"));
    BOOST_TEST((record.verdict == Verdict::Pass), record.reason);
    BOOST_TEST(record.decided_by == "networkpolicy/default/db");
    BOOST_TEST(record.outcome == "timeout");
    const auto probes = sent(lab.rounds.at(0));
    BOOST_REQUIRE_EQUAL(probes.size(), 4U);
    BOOST_TEST(probes[0] == "default/client icmp://172.18.0.2");     // it can send
    BOOST_TEST(probes[1] == "default/client tcp://10.244.2.4:5432"); // what is asserted
    BOOST_TEST(probes[2] == "default/db-0 tcp://10.244.2.4:5432");   // it listens
    BOOST_TEST(probes[3] == "node/node-2 tcp://10.244.2.4:5432");
    BOOST_REQUIRE_EQUAL(record.evidence.size(), 4U);
    BOOST_TEST(!record.evidence[0].control);
    BOOST_TEST(record.evidence[3].control);
}

BOOST_AUTO_TEST_CASE(deny_fails_when_it_is_answered) {
    FakeLab lab;
    const auto record = lab.check_one(assertion("client -> db:5432 deny"));
    BOOST_TEST((record.verdict == Verdict::Fail));
    BOOST_TEST(contains(record.reason, "it was answered by default/db-0"), record.reason);
}

/// A sidecar has connected in the target's place: its denial needs no controls, since nothing but
/// what the policies let in could be one.
BOOST_AUTO_TEST_CASE(a_sidecars_denial_is_a_proof_whether_it_answers_or_breaks_the_connection) {
    for (const auto outcome : {Outcome::Reset, Outcome::Ok}) {
        FakeLab lab;
        lab.network = [&](const Request& request) {
            auto result = result_of(outcome);
            if (request.from != "default/client") {
                return result_of(Outcome::Reset);
            }
            result.first.drop.emplace();
            result.first.drop->by = "authorizationpolicy/default/db";
            result.first.drop->text = "the sidecar of default/db-0: denied";
            result.dropped = 1;
            result.attempts = 1;
            return result;
        };
        const auto record = lab.check_one(assertion("client -> db:5432 deny"));
        BOOST_TEST((record.verdict == Verdict::Pass), record.reason);
        BOOST_TEST(record.decided_by == "authorizationpolicy/default/db");
        const auto wrong = lab.check_one(assertion(Json::parse(
            R"({"from": "client", "to": "db:5432", "expect": "deny", "by": "authorizationpolicy/default/x"})")));
        BOOST_TEST((wrong.verdict == Verdict::Fail));
        const auto allowed = lab.check_one(assertion("client -> db:5432 allow"));
        BOOST_TEST((allowed.verdict == Verdict::Fail));
        BOOST_TEST(allowed.decided_by == "authorizationpolicy/default/db");
    }
    // Of several, one was let through: that is no denial.
    FakeLab lab;
    lab.network = [&](const Request&) {
        auto result = result_of(Outcome::Ok);
        result.first.drop.emplace();
        result.first.drop->by = "authorizationpolicy/default/db";
        result.dropped = 1;
        result.attempts = 2;
        return result;
    };
    BOOST_TEST((lab.check_one(assertion("client -> db:5432 deny")).verdict == Verdict::Fail));
}

BOOST_AUTO_TEST_CASE(a_denial_that_is_answered_says_once_why_policies_let_it_pass) {
    FakeLab lab;
    std::vector<std::string> asked;
    lab.why_allowed = [&](const std::string& from, const std::string& to) {
        asked.push_back(from + " " + to);
        return std::string("no policy selects it");
    };
    const auto records =
        lab.check({assertion("client -> db:5432 deny"), assertion("client -> db:5432 allow")})
            .records;
    BOOST_TEST(records.at(0).hint == "no policy selects it");
    BOOST_TEST(records.at(1).hint == "");
    BOOST_TEST(asked == std::vector<std::string>{"default/client tcp://10.244.2.4:5432"});
}

BOOST_AUTO_TEST_CASE(a_denial_by_somebody_else_is_not_asked_about) {
    PolicyLab lab;
    bool asked = false;
    lab.why_allowed = [&](const std::string&, const std::string&) {
        asked = true;
        return std::string();
    };
    const auto record = lab.check_one(assertion(
        {{"from", "client"}, {"to", "db:5432"}, {"expect", "deny"}, {"by", "networkpolicy/x/y"}}));
    BOOST_TEST((record.verdict == Verdict::Fail));
    BOOST_TEST(!asked);
}

BOOST_AUTO_TEST_CASE(deny_without_a_rule_is_inconclusive) {
    PolicyLab lab;
    lab.dropped_by = nullptr;
    const auto record = lab.check_one(assertion("client -> db:5432 deny"));
    BOOST_TEST((record.verdict == Verdict::Inconclusive));
    BOOST_TEST(contains(record.reason, "no rule is known to have dropped it"), record.reason);
    BOOST_TEST(contains(record.hint, "expect timeout in place of deny"), record.hint);
    BOOST_TEST(record.decided_by == "");
}

BOOST_AUTO_TEST_CASE(deny_of_a_source_that_cannot_send_is_inconclusive) {
    PolicyLab lab;
    lab.network = [&](const Request& request) {
        return request.from == "default/client" ? result_of(Outcome::Timeout) : lab.answer(request);
    };
    const auto record = lab.check_one(assertion("client -> db:5432 deny"));
    BOOST_TEST((record.verdict == Verdict::Inconclusive));
    BOOST_TEST(
        contains(record.reason, "nothing shows that default/client can send"), record.reason);
}

BOOST_AUTO_TEST_CASE(deny_of_a_target_that_does_not_listen_is_inconclusive) {
    PolicyLab lab;
    lab.network = [&](const Request& request) {
        return request.to.host == "10.244.2.4" ? result_of(Outcome::Timeout) : lab.answer(request);
    };
    const auto record = lab.check_one(assertion("client -> db:5432 deny"));
    BOOST_TEST((record.verdict == Verdict::Inconclusive));
    BOOST_TEST(
        contains(record.reason, "nothing shows that default/db-0 listens there"), record.reason);
}

BOOST_AUTO_TEST_CASE(any_answered_probe_is_a_control) {
    PolicyLab lab;
    lab.world.nodes.clear(); // so no control probes of its own
    const auto alone = lab.check_one(assertion("client -> db:5432 deny"));
    BOOST_TEST((alone.verdict == Verdict::Inconclusive));
    const auto report = lab.check(
        {assertion("client -> db:5432 deny"),
         assertion("client -> frontend-a:8080 allow"),
         assertion("frontend-a -> db:5432 allow")});
    BOOST_TEST((report.records[0].verdict == Verdict::Pass), report.records[0].reason);
}

BOOST_AUTO_TEST_CASE(the_rule_that_decides_can_be_demanded) {
    PolicyLab lab;
    BOOST_TEST(
        (lab.check_one(assertion("client -> db:5432 deny by netpol/default/db")).verdict ==
         Verdict::Pass));
    const auto other = lab.check_one(assertion("client -> db:5432 deny by netpol/default/other"));
    BOOST_TEST((other.verdict == Verdict::Fail));
    BOOST_TEST(
        contains(other.reason, "it was networkpolicy/default/db that dropped it"), other.reason);
    BOOST_TEST(other.decided_by == "networkpolicy/default/db");
}

BOOST_AUTO_TEST_CASE(what_is_no_denial) {
    PolicyLab lab;
    const auto rules = lab.dropped_by;
    lab.dropped_by = [](const Request&, const auto&) { return "networkpolicy/default/db"; };
    for (const auto outcome : {Outcome::Unsupported, Outcome::DnsError}) {
        lab.network = [&](const Request& request) {
            return PolicyLab::dropped(request) ? result_of(outcome) : lab.answer(request);
        };
        BOOST_TEST(
            (lab.check_one(assertion("client -> db:5432 deny")).verdict == Verdict::Inconclusive));
    }
    // A rule may also reject: then the kernel says so at once.
    lab.network = [&](const Request& request) {
        return PolicyLab::dropped(request) ? result_of(Outcome::Refused) : lab.answer(request);
    };
    BOOST_TEST((lab.check_one(assertion("client -> db:5432 deny")).verdict == Verdict::Pass));
}

BOOST_AUTO_TEST_CASE(deny_with_some_answers_fails) {
    PolicyLab lab;
    lab.network = [&](const Request& request) {
        auto result = lab.answer(request);
        if (PolicyLab::dropped(request)) {
            result = result_of(Outcome::Timeout);
            result.attempts = 10;
            result.outcomes = {{"ok", 1}, {"timeout", 9}};
        }
        return result;
    };
    const auto record = lab.check_one(assertion("client -> db:5432 deny"));
    BOOST_TEST((record.verdict == Verdict::Fail));
    BOOST_TEST(contains(record.reason, "ok 1, timeout 9"), record.reason);
}

BOOST_AUTO_TEST_CASE(a_literal_address_has_no_listener_to_show) {
    PolicyLab lab;
    lab.network = [&](const Request& request) {
        return request.to.host == "10.9.9.9" ? result_of(Outcome::Timeout) : lab.answer(request);
    };
    lab.dropped_by = [](const Request&, const auto&) { return "networkpolicy/default/db"; };
    BOOST_TEST(
        (lab.check_one(assertion("client -> 10.9.9.9:80 deny")).verdict == Verdict::Inconclusive));
}

BOOST_AUTO_TEST_CASE(controls_of_nodes_and_external) {
    PolicyLab lab;
    lab.check({assertion("external -> node/node-2:22 deny")});
    const auto from_outside = sent(lab.rounds.back());
    BOOST_REQUIRE_EQUAL(from_outside.size(), 3U);
    BOOST_TEST(from_outside[0] == "external icmp://172.18.0.2");
    BOOST_TEST(from_outside[2] == "node/node-2 tcp://172.18.0.3:22");
    lab.check({assertion("node/node-1 -> db:5432 deny")});
    const auto from_node = sent(lab.rounds.back());
    BOOST_TEST(from_node[1] == "node/node-1 icmp://172.18.0.3"); // another node, not itself
}

namespace {

/// A lab whose results carry the evidence themselves, as those of a real lab do.
struct EvidenceLab : PolicyLab {
    EvidenceLab() {
        dropped_by = nullptr;
        network = [this](const Request& request) {
            return dropped(request) ? drop_result(request.count) : answer(request);
        };
    }

    [[nodiscard]] labctl::probe::Result drop_result(std::uint32_t count) const {
        auto result = result_of(Outcome::Timeout);
        result.attempts = count;
        result.outcomes = {{"timeout", count}};
        result.dropped = std::min(seen, count);
        result.first.drop = drop;
        result.first.error = drop.text;
        return result;
    }

    labctl::probe::Drop drop{
        "node-2",
        "ingress",
        "networkpolicy/default/db",
        {"networkpolicy/default/db", "networkpolicy/default/also"},
        std::nullopt,
        "labctl ingress/np/x",
        "dropped on node-2 by NetworkPolicy default/db (p.yaml:3): no rule allows it"};
    std::uint32_t seen = 1000; // drops that were seen, at most
};

} // namespace

BOOST_AUTO_TEST_CASE(the_drop_itself_is_the_proof) {
    EvidenceLab lab;
    const auto record = lab.check_one(assertion("client -> db:5432 deny"));
    BOOST_TEST((record.verdict == Verdict::Pass), record.reason);
    BOOST_TEST(record.reason == lab.drop.text);
    BOOST_TEST(record.decided_by == "networkpolicy/default/db");
}

BOOST_AUTO_TEST_CASE(every_policy_that_isolates_may_be_named) {
    EvidenceLab lab;
    const auto named = lab.check_one(assertion("client -> db:5432 deny by netpol/default/also"));
    BOOST_TEST((named.verdict == Verdict::Pass), named.reason);
    BOOST_TEST(named.decided_by == "networkpolicy/default/also");
    const auto other = lab.check_one(assertion("client -> db:5432 deny by netpol/default/other"));
    BOOST_TEST((other.verdict == Verdict::Fail));
    BOOST_TEST(contains(other.reason, "it was networkpolicy/default/db"), other.reason);
}

BOOST_AUTO_TEST_CASE(a_time_out_without_a_drop_among_many_proves_nothing) {
    EvidenceLab lab;
    const api::Json form{{"from", "client"}, {"to", "db:5432"}, {"expect", "deny"}, {"count", 10}};
    BOOST_TEST((lab.check_one(assertion(form)).verdict == Verdict::Pass));
    lab.seen = 9;
    BOOST_TEST((lab.check_one(assertion(form)).verdict == Verdict::Inconclusive));
}

BOOST_AUTO_TEST_CASE(a_rule_of_no_policy_is_named_by_what_it_logs) {
    EvidenceLab lab;
    lab.drop = {"node-1", "", "", {}, std::nullopt, "by hand", "dropped on node-1 by the rule"};
    const auto record = lab.check_one(assertion("client -> db:5432 deny"));
    BOOST_TEST((record.verdict == Verdict::Pass), record.reason);
    BOOST_TEST(record.decided_by == "the rule that logs 'by hand' on node-1");
    const auto by = lab.check_one(assertion("client -> db:5432 deny by netpol/default/db"));
    BOOST_TEST((by.verdict == Verdict::Fail));
}

BOOST_AUTO_TEST_CASE(an_allow_that_fails_names_the_policy_and_its_place) {
    EvidenceLab lab;
    const auto record = lab.check_one(assertion("client -> db:5432 allow"));
    BOOST_TEST((record.verdict == Verdict::Fail));
    BOOST_TEST(contains(record.reason, "NetworkPolicy default/db (p.yaml:3)"), record.reason);
    BOOST_TEST(record.decided_by == "networkpolicy/default/db");
}

namespace {

/// A lab in which a rule drops what client sends to Service db, on its way to db-0.
struct ServiceLab : EvidenceLab {
    ServiceLab() {
        world.has_dns = true;
        drop.destination = "10.244.2.4:5432";
        endpoints = [this](const std::string& from, const std::string& to) {
            BOOST_TEST(from == "default/client");
            BOOST_TEST(to == "tcp://10.96.0.7:5432");
            ++asked;
            return behind;
        };
        network = [this](const Request& request) {
            const bool to_service = request.to.host == "10.96.0.7" || request.to.host == "db";
            if (to_service && request.from == "default/client") {
                auto result = request.count == 1 ? drop_result(1) : many(request);
                result.first.remote = "10.96.0.7:5432";
                return result;
            }
            return request.to.host == "10.244.2.4" && !listens ? result_of(Outcome::Refused)
                                                               : answer(request);
        };
    }
    bool listens = true;
    std::size_t asked = 0; // for the endpoints
    std::vector<std::string> behind{"10.244.2.4:5432"};
    /// What becomes of several exchanges.
    std::function<labctl::probe::Result(const Request&)> many = [this](const Request& request) {
        return drop_result(request.count);
    };
};

} // namespace

BOOST_AUTO_TEST_CASE(a_denied_service_is_proven_with_the_endpoint_that_the_drop_names) {
    for (const auto* target :
         {"tcp://db:5432", "http://db:5432/", "svc/db:sql", "tcp://10.96.0.7:5432"}) {
        ServiceLab lab;
        const auto report = lab.check(
            {assertion({{"from", "client"}, {"to", target}, {"expect", "deny"}, {"for", "10ms"}})});
        const auto& record = report.records.at(0);
        BOOST_TEST((record.verdict == Verdict::Pass), target << ": " << record.reason);
        BOOST_TEST(record.decided_by == "networkpolicy/default/db");
        const auto late = sent(lab.rounds.at(1));
        BOOST_REQUIRE_EQUAL(late.size(), 2U);
        BOOST_TEST(late[0] == "default/db-0 tcp://10.244.2.4:5432");
        BOOST_TEST(late[1] == "node/node-2 tcp://10.244.2.4:5432");
        BOOST_TEST(report.probes == 8U, "both are counted, in each of two rounds");
        BOOST_TEST(record.evidence.back().control);
    }
}

BOOST_AUTO_TEST_CASE(a_denied_service_whose_endpoint_does_not_listen_is_inconclusive) {
    ServiceLab lab;
    lab.listens = false;
    const auto record = lab.check_one(assertion("client -> tcp://db:5432 deny"));
    BOOST_TEST((record.verdict == Verdict::Inconclusive));
    BOOST_TEST(contains(record.reason, "nothing shows that default/db-0 listens"), record.reason);
    lab.drop.destination = "10.96.0.7:5432"; // dropped before an endpoint was chosen
    const auto early = lab.check_one(assertion("client -> tcp://db:5432 deny"));
    BOOST_TEST((early.verdict == Verdict::Inconclusive));
    BOOST_TEST(contains(early.reason, "nothing shows that db listens"), early.reason);
}

namespace {

/// Service db has two endpoints more: frontend-a and frontend-b.
struct BalancedLab : ServiceLab {
    BalancedLab() {
        behind = {"10.244.2.4:5432", "10.244.1.2:5432", "10.244.2.2:5432"};
        many = [this](const Request& request) {
            auto result = drop_result(request.count);
            for (const auto& other : denied) {
                result.other_drops.push_back(drop);
                result.other_drops.back().destination = other;
                result.other_drops.back().by = by;
                result.other_drops.back().policies = {by};
            }
            return result;
        };
    }
    Record check_deny(const Json& more = Json::object()) {
        Json form{{"from", "client"}, {"to", "tcp://10.96.0.7:5432"}, {"expect", "deny"}};
        form.update(more);
        return check_one(assertion(form));
    }
    std::vector<std::string> denied{"10.244.1.2:5432", "10.244.2.2:5432"}; // besides db-0
    std::string by = "networkpolicy/default/db";
};

} // namespace

BOOST_AUTO_TEST_CASE(a_denied_service_is_proven_with_every_endpoint_that_it_may_choose) {
    BalancedLab lab;
    const auto record = lab.check_deny();
    BOOST_TEST((record.verdict == Verdict::Pass), record.reason);
    BOOST_TEST(contains(record.reason, "each of its 3 endpoints is denied"), record.reason);
    BOOST_TEST(record.flows == 1U);
    BOOST_REQUIRE_EQUAL(lab.rounds.size(), 3U);
    BOOST_REQUIRE_EQUAL(lab.rounds.at(1).probes.size(), 1U);
    BOOST_TEST(lab.rounds.at(1).probes[0].count > 25U); // each but once in 4000 runs
    BOOST_TEST(sent(lab.rounds.at(2)).size() == 6U, "each of them has to listen");
    BOOST_TEST(lab.asked == 1U);
    const Json form{{"from", "client"}, {"to", "tcp://10.96.0.7:5432"}, {"expect", "deny"}};
    lab.check({assertion(form), assertion(form)});
    BOOST_TEST(lab.asked == 2U, "the same is asked once in a round");
    lab.world.nodes.clear();
    lab.listens = false;
    BOOST_TEST((lab.check_deny().verdict == Verdict::Inconclusive));
}

BOOST_AUTO_TEST_CASE(an_endpoint_of_a_denied_service_that_was_not_met_leaves_it_inconclusive) {
    BalancedLab lab;
    lab.denied.pop_back();
    const auto record = lab.check_deny();
    BOOST_TEST((record.verdict == Verdict::Inconclusive));
    BOOST_TEST(
        contains(
            record.reason,
            "1 of its 3 endpoints was not tried: default/frontend-b (10.244.2.2:5432)"),
        record.reason);
    lab.behind.clear(); // nobody can tell
    const auto unknown = lab.check_deny();
    BOOST_TEST((unknown.verdict == Verdict::Inconclusive));
    BOOST_TEST(contains(unknown.reason, "nothing tells"), unknown.reason);
}

BOOST_AUTO_TEST_CASE(an_endpoint_that_answers_is_the_failure_of_a_denied_service) {
    BalancedLab lab;
    lab.many = [&](const Request& request) {
        auto result = lab.drop_result(request.count);
        result.outcomes = {{"ok", 3}, {"timeout", request.count - 3}};
        result.dropped = request.count - 3;
        return result;
    };
    const auto record = lab.check_deny();
    BOOST_TEST((record.verdict == Verdict::Fail));
    BOOST_TEST(contains(record.reason, "exchanges: ok 3, timeout"), record.reason);
}

BOOST_AUTO_TEST_CASE(the_demanded_rule_has_to_deny_every_endpoint) {
    BalancedLab lab;
    const Json by{{"by", "networkpolicy/default/db"}};
    BOOST_TEST((lab.check_deny(by).verdict == Verdict::Pass));
    lab.by = "networkpolicy/default/other";
    BOOST_TEST(
        lab.check_deny().decided_by == "networkpolicy/default/db, networkpolicy/default/other");
    const auto record = lab.check_deny(by);
    BOOST_TEST((record.verdict == Verdict::Fail));
    BOOST_TEST(contains(record.reason, "it was networkpolicy/default/other"), record.reason);
}

BOOST_AUTO_TEST_CASE(a_name_is_denied_with_all_of_its_addresses) {
    EvidenceLab lab;
    lab.world.has_dns = true;
    lab.drop.destination = "10.244.2.4:5432";
    std::vector<std::string> addresses{"10.244.2.4", "10.244.2.2"};
    auto other = result_of(Outcome::Ok, "default/frontend-b"); // of what is sent to that one
    lab.network = [&](const Request& request) {
        if (request.to.host == "db" && request.to.scheme == labctl::probe::Scheme::Dns) {
            auto result = result_of(Outcome::Ok);
            for (const auto& address : addresses) {
                result.first.answers.push_back({"db.", "A", 5, address});
            }
            return result;
        }
        if (request.from == "default/client" && request.to.host == "10.244.2.2") {
            return other;
        }
        if (request.to.host != "db" || request.from != "default/client") {
            return lab.answer(request);
        }
        auto result = lab.drop_result(1);
        result.resolved = "10.244.2.4";
        result.first.remote = "10.244.2.4:5432";
        return result;
    };
    const auto check = [&] { return lab.check_one(assertion("client -> tcp://db:5432 deny")); };
    const auto reached = check();
    BOOST_TEST((reached.verdict == Verdict::Fail), reached.reason);
    other = result_of(Outcome::Timeout);
    BOOST_TEST((check().verdict == Verdict::Inconclusive));
    other = lab.drop_result(1);
    other.first.drop->destination = "10.244.2.2:5432";
    const auto both = check();
    BOOST_TEST((both.verdict == Verdict::Pass), both.reason);
    BOOST_TEST(contains(both.reason, "each of its 2"), both.reason);
    addresses.pop_back();
    other = result_of(Outcome::Ok);
    const auto one = check();
    BOOST_TEST((one.verdict == Verdict::Pass), one.reason);
}

BOOST_AUTO_TEST_CASE(a_denied_look_up_is_not_the_denial_of_what_was_looked_up) {
    EvidenceLab lab;
    lab.world.has_dns = true;
    lab.network = [&](const Request&) {
        auto result = lab.drop_result(1);
        result.first.outcome = Outcome::DnsError;
        result.outcomes = {{"dns-error", 1}};
        return result;
    };
    const auto record = lab.check_one(assertion("client -> tcp://db:5432 deny"));
    BOOST_TEST((record.verdict == Verdict::Inconclusive));
    BOOST_TEST(
        contains(record.reason, "that was the look-up, so nothing was sent to db"), record.reason);
    BOOST_TEST(!contains(record.reason, "not what a rule decides"), record.reason);
    BOOST_TEST(contains(record.hint, "name the target by its address"), record.hint);
}

BOOST_AUTO_TEST_SUITE_END()
