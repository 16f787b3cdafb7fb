#include <boost/test/unit_test.hpp>

#include "labctl/check/evaluate.h"
#include "tests/unit/check_fixture.h"

using namespace labctl::check;
using namespace labctl::check::testing;
using labctl::api::Json;
using labctl::probe::Outcome;
using labctl::probe::Request;
using namespace std::chrono_literals;

BOOST_AUTO_TEST_SUITE(evaluate_allow)

BOOST_AUTO_TEST_CASE(allow_passes_when_every_flow_is_answered) {
    FakeLab lab;
    const auto record = lab.check_one(assertion("frontend -> db:5432 allow"));
    BOOST_TEST((record.verdict == Verdict::Pass), record.reason);
    BOOST_TEST(record.flows == 2U);
    BOOST_TEST(record.attempts == 1U);
    BOOST_TEST(record.outcome == "ok");
    BOOST_TEST(record.expected == "allow");
    BOOST_TEST(record.source.line == 7);
    BOOST_REQUIRE_EQUAL(lab.rounds.size(), 1U);
    const auto probes = sent(lab.rounds[0]);
    BOOST_REQUIRE_EQUAL(probes.size(), 2U); // an `allow` needs no controls
    BOOST_TEST(probes[0] == "default/frontend-a tcp://10.244.2.4:5432");
    BOOST_TEST(probes[1] == "default/frontend-b tcp://10.244.2.4:5432");
    BOOST_REQUIRE_EQUAL(record.evidence.size(), 2U);
    BOOST_TEST(record.evidence[0].target == "default/db-0");
    BOOST_TEST(record.evidence[0].backend == "default/db-0");
    BOOST_TEST(lab.finished.size() == 1U);
}

BOOST_AUTO_TEST_CASE(a_status_of_grpc_is_met_by_every_answer_or_not_at_all) {
    const auto verdict = [](const char* text, const labctl::probe::Grpc& grpc, bool mixed = false) {
        FakeLab lab;
        lab.network = [&](const Request&) {
            auto result = result_of(Outcome::Ok);
            result.first.http.emplace();
            result.first.grpc = grpc;
            if (mixed) {
                result.grpc_statuses = {{"OK", 9}, {"UNAVAILABLE", 1}};
            }
            return result;
        };
        return lab.check_one(assertion(text));
    };
    const labctl::probe::Grpc denied{7, "RBAC: access denied", ""};
    const labctl::probe::Grpc serving{0, "", "SERVING"};
    BOOST_TEST(
        (verdict("client -> db:5432 PERMISSION_DENIED,OK", denied).verdict == Verdict::Pass));
    const auto other = verdict("client -> db:5432 OK", denied);
    BOOST_TEST((other.verdict == Verdict::Fail));
    BOOST_TEST(
        other.reason.find("the status of gRPC was PERMISSION_DENIED (RBAC: access denied)") !=
        std::string::npos);
    BOOST_TEST((verdict("client -> db:5432/grpc allow", denied).verdict == Verdict::Pass));
    BOOST_TEST((verdict("client -> db:5432 OK", serving).verdict == Verdict::Pass));
    BOOST_TEST((verdict("client -> db:5432 SERVING", serving).verdict == Verdict::Pass));
    BOOST_TEST((verdict("client -> db:5432 NOT_SERVING", serving).verdict == Verdict::Fail));
    BOOST_TEST((verdict("client -> db:5432 OK", serving, true).verdict == Verdict::Fail));
    BOOST_TEST(
        (verdict("client -> db:5432 OK,UNAVAILABLE", serving, true).verdict == Verdict::Pass));
}

BOOST_AUTO_TEST_CASE(every_one_of_several_health_checks_has_to_say_what_is_expected) {
    FakeLab lab;
    std::map<std::string, std::uint32_t> health{{"SERVING", 10}};
    lab.network = [&](const Request&) {
        auto result = result_of(Outcome::Ok);
        result.attempts = 10;
        result.first.http.emplace();
        result.first.grpc = labctl::probe::Grpc{0, "", "SERVING"};
        result.grpc_statuses = {{"OK", 10}};
        result.grpc_health = health;
        return result;
    };
    const auto check = [&](const char* text) { return lab.check_one(assertion(text)); };
    BOOST_TEST((check("client -> db:5432 SERVING").verdict == Verdict::Pass));
    health = {{"SERVING", 9}, {"NOT_SERVING", 1}};
    const auto mixed = check("client -> db:5432 SERVING");
    BOOST_TEST((mixed.verdict == Verdict::Fail));
    BOOST_TEST(contains(mixed.reason, "OK (NOT_SERVING)"), mixed.reason);
    BOOST_TEST((check("client -> db:5432 SERVING,NOT_SERVING").verdict == Verdict::Pass));
    BOOST_TEST((check("client -> db:5432 OK").verdict == Verdict::Pass));
    health = {{"SERVING", 9}}; // one has said nothing
    BOOST_TEST((check("client -> db:5432 SERVING").verdict == Verdict::Fail));
}

BOOST_AUTO_TEST_CASE(allow_fails_on_every_other_outcome_but_unsupported) {
    for (const auto outcome :
         {Outcome::Refused,
          Outcome::Unreachable,
          Outcome::Timeout,
          Outcome::Reset,
          Outcome::DnsError,
          Outcome::TlsError}) {
        FakeLab lab;
        lab.network = [&](const Request&) { return result_of(outcome); };
        const auto record = lab.check_one(assertion("client -> db:5432 allow"));
        BOOST_TEST((record.verdict == Verdict::Fail), labctl::probe::to_string(outcome));
        BOOST_TEST(record.outcome == labctl::probe::to_string(outcome));
    }
    FakeLab lab;
    lab.network = [&](const Request&) { return result_of(Outcome::Unsupported); };
    const auto record = lab.check_one(assertion("client -> db:5432/sctp allow"));
    BOOST_TEST((record.verdict == Verdict::Inconclusive));
}

BOOST_AUTO_TEST_CASE(one_bad_flow_of_many_decides_and_is_named) {
    FakeLab lab;
    lab.network = [&](const Request& request) {
        return request.from == "default/frontend-b" ? result_of(Outcome::Timeout)
                                                    : lab.answer(request);
    };
    const auto record = lab.check_one(assertion("frontend -> db:5432 allow"));
    BOOST_TEST((record.verdict == Verdict::Fail));
    BOOST_TEST(
        record.reason ==
        "default/frontend-b -> tcp://10.244.2.4:5432 (default/db-0): no answer came "
        "within 1.00 s");
    BOOST_TEST(record.outcome == "ok 1, timeout 1");
    BOOST_TEST((record.evidence.at(0).verdict == Verdict::Fail)); // before those that passed
}

BOOST_AUTO_TEST_CASE(a_missing_result_is_inconclusive) {
    FakeLab lab;
    auto hooks = lab.hooks();
    hooks.run = [](const auto&) { return std::vector<labctl::probe::Result>{}; };
    const auto report = evaluate({assertion("client -> db:5432 allow")}, hooks);
    BOOST_TEST((report.records[0].verdict == Verdict::Inconclusive));
    BOOST_TEST(report.records[0].outcome == "not probed");
}

BOOST_AUTO_TEST_CASE(a_refusal_of_an_undeclared_port_gets_a_hint) {
    FakeLab lab;
    lab.network = [&](const Request&) { return result_of(Outcome::Refused); };
    const auto record = lab.check_one(assertion("client -> frontend-a:81 allow"));
    BOOST_TEST(record.hint == "default/frontend-a declares no port 81; it declares 8080/tcp");
    BOOST_TEST(lab.check_one(assertion("client -> frontend-a:8080 allow")).hint == "");
}

BOOST_AUTO_TEST_CASE(conditions_on_the_answer) {
    FakeLab lab;
    const auto verdict = [&](const char* expect) {
        auto json =
            Json::parse(R"({"from": "client", "to": "frontend-a:8080/http", "path": "/x"})");
        json["expect"] = Json::parse(expect);
        return lab.check_one(assertion(json)).verdict;
    };
    BOOST_TEST((verdict(R"({"status": 200})") == Verdict::Pass));
    BOOST_TEST((verdict(R"({"status": "2xx"})") == Verdict::Pass));
    BOOST_TEST((verdict(R"({"status": [201, 404]})") == Verdict::Fail));
    BOOST_TEST((verdict(R"({"body": "from /x"})") == Verdict::Pass));
    BOOST_TEST((verdict(R"({"body": "from /y"})") == Verdict::Fail));
    BOOST_TEST((verdict(R"({"body": {"matches": "^hello .*x$"}})") == Verdict::Pass));
    BOOST_TEST((verdict(R"({"body": {"matches": "^x"}})") == Verdict::Fail));
    BOOST_TEST((verdict(R"({"headers": {"Server": "lab*"}})") == Verdict::Pass));
    BOOST_TEST((verdict(R"({"headers": {"Server": "nginx"}})") == Verdict::Fail));
    BOOST_TEST((verdict(R"({"headers": {"X-None": "*"}})") == Verdict::Fail));
    BOOST_TEST((verdict(R"({"backend": "frontend-*"})") == Verdict::Pass));
    BOOST_TEST((verdict(R"({"backend": "default/frontend-a"})") == Verdict::Pass));
    BOOST_TEST((verdict(R"({"backend": "frontend-b"})") == Verdict::Fail));
    BOOST_TEST((verdict(R"({"clientIP": "preserved"})") == Verdict::Pass));
    BOOST_TEST((verdict(R"({"clientIP": "10.244.1.9"})") == Verdict::Pass));
    BOOST_TEST((verdict(R"({"clientIP": "node"})") == Verdict::Fail));
    BOOST_TEST((verdict(R"({"clientIP": "10.0.0.1"})") == Verdict::Fail));
}

BOOST_AUTO_TEST_CASE(identities_are_shown_or_none) {
    FakeLab lab;
    std::string peer;
    lab.network = [&](const Request& request) {
        auto result = lab.answer(request);
        result.first.peer_identity = peer;
        result.first.client_identity = peer.empty() ? "" : "spiffe://lab/ns/a/sa/client";
        return result;
    };
    const auto check = [&](const char* expect) {
        auto json = Json::parse(R"({"from": "client", "to": "frontend-a:8080"})");
        json["expect"] = Json::parse(expect);
        return lab.check_one(assertion(json));
    };
    BOOST_TEST(
        (check(R"({"peerIdentity": "none", "clientIdentity": "none"})").verdict == Verdict::Pass));
    const auto missing = check(R"({"peerIdentity": "spiffe://*"})");
    BOOST_TEST((missing.verdict == Verdict::Fail));
    BOOST_TEST(
        contains(missing.reason, "who answered has shown no identity, not spiffe://*"),
        missing.reason);
    peer = "spiffe://lab/ns/a/sa/web";
    BOOST_TEST(
        (check(R"({"peerIdentity": "*/sa/web", "clientIdentity": "*/sa/client"})").verdict ==
         Verdict::Pass));
    BOOST_TEST((check(R"({"peerIdentity": "none"})").verdict == Verdict::Fail));
    BOOST_TEST((check(R"({"clientIdentity": "*/sa/other"})").verdict == Verdict::Fail));
}

BOOST_AUTO_TEST_CASE(what_the_answer_does_not_say_is_inconclusive) {
    FakeLab lab;
    lab.network = [&](const Request&) { return result_of(Outcome::Ok); };
    const auto verdict = [&](const char* expect) {
        auto json = Json::parse(R"({"from": "client", "to": "db:5432"})");
        json["expect"] = Json::parse(expect);
        return lab.check_one(assertion(json)).verdict;
    };
    BOOST_TEST((verdict(R"({"backend": "*"})") == Verdict::Inconclusive));
    BOOST_TEST((verdict(R"({"clientIP": "preserved"})") == Verdict::Inconclusive));
}

BOOST_AUTO_TEST_CASE(the_nodes_address_as_client) {
    FakeLab lab;
    lab.network = [&](const Request& request) {
        auto result = lab.answer(request);
        result.first.client_ip = "172.18.0.2"; // masqueraded by node-1
        return result;
    };
    auto json =
        Json::parse(R"({"from": "client", "to": "db:5432", "expect": {"clientIP": "node"}})");
    BOOST_TEST((lab.check_one(assertion(json)).verdict == Verdict::Pass));
    json["expect"]["clientIP"] = "preserved";
    const auto record = lab.check_one(assertion(json));
    BOOST_TEST((record.verdict == Verdict::Fail));
    BOOST_TEST(
        contains(record.reason, "saw it come from 172.18.0.2, not from 10.244.1.9"), record.reason);
}

BOOST_AUTO_TEST_CASE(any_address_of_any_node_is_a_nodes) {
    FakeLab lab;
    lab.world.nodes[1].device_ips = {"10.244.2.0", "10.244.2.1"};
    std::string seen;
    lab.network = [&](const Request& request) {
        auto result = lab.answer(request);
        result.first.client_ip = seen;
        return result;
    };
    for (const auto* from : {"external", "client", "node/node-1"}) {
        const auto one = assertion(
            {{"from", from}, {"to", "tcp://172.18.0.3:30080"}, {"expect", {{"sourceIP", "node"}}}});
        for (const auto* address : {"172.18.0.2", "172.18.0.3", "10.244.2.0", "10.244.2.1"}) {
            seen = address;
            const auto record = lab.check_one(one);
            BOOST_TEST((record.verdict == Verdict::Pass), from << ": " << record.reason);
        }
        seen = "10.244.1.9"; // the client's own
        const auto record = lab.check_one(one);
        BOOST_TEST((record.verdict == Verdict::Fail));
        BOOST_TEST(
            contains(record.reason, "from 10.244.1.9, which is no node's address"), record.reason);
    }
}

BOOST_AUTO_TEST_CASE(several_exchanges_must_all_agree) {
    FakeLab lab;
    lab.network = [&](const Request& request) {
        auto result = lab.answer(request);
        result.attempts = request.count;
        result.outcomes = {{"ok", 9}, {"timeout", 1}};
        return result;
    };
    auto json =
        Json::parse(R"({"from": "client", "to": "db:5432", "expect": "allow", "count": 10})");
    auto record = lab.check_one(assertion(json));
    BOOST_TEST((record.verdict == Verdict::Fail));
    BOOST_TEST(contains(record.reason, "of 10 exchanges: ok 9, timeout 1"), record.reason);
    BOOST_TEST(lab.rounds[0].probes[0].count == 10U);
    json["expect"] = "timeout";
    BOOST_TEST((lab.check_one(assertion(json)).verdict == Verdict::Fail));
}

BOOST_AUTO_TEST_CASE(raw_outcomes) {
    FakeLab lab;
    lab.network = [&](const Request& request) {
        return request.to.port == "81" ? result_of(Outcome::Refused) : lab.answer(request);
    };
    BOOST_TEST((lab.check_one(assertion("client -> db:81 refused")).verdict == Verdict::Pass));
    BOOST_TEST(lab.rounds[0].probes.size() == 1U); // a refusal proves itself
    BOOST_TEST((lab.check_one(assertion("client -> db:5432 refused")).verdict == Verdict::Fail));
    BOOST_TEST((lab.check_one(assertion("client -> db:81 unreachable")).verdict == Verdict::Fail));
}

BOOST_AUTO_TEST_CASE(a_timeout_needs_a_source_that_can_send) {
    FakeLab lab;
    lab.network = [&](const Request& request) {
        return request.to.host == "10.9.9.9" ? result_of(Outcome::Timeout) : lab.answer(request);
    };
    BOOST_TEST(
        (lab.check_one(assertion("client -> 10.9.9.9:80 timeout")).verdict == Verdict::Pass));
    const auto probes = sent(lab.rounds[0]);
    BOOST_REQUIRE_EQUAL(probes.size(), 2U);
    BOOST_TEST(probes[0] == "default/client icmp://172.18.0.2"); // its own node
    lab.network = [&](const Request&) { return result_of(Outcome::Timeout); };
    const auto record = lab.check_one(assertion("client -> 10.9.9.9:80 timeout"));
    BOOST_TEST((record.verdict == Verdict::Inconclusive));
    BOOST_TEST(
        contains(record.reason, "nothing shows that default/client can send"), record.reason);
}

BOOST_AUTO_TEST_CASE(an_assertion_that_selects_nothing_is_an_error) {
    FakeLab lab;
    const auto record = lab.check_one(assertion("cliemt -> db:5432 deny"));
    BOOST_TEST((record.verdict == Verdict::Error));
    BOOST_TEST(contains(record.reason, "did you mean 'client'"), record.reason);
    BOOST_TEST((lab.check_one(assertion("client -> dbx:1 allow")).verdict == Verdict::Error));
    BOOST_TEST((lab.check_one(assertion("* -> db:1 allow except *")).verdict == Verdict::Error));
    BOOST_TEST(lab.rounds.empty()); // nothing to probe, nothing run
}

BOOST_AUTO_TEST_CASE(flows_that_are_meant) {
    FakeLab lab;
    lab.check({assertion("* -> frontend allow")}); // every declared port, no pod to itself
    BOOST_TEST(sent(lab.rounds.back()).size() == 6U);
    lab.check({assertion("client -> prod/api allow")}); // TCP and UDP
    const auto both = sent(lab.rounds.back());
    BOOST_REQUIRE_EQUAL(both.size(), 2U);
    BOOST_TEST(both[0] == "default/client tcp://10.244.1.5:80");
    BOOST_TEST(both[1] == "default/client udp://10.244.1.5:53");
    lab.check({assertion("db-0 -> client allow")}); // declares no port
    BOOST_TEST(sent(lab.rounds.back()).at(0) == "default/db-0 icmp://10.244.1.9");
    lab.check({assertion("client -> prod/api:dns allow")});
    BOOST_TEST(sent(lab.rounds.back()).at(0) == "default/client udp://10.244.1.5:53");
    lab.check({assertion("client -> client icmp allow")}); // alone it is meant
    BOOST_TEST(sent(lab.rounds.back()).size() == 1U);
    lab.check({assertion("external -> node/node-2 icmp allow")});
    BOOST_TEST(sent(lab.rounds.back()).at(0) == "external icmp://172.18.0.3");
    lab.check({assertion("client -> external icmp allow")});
    BOOST_TEST(sent(lab.rounds.back()).at(0) == "default/client icmp://172.18.0.1");
    lab.check({assertion("client -> svc/db:5432 allow")});
    BOOST_TEST(sent(lab.rounds.back()).at(0) == "default/client tcp://10.96.0.7:5432");
    const auto record = lab.check_one(assertion("client -> frontend-a:nope allow"));
    BOOST_TEST((record.verdict == Verdict::Fail));
    BOOST_TEST(contains(record.reason, "declares no such port"), record.reason);
}

BOOST_AUTO_TEST_CASE(records_that_a_name_must_have) {
    FakeLab lab;
    const auto one = assertion(Json::parse(
        R"({"from": "client", "to": "dns://db", "expect": {"answers": ["10.96.0.100", "10.96.0.101"]}})"));
    auto result = result_of(labctl::probe::Outcome::Ok);
    result.first.rcode = "NOERROR";
    result.first.answers = {
        {"db.", "CNAME", 5, "x."}, {"x.", "A", 5, "10.96.0.101"}, {"x.", "A", 5, "10.96.0.100"}};
    lab.network = [&result](const labctl::probe::Request&) { return result; };
    BOOST_TEST((lab.check_one(one).verdict == Verdict::Pass));
    result.first.answers.push_back({"x.", "A", 5, "10.96.0.102"});
    BOOST_TEST((lab.check_one(one).verdict == Verdict::Fail));
    result.first.answers.resize(2);
    BOOST_TEST((lab.check_one(one).verdict == Verdict::Fail));
    const auto none = assertion(
        Json::parse(R"({"from": "client", "to": "dns://db", "expect": {"answers": []}})"));
    BOOST_TEST(contains(lab.check_one(none).reason, "the answers were x, 10.96.0.101"));
    result.first.answers.clear();
    BOOST_TEST((lab.check_one(one).verdict == Verdict::Fail));
    BOOST_TEST((lab.check_one(none).verdict == Verdict::Pass));
}

BOOST_AUTO_TEST_CASE(a_port_that_the_service_of_the_same_name_has) {
    FakeLab lab;
    lab.world.services.push_back({"default", "frontend-a", {"10.96.0.9"}, {{"web", 80, "TCP"}}});
    lab.network = [&](const Request& request) {
        return request.to.port == "80" ? result_of(Outcome::Refused) : lab.answer(request);
    };
    const auto record = lab.check_one(assertion("client -> frontend-a:80 allow"));
    BOOST_TEST(
        record.hint == "default/frontend-a declares no port 80; it declares 8080/tcp; the Service "
                       "of that name has it: write svc/frontend-a:80");
}

BOOST_AUTO_TEST_CASE(urls) {
    FakeLab lab;
    auto record = lab.check_one(assertion("client -> http://frontend:8080/x 200"));
    BOOST_TEST((record.verdict == Verdict::Pass));
    BOOST_TEST(sent(lab.rounds.back()).at(1) == "default/client http://10.244.2.2:8080/x");
    BOOST_TEST(contains(record.notes.at(0), "has no DNS"));
    lab.check({assertion("client -> tcp://api.prod.svc.cluster.local:http allow")});
    BOOST_TEST(sent(lab.rounds.back()).at(0) == "default/client tcp://10.244.1.5:80");
    lab.check({assertion("client -> icmp://pod:prod/api allow")});
    BOOST_TEST(sent(lab.rounds.back()).at(0) == "default/client icmp://pod:prod/api");
    lab.check({assertion("client -> tcp://db:5432 allow")});
    BOOST_TEST(sent(lab.rounds.back()).at(0) == "default/client tcp://10.244.2.4:5432");
    lab.world.has_dns = true; // then the name of a Service is what is to be tested
    record = lab.check_one(assertion("client -> tcp://db:5432 allow"));
    BOOST_TEST(sent(lab.rounds.back()).at(0) == "default/client tcp://db:5432");
    BOOST_TEST(record.notes.empty());
    lab.check({assertion("client -> tcp://example.com:80 allow")});
    BOOST_TEST(sent(lab.rounds.back()).at(0) == "default/client tcp://example.com:80");
}

BOOST_AUTO_TEST_CASE(dual_stack) {
    FakeLab lab;
    lab.world.pods[1].ips = {"10.244.2.4", "fd00::4"};
    auto json = Json::parse(R"({"from": "client", "to": "db:5432", "expect": "allow"})");
    lab.check({assertion(json)});
    BOOST_TEST(sent(lab.rounds.back()).size() == 1U);
    json["family"] = "both";
    lab.check({assertion(json)});
    BOOST_TEST(sent(lab.rounds.back()).size() == 2U);
    json["family"] = 6;
    lab.check({assertion(json)});
    BOOST_TEST(sent(lab.rounds.back()).at(0) == "default/client tcp://[fd00::4]:5432");
    lab.world.pods[1].ips = {"10.244.2.4"};
    BOOST_TEST((lab.check_one(assertion(json)).verdict == Verdict::Fail));
}

BOOST_AUTO_TEST_CASE(a_pod_without_an_address) {
    FakeLab lab;
    lab.world.pods[1].ips.clear();
    lab.world.pods[1].phase = "Pending";
    const auto allow = lab.check_one(assertion("client -> db:5432 allow"));
    BOOST_TEST((allow.verdict == Verdict::Fail));
    BOOST_TEST(contains(allow.reason, "default/db-0 has no address yet (Pending)"), allow.reason);
    BOOST_TEST(
        (lab.check_one(assertion("client -> db:5432 deny")).verdict == Verdict::Inconclusive));
    BOOST_TEST(
        (lab.check_one(assertion("db -> client icmp timeout")).verdict == Verdict::Inconclusive));
}

BOOST_AUTO_TEST_CASE(conditions_on_a_certificate) {
    FakeLab lab;
    bool secured = true;
    lab.network = [&](const Request& request) {
        auto result = lab.answer(request);
        if (secured) {
            result.first.tls = labctl::probe::Tls{
                "TLSv1.3",
                "",
                "CN=web,O=lab",
                "CN=lab",
                {"web.lab", "*.lab"},
                "2027-01-31T00:00:00Z"};
        }
        return result;
    };
    const auto verdict = [&](const char* expect) {
        auto json =
            Json::parse(R"({"from": "client", "to": "frontend-a:8080/https", "path": "/x"})");
        json["expect"]["tls"] = Json::parse(expect);
        return lab.check_one(assertion(json)).verdict;
    };
    BOOST_TEST((verdict(R"({"subject": "CN=web*", "version": "TLSv1.?"})") == Verdict::Pass));
    BOOST_TEST((verdict(R"({"dnsName": "web.lab", "issuer": "CN=lab"})") == Verdict::Pass));
    BOOST_TEST((verdict(R"({"dnsName": "other.lab"})") == Verdict::Fail));
    BOOST_TEST((verdict(R"({"subject": "CN=web*", "issuer": "CN=web"})") == Verdict::Fail));
    secured = false;
    BOOST_TEST((verdict(R"({"subject": "*"})") == Verdict::Fail));
    // One probe for each authority, though all else is alike.
    auto one = assertion(Json::parse(
        R"({"from": "client", "to": "https://10.244.1.2/", "expect": "allow", "ca": "a"})"));
    auto other = one;
    other.ca = "b";
    lab.rounds.clear();
    lab.check({one, other, one});
    BOOST_REQUIRE(!lab.rounds.empty());
    BOOST_TEST(lab.rounds[0].probes.size() == 2U);
}
BOOST_AUTO_TEST_CASE(an_mtu_is_the_largest_packet_that_comes_through) {
    const auto asserted =
        assertion(Json{{"from", "client"}, {"to", "db icmp"}, {"expect", Json{{"mtu", 1450}}}});
    BOOST_TEST(asserted.expect.text == "mtu 1450");
    for (const std::uint32_t real : {1449U, 1450U, 1451U}) {
        FakeLab lab;
        lab.network = [&](const Request& request) {
            return request.size > real ? result_of(Outcome::Unreachable) : lab.answer(request);
        };
        const auto record = lab.check_one(asserted);
        BOOST_TEST_CONTEXT(real << ": " << record.reason) {
            BOOST_TEST((record.verdict == (real == 1450 ? Verdict::Pass : Verdict::Fail)));
            BOOST_TEST(
                contains(record.reason, "a packet of 1450 bytes did not come through") ==
                (real < 1450));
            BOOST_TEST(
                contains(record.reason, "a packet of 1451 bytes came through, too") ==
                (real > 1450));
        }
    }
}

BOOST_AUTO_TEST_CASE(equal_probes_are_sent_once) {
    FakeLab lab;
    const auto report = lab.check(
        {assertion("client -> db:5432 allow"),
         assertion("client -> db-0:5432 allow"),
         assertion("* -> db:5432 allow")});
    BOOST_TEST(report.probes == 3U);
    BOOST_TEST(report.records.size() == 3U);
    BOOST_TEST(report.summary().passed == 3U);
}

BOOST_AUTO_TEST_CASE(evidence_is_limited) {
    FakeLab lab;
    const auto base = lab.world.pods[0];
    for (int i = 0; i < 30; ++i) {
        lab.world.pods.push_back(base);
        lab.world.pods.back().name = "many-" + std::to_string(i);
    }
    lab.network = [&](const Request& request) {
        return request.from == "default/many-29" ? result_of(Outcome::Reset) : lab.answer(request);
    };
    const auto record = lab.check_one(assertion("many-* -> db:5432 allow"));
    BOOST_TEST(record.evidence.size() == Record::kEvidenceMax);
    BOOST_TEST(record.evidence_left_out == 30 - Record::kEvidenceMax);
    BOOST_TEST(record.evidence[0].from == "default/many-29");
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(evaluate_time)

BOOST_AUTO_TEST_CASE(within_is_tried_until_it_holds) {
    FakeLab lab;
    const auto healed = lab.now + 700ms;
    lab.network = [&](const Request& request) {
        return lab.now < healed ? result_of(Outcome::Refused) : lab.answer(request);
    };
    const auto record = lab.check_one(assertion("client -> db:5432 allow within 5s"));
    BOOST_TEST((record.verdict == Verdict::Pass), record.reason);
    BOOST_TEST(record.attempts > 3U);
    BOOST_TEST(record.duration_us >= 700000U);
    BOOST_TEST(record.duration_us < 1000000U); // soon after it healed
    BOOST_TEST(lab.finished.size() == 1U);
}

BOOST_AUTO_TEST_CASE(within_ends_at_its_deadline) {
    FakeLab lab;
    lab.network = [&](const Request&) { return result_of(Outcome::Refused); };
    const auto record = lab.check_one(assertion("client -> db:5432 allow within 1s"));
    BOOST_TEST((record.verdict == Verdict::Fail));
    BOOST_TEST(record.duration_us == 1000000U); // the last try is at the deadline, not before
    BOOST_TEST(contains(record.reason, "not within 1.00 s: "), record.reason);
    lab.network = [&](const Request&) { return result_of(Outcome::Unsupported); };
    const auto unknown = lab.check_one(assertion("client -> db:5432 allow within 1s"));
    BOOST_TEST((unknown.verdict == Verdict::Inconclusive));
}

BOOST_AUTO_TEST_CASE(within_waits_for_pods_to_appear) {
    FakeLab lab;
    const auto later = lab.world.pods[1];
    lab.world.pods.erase(lab.world.pods.begin() + 1);
    auto hooks = lab.hooks();
    const auto appears = lab.now + 100ms;
    hooks.world = [&] {
        if (lab.now >= appears && lab.world.pods.size() == 4) {
            lab.world.pods.push_back(later);
        }
        return lab.world;
    };
    const auto one = assertion("client -> sts/db:5432 allow within 1s");
    const auto report = evaluate({one}, hooks);
    BOOST_TEST((report.records[0].verdict == Verdict::Pass), report.records[0].reason);
}

BOOST_AUTO_TEST_CASE(for_must_hold_in_every_round) {
    FakeLab lab;
    const auto record = lab.check_one(assertion("client -> db:5432 allow for 2s"));
    BOOST_TEST((record.verdict == Verdict::Pass));
    BOOST_TEST(record.duration_us == 2000000U);
    BOOST_TEST(record.attempts > 5U);

    FakeLab breaking;
    const auto breaks = breaking.now + 1s;
    breaking.network = [&](const Request& request) {
        return breaking.now >= breaks ? result_of(Outcome::Timeout) : breaking.answer(request);
    };
    const auto broken = breaking.check_one(assertion("client -> db:5432 allow for 2s"));
    BOOST_TEST((broken.verdict == Verdict::Fail));
    BOOST_TEST(contains(broken.reason, "of 2.00 s, then: "), broken.reason);
    BOOST_TEST(contains(broken.reason, "it held for 1."), broken.reason);
    BOOST_TEST(broken.duration_us < 1500000U); // it ends when it breaks
}

BOOST_AUTO_TEST_CASE(for_without_within_fails_at_once) {
    FakeLab lab;
    lab.network = [&](const Request&) { return result_of(Outcome::Timeout); };
    const auto record = lab.check_one(assertion("client -> db:5432 allow for 2s"));
    BOOST_TEST((record.verdict == Verdict::Fail));
    BOOST_TEST(record.attempts == 1U);
}

BOOST_AUTO_TEST_CASE(within_and_for_may_flap_before_it_settles) {
    FakeLab lab;
    const auto start = lab.now;
    lab.network = [&](const Request& request) {
        const auto t = lab.now - start;
        const bool down = t < 200ms || (t > 500ms && t < 900ms);
        return down ? result_of(Outcome::Timeout) : lab.answer(request);
    };
    const auto record = lab.check_one(assertion("client -> db:5432 allow within 3s for 1s"));
    BOOST_TEST((record.verdict == Verdict::Pass), record.reason);
    BOOST_TEST(record.duration_us >= 1900000U);
}

BOOST_AUTO_TEST_CASE(settled_assertions_are_not_probed_again) {
    FakeLab lab;
    const auto report = lab.check(
        {assertion("client -> db:5432 allow"),
         assertion("client -> frontend-a:8080 allow for 1s")});
    BOOST_TEST(report.records[0].attempts == 1U);
    BOOST_TEST(lab.rounds.front().probes.size() == 2U);
    BOOST_TEST(lab.rounds.back().probes.size() == 1U);
    BOOST_TEST(lab.finished.at(0).title == "client -> db:5432 allow");
    BOOST_TEST(report.probes == 1 + lab.rounds.size());
}

BOOST_AUTO_TEST_CASE(fail_fast_ends_the_waiting) {
    FakeLab lab;
    lab.network = [&](const Request&) { return result_of(Outcome::Refused); };
    Options options;
    options.fail_fast = true;
    const auto report = lab.check(
        {assertion("client -> db:1 allow within 60s"), assertion("client -> db:2 allow")}, options);
    BOOST_TEST((report.records[0].verdict == Verdict::Inconclusive));
    BOOST_TEST((report.records[1].verdict == Verdict::Fail));
    BOOST_TEST(report.duration_us < 1000000U);
}

BOOST_AUTO_TEST_CASE(slow_probes_do_not_pass_the_deadline_twice) {
    FakeLab lab;
    lab.probe_time = 400ms;
    lab.network = [&](const Request&) { return result_of(Outcome::Timeout); };
    const auto record = lab.check_one(assertion("client -> db:5432 allow within 1s"));
    BOOST_TEST((record.verdict == Verdict::Fail));
    BOOST_TEST(record.attempts <= 4U);
    BOOST_TEST(record.duration_us < 1500000U);
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(durations)

BOOST_AUTO_TEST_CASE(an_assertion_takes_as_long_as_its_own_probes) {
    FakeLab lab;
    lab.probe_time = std::chrono::seconds(1); // the round waits for the time-out
    lab.network = [&](const Request& request) {
        auto result = request.to.port == "81" ? result_of(Outcome::Timeout) : lab.answer(request);
        result.elapsed_us = request.to.port == "81" ? 1000000 : 300;
        return result;
    };
    const auto records =
        lab.check({assertion("client -> db:5432 allow"), assertion("client -> db:81 allow")})
            .records;
    BOOST_TEST(records.at(0).duration_us == 300U);
    BOOST_TEST(records.at(1).duration_us == 1000000U);
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(exit_codes)

namespace {

Report report_of(std::initializer_list<std::pair<Verdict, Level>> entries) {
    Report report;
    for (const auto& [verdict, level] : entries) {
        Record record;
        record.verdict = verdict;
        record.level = level;
        report.records.push_back(record);
    }
    return report;
}

int code(std::initializer_list<std::pair<Verdict, Level>> entries, bool strict = false) {
    return static_cast<int>(exit_code(report_of(entries), strict));
}

} // namespace

BOOST_AUTO_TEST_CASE(the_contract) {
    const std::pair pass{Verdict::Pass, Level::Error};
    const std::pair fail{Verdict::Fail, Level::Error};
    const std::pair warn{Verdict::Fail, Level::Warning};
    const std::pair unknown{Verdict::Inconclusive, Level::Error};
    const std::pair unknown_warning{Verdict::Inconclusive, Level::Warning};
    const std::pair error{Verdict::Error, Level::Error};
    BOOST_TEST(code({}) == 3);
    BOOST_TEST(code({pass, pass}) == 0);
    BOOST_TEST(code({pass, fail}) == 1);
    BOOST_TEST(code({unknown, fail, error}) == 1);
    BOOST_TEST(code({pass, error}) == 2);
    BOOST_TEST(code({unknown, error}) == 2);
    BOOST_TEST(code({unknown}) == 3);
    BOOST_TEST(code({pass, unknown}) == 3);
    BOOST_TEST(code({pass, warn}) == 0);
    BOOST_TEST(code({warn}) == 0);
    BOOST_TEST(code({warn}, true) == 1);
    BOOST_TEST(code({pass, unknown_warning}) == 0);
    BOOST_TEST(code({pass, unknown_warning}, true) == 3);
    BOOST_TEST(code({unknown_warning}) == 3);
    BOOST_TEST(static_cast<int>(exit_code(failed_setup("no lab"))) == 2);
}

BOOST_AUTO_TEST_CASE(a_spread_is_about_the_shares_of_the_backends) {
    FakeLab lab;
    std::map<std::string, std::uint32_t> backends;
    lab.network = [&](const Request& request) {
        auto result = lab.answer(request);
        result.attempts = request.count;
        result.outcomes = {{"ok", request.count}};
        result.backends = backends;
        return result;
    };
    const auto verdict = [&](const char* share, std::uint32_t first, std::uint32_t second) {
        backends = {{"default/frontend-a", first}, {"default/frontend-b", second}};
        const labctl::api::Json form{
            {"from", "client"},
            {"to", "frontend-a:8080"},
            {"count", 100},
            {"expect", {{"spread", {{"frontend-a", share}}}}}};
        return to_string(lab.check_one(assertion(form)).verdict);
    };
    BOOST_TEST(verdict("~50%", 50, 50) == "pass");
    BOOST_TEST(verdict("~50%", 69, 31) == "pass"); // within four standard deviations of 5
    BOOST_TEST(verdict("~50%", 71, 29) == "fail");
    BOOST_TEST(verdict("~0%", 1, 99) == "fail");
    BOOST_TEST(verdict("40-60%", 60, 40) == "pass");
    BOOST_TEST(verdict("40-60%", 61, 39) == "fail");
    BOOST_TEST(verdict("0%", 0, 100) == "pass");
    BOOST_TEST(verdict("~50%", 30, 30) == "inconclusive"); // the others do not say who they are
}

BOOST_AUTO_TEST_SUITE_END()
