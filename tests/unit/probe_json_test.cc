#include <nlohmann/json.hpp>

#include <boost/test/unit_test.hpp>

#include "labctl/probe/probe.h"
#include "netemu/base/error.h"

// NOLINTBEGIN: Boost.Test's macros
using namespace labctl::probe;
using nlohmann::json;

namespace {

const char* const kContract = R"({"probes": [
  {"id": "1", "from": "x/a", "to": "tcp://10.244.1.7:80"},
  {"id": "2", "from": "x/a", "to": "udp://dns-name.ns.svc.cluster.local:81", "timeoutMs": 500},
  {"id": "3", "from": "node/node-1", "to": "http://backend.prod/api?x=1", "method": "POST",
   "headers": {"x-user": "jason"}, "body": "hi", "count": 100, "concurrency": 8, "reuseConnection": false},
  {"id": "4", "from": "external", "to": "http://172.18.0.3:30080/", "via": "node-2", "samples": true},
  {"from": "x/a", "to": "dns://backend?type=A", "sourcePort": 4000},
  {"id": "6", "from": "x/a", "to": "icmp://10.244.2.3"},
  {"id": "7", "from": "x/a", "to": "sctp://10.244.2.3:80"}
], "sequential": true})";

void check_error(const std::string& text, const std::string& expected) {
    BOOST_CHECK_EXCEPTION(
        parse_requests(json::parse(text)),
        netemu::UsageError,
        [&](const netemu::UsageError& error) {
            BOOST_TEST_MESSAGE(error.what());
            return std::string(error.what()).find(expected) != std::string::npos;
        });
}

std::string one(const std::string& fields) {
    return R"({"probes": [{"from": "x/a", "to": "tcp://1.2.3.4:80")" + fields + "}]}";
}

} // namespace

BOOST_AUTO_TEST_CASE(a_size_is_for_icmp) {
    const auto list = parse_requests(
        json::parse(R"({"probes": [{"from": "x/a", "to": "icmp://1.2.3.4", "size": 1450}]})"));
    BOOST_TEST(list.probes[0].size == 1450U);
    BOOST_TEST(to_json(list).at("probes")[0].at("size") == 1450);
    check_error(one(R"(, "size": 1450)"), "probes[0].size: only icmp:// has one");
    check_error(one(R"(, "size": 67)"), "from 68 to 65535");
}

BOOST_AUTO_TEST_CASE(a_ca_is_for_https) {
    const auto list = parse_requests(
        json::parse(R"({"probes": [{"from": "x/a", "to": "https://web.lab/", "ca": "PEM"}]})"));
    BOOST_TEST(list.probes[0].ca == "PEM");
    BOOST_TEST(to_json(list).at("probes")[0].at("ca") == "PEM");
    check_error(one(R"(, "ca": "PEM")"), "probes[0].ca: only https:// has a certificate to verify");
    check_error(one(R"(, "ca": "")"), "probes[0].ca: there is nothing in it");
    check_error(one(R"(, "ca": 5)"), "probes[0].ca: a string is wanted");
    const auto large = R"({"probes": [{"from": "x/a", "to": "https://web.lab/", "ca": ")" +
                       std::string(kCaBytesMax + 1, 'x') + "\"}]}";
    check_error(large, "probes[0].ca: 1048577 bytes; at most 1048576 are taken");
}

BOOST_AUTO_TEST_CASE(tls_is_told_and_read_back) {
    Result result;
    result.id = "1";
    result.first.outcome = Outcome::Ok;
    result.first.tls =
        Tls{"TLSv1.3",
            "web.lab",
            "CN=web",
            "CN=lab \xff",
            {"web.lab", "*.lab"},
            "2027-01-31T00:00:00Z"};
    result.first.peer_identity = "spiffe://cluster.local/ns/prod/sa/web";
    const auto object = to_json(result);
    BOOST_TEST(object.at("tls").at("version") == "TLSv1.3");
    BOOST_TEST(object.at("tls").at("serverName") == "web.lab");
    BOOST_TEST(object.at("tls").at("dnsNames") == (json{"web.lab", "*.lab"}));
    BOOST_TEST(object.at("tls").at("notAfter") == "2027-01-31T00:00:00Z");
    BOOST_TEST(object.at("peerIdentity") == "spiffe://cluster.local/ns/prod/sa/web");
    auto read = result_from_json(json::parse(object.dump()));
    BOOST_REQUIRE(read.first.tls.has_value());
    BOOST_TEST(read.first.tls->issuer == "CN=lab \xef\xbf\xbd"); // replaced, once
    read.first.tls->issuer = result.first.tls->issuer;
    BOOST_TEST((read.first.tls == result.first.tls));
    BOOST_TEST(read.first.peer_identity == result.first.peer_identity);
    result.first = Sample();
    BOOST_TEST(!to_json(result).contains("tls"));
    BOOST_TEST(!to_json(result).contains("peerIdentity"));
    result.first.outcome = Outcome::TlsError; // of a handshake that failed
    result.first.tls = Tls{"", "", "CN=web", "CN=web", {}, "2027-01-31T00:00:00Z"};
    BOOST_TEST(!to_json(result).at("tls").contains("version"));
    BOOST_TEST(to_json(result).at("tls").at("dnsNames").empty());
}

BOOST_AUTO_TEST_CASE(the_contract_s_example_is_read) {
    const auto list = parse_requests(json::parse(kContract));
    BOOST_REQUIRE(list.probes.size() == 7U);
    BOOST_TEST(list.sequential);
    BOOST_TEST(list.probes[0].timeout_ms == 1000U);
    BOOST_TEST(list.probes[1].timeout_ms == 500U);
    const auto& third = list.probes[2];
    BOOST_TEST(third.from == "node/node-1");
    BOOST_TEST(third.method == "POST");
    BOOST_TEST(third.headers.at("x-user") == "jason");
    BOOST_TEST(third.body == "hi");
    BOOST_TEST(third.count == 100U);
    BOOST_TEST(third.concurrency == 8U);
    BOOST_TEST(!third.reuse_connection);
    BOOST_TEST(list.probes[3].via == "node-2");
    BOOST_TEST(list.probes[3].samples);
    BOOST_TEST(list.probes[4].id == "5"); // its place in the list
    BOOST_TEST(list.probes[4].source_port == 4000U);
}

BOOST_AUTO_TEST_CASE(requests_survive_a_round_trip) {
    const auto list = parse_requests(json::parse(kContract));
    const auto written = to_json(list);
    BOOST_TEST(to_json(parse_requests(written)) == written);
    BOOST_TEST(written.at("probes").at(2).at("count") == 100);
}

BOOST_AUTO_TEST_CASE(mistakes_name_their_field) {
    check_error(
        one(R"(, "timeoutms": 5)"),
        "probes[0].timeoutms: unknown field, did you mean \"timeoutMs\"?");
    check_error(one(R"(, "zzz": 5)"), "probes[0].zzz: unknown field");
    check_error(one(R"(, "timeoutMs": 0)"), "probes[0].timeoutMs: a whole number from 1 to 600000");
    check_error(one(R"(, "timeoutMs": 600001)"), "probes[0].timeoutMs");
    check_error(one(R"(, "timeoutMs": -1)"), "not -1");
    check_error(one(R"(, "timeoutMs": 1.5)"), "not 1.5");
    check_error(one(R"(, "timeoutMs": "1s")"), "not \"1s\"");
    check_error(one(R"(, "count": 1000001)"), "probes[0].count");
    check_error(one(R"(, "concurrency": 513)"), "probes[0].concurrency");
    check_error(one(R"(, "sourcePort": 65536)"), "probes[0].sourcePort");
    check_error(one(R"(, "samples": "yes")"), "probes[0].samples: true or false");
    check_error(one(R"(, "headers": ["a"])"), "probes[0].headers");
    check_error(one(R"(, "headers": {"a": 1})"), "probes[0].headers.a: a string is wanted");
    check_error(one(R"(, "headers": {"a b": "c"})"), "probes[0].headers.a b");
    check_error(one(R"(, "headers": {"a": "b\r\nc: d"})"), "probes[0].headers.a");
    check_error(one(R"(, "method": "A B")"), "probes[0].method");
    check_error(R"({"probes": [{"to": "tcp://1.2.3.4:80"}]})", "probes[0].from: missing");
    check_error(R"({"probes": [{"from": "x/a"}]})", "probes[0].to: missing");
    check_error(R"({"probes": [{"from": "a/b/c", "to": "icmp://1.2.3.4"}]})", "probes[0].from");
    check_error(R"({"probes": [{"from": "x/a", "to": "tcp://1.2.3.4"}]})", "probes[0].to: target");
    check_error(R"({"probes": [3]})", "probes[0]: an object is wanted");
    check_error(R"({"probes": {}})", "probes: an array is wanted");
    check_error(R"({"probe": []})", "did you mean \"probes\"?");
    check_error(R"([])", "an object is wanted");
    check_error("{}", "probes: missing");
    check_error(
        R"({"probes": [{"from": "a", "to": "icmp://1.1.1.1", "count": 1000000},
                       {"from": "a", "to": "icmp://1.1.1.1"}]})",
        "1000001 exchanges");
}

BOOST_AUTO_TEST_CASE(results_survive_a_round_trip) {
    Result result;
    result.id = "1";
    result.first.outcome = Outcome::Ok;
    result.first.remote = "10.244.2.10:8080";
    result.first.backend = "prod/backend-1";
    result.first.client_ip = "10.244.1.5";
    result.first.http = Http{200, {{"server", "x"}}, "body"};
    result.resolved = "10.96.0.100";
    result.first.rcode = "NOERROR";
    result.first.answers = {{"backend.prod.", "A", 5, "10.96.0.100"}};
    result.attempts = 3;
    result.rtt_us = 180;
    result.outcomes = {{"ok", 2}, {"timeout", 1}};
    result.backends = {{"prod/backend-1", 2}};
    result.statuses = {{"200", 2}};
    Sample late;
    late.error = "no answer";
    result.samples = {result.first, late};
    const auto written = to_json(result);
    BOOST_TEST(written.at("outcome") == "ok");
    BOOST_TEST(written.at("rttMicros") == 180);
    BOOST_TEST(written.at("error").is_null());
    BOOST_TEST(written.at("samples").at(1).at("error") == "no answer");
    BOOST_TEST(to_json(result_from_json(written)) == written);
}

BOOST_AUTO_TEST_CASE(a_call_of_grpc_tells_its_status_by_number_and_name) {
    Result result;
    result.first.outcome = Outcome::Ok;
    result.first.http = Http{200, {}, ""};
    result.first.grpc = labctl::probe::Grpc{7, "RBAC: access denied", ""};
    result.grpc_statuses = {{"PERMISSION_DENIED", 1}};
    const auto written = to_json(result);
    BOOST_TEST(
        written.at("grpc") ==
        json::parse(
            R"({"status": 7, "statusName": "PERMISSION_DENIED", "message": "RBAC: access denied"})"));
    BOOST_TEST(written.at("grpcStatuses") == json::parse(R"({"PERMISSION_DENIED": 1})"));
    BOOST_TEST(to_json(result_from_json(written)) == written);
    result.first.grpc = labctl::probe::Grpc{99, "", "SERVING"};
    BOOST_TEST(to_json(result).at("grpc").at("statusName") == "99");
    BOOST_TEST(to_json(result).at("grpc").at("health") == "SERVING");
    BOOST_TEST(to_json(result_from_json(to_json(result))) == to_json(result));
    check_error(
        R"({"probes": [{"from": "a", "to": "grpc://b:1", "method": "PUT"}]})",
        "every call of gRPC is a POST");
}

BOOST_AUTO_TEST_CASE(a_list_of_results_survives_its_text) {
    for (const std::size_t count : {0U, 1U, 3U}) {
        std::vector<Result> results(count);
        for (std::size_t i = 0; i < count; ++i) {
            results[i].id = std::to_string(i);
            results[i].samples.resize(2); // objects inside are not taken for results
            results[i].first.drop = Drop{"node-1", "ingress", "networkpolicy/a/b", {}, 2, "p", "t"};
        }
        const auto text = results_text(results);
        const auto document = json::parse(text);
        BOOST_TEST(document.at("schemaVersion") == 1);
        BOOST_TEST(document.at("results").size() == count);
        const auto again = results_from_text(text);
        BOOST_REQUIRE(again.size() == count);
        for (std::size_t i = 0; i < count; ++i) {
            BOOST_TEST(to_json(again[i]) == to_json(results[i]));
            BOOST_TEST(document.at("results").at(i) == to_json(results[i]));
        }
    }
}

BOOST_AUTO_TEST_CASE(what_are_no_results_is_said) {
    for (const char* text : {"", "[]", "{}", R"({"results": [)", R"({"results": [{"id": 1}]})"}) {
        BOOST_CHECK_THROW(results_from_text(text), netemu::UsageError);
    }
    BOOST_TEST(results_from_text(R"({"other": [{"id": 1}], "results": []})").empty());
}

BOOST_AUTO_TEST_CASE(what_is_not_known_is_absent) {
    Result result;
    result.id = "1";
    result.attempts = 1;
    result.first.outcome = Outcome::Refused;
    result.first.error = "why";
    result.outcomes = {{"refused", 1}};
    const auto written = to_json(result);
    for (const char* name :
         {"backend", "clientIP", "http", "resolved", "rttMicros", "samples", "backends"}) {
        BOOST_TEST(!written.contains(name), name);
    }
    BOOST_TEST(written.at("error") == "why");
}

BOOST_AUTO_TEST_CASE(a_server_s_bytes_never_break_the_json) {
    Result result;
    result.first.http = Http{200, {{"x", "\xff"}}, std::string("\xc3(\0", 3)};
    BOOST_CHECK_NO_THROW(to_json(result).dump());
    BOOST_CHECK_THROW(result_from_json(json::parse(R"({"outcome": "fine"})")), netemu::UsageError);
    BOOST_CHECK_THROW(result_from_json(json::parse(R"({"outcome": 3})")), netemu::UsageError);
    BOOST_CHECK_THROW(result_from_json(json::parse("[]")), netemu::UsageError);
}

BOOST_AUTO_TEST_CASE(a_drop_is_told_with_its_rule_and_read_back) {
    Result result;
    result.id = "1";
    result.attempts = 3;
    result.outcomes = {{"timeout", 3}};
    result.dropped = 2;
    result.first.outcome = Outcome::Timeout;
    result.first.drop = Drop{
        "node-2",
        "ingress",
        "networkpolicy/prod/deny-all",
        {"networkpolicy/prod/deny-all", "networkpolicy/prod/web"},
        std::nullopt,
        "labctl ingress/np/abc",
        "dropped on node-2 by NetworkPolicy prod/deny-all",
        "10.244.2.4:8080"};
    result.elapsed_us = 3003;
    const auto object = to_json(result);
    BOOST_TEST(object.at("outcome") == "timeout");
    const auto& drop = object.at("drop");
    BOOST_TEST(drop.at("node") == "node-2");
    BOOST_TEST(drop.at("direction") == "ingress");
    BOOST_TEST(drop.at("by") == "networkpolicy/prod/deny-all");
    BOOST_TEST(drop.at("rule").is_null());
    BOOST_TEST(drop.at("prefix") == "labctl ingress/np/abc");
    BOOST_TEST(drop.at("destination") == "10.244.2.4:8080");
    BOOST_TEST(object.at("elapsedMicros") == 3003);
    BOOST_TEST(result_from_json(object).elapsed_us == 3003U);
    const auto back = result_from_json(object);
    BOOST_TEST((back.first.drop == result.first.drop));
    BOOST_TEST(back.dropped == 2U);
    auto by_hand = result;
    by_hand.first.drop = Drop{"node-1", "", "", {}, 4, "x", "dropped"};
    BOOST_TEST(to_json(by_hand).at("drop").at("by").is_null());
    BOOST_TEST((result_from_json(to_json(by_hand)).first.drop == by_hand.first.drop));
    result.first.drop.reset();
    result.dropped = 0;
    BOOST_TEST(!to_json(result).contains("drop"));
    BOOST_TEST(!result_from_json(to_json(result)).first.drop.has_value());
}

BOOST_AUTO_TEST_CASE(evidence_and_identity_are_wanted_unless_refused) {
    const auto list = parse_requests(json::parse(one(R"(, "evidence": false, "identify": false)")));
    BOOST_TEST(!list.probes[0].evidence);
    BOOST_TEST(!list.probes[0].identify);
    BOOST_TEST(to_json(list).at("probes")[0].at("evidence") == false);
    const auto usual = parse_requests(json::parse(one("")));
    BOOST_TEST(usual.probes[0].evidence);
    BOOST_TEST(usual.probes[0].identify);
    check_error(one(R"(, "evidence": "no")"), "true or false");
}
// NOLINTEND
