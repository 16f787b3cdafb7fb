#define BOOST_TEST_MODULE check
#include <boost/test/unit_test.hpp>

#include "labctl/check/parse.h"
#include "tests/unit/check_fixture.h"

using namespace labctl::check;
using labctl::api::Json;
using labctl::check::testing::assertion;
using labctl::probe::Outcome;
using labctl::probe::Scheme;

BOOST_AUTO_TEST_SUITE(parse)

BOOST_AUTO_TEST_CASE(short_form_says_who_whom_and_what) {
    const auto a = assertion("frontend -> backend:8080/tcp allow");
    BOOST_TEST(a.title == "frontend -> backend:8080/tcp allow");
    BOOST_TEST(a.from.text == "frontend");
    BOOST_REQUIRE_EQUAL(a.from.terms.size(), 1U);
    BOOST_TEST(a.from.terms[0].name == "frontend");
    BOOST_TEST(a.to.text == "backend:8080/tcp");
    BOOST_TEST(a.to.side.text == "backend");
    BOOST_TEST(a.to.port == "8080");
    BOOST_TEST((a.to.scheme == Scheme::Tcp));
    BOOST_TEST((a.expect.kind == Expectation::Kind::Allow));
    BOOST_TEST(a.expect.text == "allow");
    BOOST_TEST((a.level == Level::Error));
    BOOST_TEST(a.within_us == 0U);
    BOOST_TEST(a.source.line == 7);
}

BOOST_AUTO_TEST_CASE(short_form_clauses) {
    const auto a = assertion(
        "* -> db:5432 deny except api, web by netpol/prod/only-api within 5s for 1500ms warning");
    BOOST_TEST((a.expect.kind == Expectation::Kind::Deny));
    BOOST_REQUIRE_EQUAL(a.from.except.size(), 2U);
    BOOST_TEST(a.from.except[1].name == "web");
    BOOST_TEST(a.expect.by == "networkpolicy/prod/only-api");
    BOOST_TEST(a.within_us == 5000000U);
    BOOST_TEST(a.for_us == 1500000U);
    BOOST_TEST((a.level == Level::Warning));
    const auto source_side = assertion("* except api -> db:5432 allow");
    BOOST_REQUIRE_EQUAL(source_side.from.except.size(), 1U);
    BOOST_TEST(source_side.from.text == "*");
}

BOOST_AUTO_TEST_CASE(short_form_expectations) {
    BOOST_TEST((assertion("a -> b:80 refused").expect.outcome == Outcome::Refused));
    BOOST_TEST((assertion("a -> b:80 unreachable").expect.outcome == Outcome::Unreachable));
    BOOST_TEST((assertion("a -> b:80 timeout").expect.outcome == Outcome::Timeout));
    BOOST_TEST((assertion("a -> b:80 reset").expect.outcome == Outcome::Reset));
    BOOST_TEST((assertion("a -> b:80 refused").expect.kind == Expectation::Kind::Outcome));
    const auto status = assertion("a -> http://b:8080/api 2xx");
    BOOST_REQUIRE_EQUAL(status.expect.statuses.size(), 1U);
    BOOST_TEST(status.expect.statuses[0].first == 200);
    BOOST_TEST(status.expect.statuses[0].second == 299);
    BOOST_TEST(status.expect.text == "status 2xx");
    BOOST_TEST((status.to.url->scheme == Scheme::Http));
    BOOST_TEST(status.to.url->path == "/api");
    // A status can only be had from HTTP.
    BOOST_TEST((assertion("a -> b:8080 200,404").to.scheme == Scheme::Http));
    BOOST_TEST(assertion("a -> b:8080 200,404").expect.statuses.size() == 2U);
}

BOOST_AUTO_TEST_CASE(short_form_targets) {
    BOOST_TEST((assertion("a -> b icmp allow").to.scheme == Scheme::Icmp));
    BOOST_TEST(assertion("a -> b icmp allow").to.text == "b icmp");
    BOOST_TEST((assertion("a -> b:53/udp allow").to.scheme == Scheme::Udp));
    BOOST_TEST(assertion("a -> b:web allow").to.port == "web");
    BOOST_TEST(assertion("a -> b:* allow").to.port == "*");
    BOOST_TEST(assertion("a -> b allow").to.port == "");
    BOOST_TEST(assertion("a -> prod/b:80 allow").to.side.terms[0].ns == "prod");
    const auto v6 = assertion("a -> [fd00::1]:80 allow");
    BOOST_TEST((v6.to.side.terms[0].kind == Term::Kind::Address));
    BOOST_TEST(v6.to.side.terms[0].name == "fd00::1");
    BOOST_TEST(v6.to.port == "80");
    BOOST_TEST((assertion("a -> fd00::1 icmp allow").to.side.terms[0].kind == Term::Kind::Address));
    const auto list = assertion("a, b -> c, d:80 allow");
    BOOST_TEST(list.from.terms.size() == 2U);
    BOOST_TEST(list.to.side.terms.size() == 2U);
    const auto arrow = assertion("a \xe2\x86\x92 b:80 allow");
    BOOST_TEST(arrow.to.port == "80");
}

BOOST_AUTO_TEST_CASE(terms) {
    const auto labels = assertion("{app=web,tier in (a, b)} -> prod/{app=db}:5432 allow");
    BOOST_TEST((labels.from.terms[0].kind == Term::Kind::Labels));
    BOOST_TEST(labels.from.terms[0].labels.to_string() == "app=web,tier in (a,b)");
    BOOST_TEST(labels.to.side.terms[0].ns == "prod");
    BOOST_TEST(labels.to.port == "5432");
    const auto quoted = assertion("\"app=web, x notin (1)\" -> node/*:22 allow");
    BOOST_TEST((quoted.from.terms[0].kind == Term::Kind::Labels));
    BOOST_TEST((quoted.to.side.terms[0].kind == Term::Kind::Node));
    const auto domain_label = assertion("{example.com/team=a} -> b:1 allow");
    BOOST_TEST(domain_label.from.terms[0].ns == "");
    const auto kinds = assertion("deploy/prod/web -> svc/db:5432 allow");
    BOOST_TEST(kinds.from.terms[0].workload_kind == "Deployment");
    BOOST_TEST(kinds.from.terms[0].ns == "prod");
    BOOST_TEST((kinds.to.side.terms[0].kind == Term::Kind::Service));
    BOOST_TEST((assertion("external -> b:80 allow").from.terms[0].kind == Term::Kind::External));
    BOOST_TEST(assertion("*/* -> b:80 allow").from.terms[0].ns == "*");
}

BOOST_AUTO_TEST_CASE(long_form) {
    const auto a = assertion(Json::parse(R"({
        "name": "api answers", "description": "d", "namespace": "prod",
        "from": ["a", "b"], "except": "c", "to": "http://backend:8080/api",
        "expect": {"status": [200, "3xx"], "body": {"contains": "x", "matches": "a+"},
                   "headers": {"X-Backend": "prod/*"}, "backend": "backend-*", "sourceIP": "preserved"},
        "within": "5s", "for": 2, "level": "warning", "points": 2.5, "tags": ["smoke"],
        "family": 6, "timeout": "250ms", "count": 20, "method": "POST", "headers": {"A": "b"},
        "body": "hi", "sourcePort": 4000, "via": "node-2"})"));
    BOOST_TEST(a.title == "api answers");
    BOOST_TEST(a.ns == "prod");
    BOOST_TEST(a.from.terms.size() == 2U);
    BOOST_TEST(a.from.except.size() == 1U);
    BOOST_TEST(a.expect.statuses.size() == 2U);
    BOOST_TEST(a.expect.statuses[1].second == 399);
    BOOST_TEST(a.expect.body_contains.value() == "x");
    BOOST_TEST(a.expect.body_matches.value() == "a+");
    BOOST_TEST(a.expect.headers.at("x-backend") == "prod/*");
    BOOST_TEST(a.expect.client_ip == "preserved");
    BOOST_TEST(a.within_us == 5000000U);
    BOOST_TEST(a.for_us == 2000000U);
    BOOST_TEST((a.level == Level::Warning));
    BOOST_TEST(a.points == 2.5);
    BOOST_TEST(a.tags.at(0) == "smoke");
    BOOST_TEST((a.family == FamilyChoice::V6));
    BOOST_TEST(a.timeout_ms == 250U);
    BOOST_TEST(a.count == 20U);
    BOOST_TEST(a.method == "POST");
    BOOST_TEST(a.headers.at("a") == "b");
    BOOST_TEST(a.body == "hi");
    BOOST_TEST(a.source_port == 4000);
    BOOST_TEST(a.via == "node-2");
    BOOST_TEST(
        a.expect.text ==
        "status 200,3xx, body with 'x', body matching 'a+', header x-backend: prod/*, "
        "backend backend-*, client IP preserved");
}

BOOST_AUTO_TEST_CASE(a_status_of_grpc_is_expected_by_its_name) {
    const auto url = assertion("a -> grpc://b:7070/shop.Cart/Add PERMISSION_DENIED,UNAVAILABLE");
    BOOST_TEST((url.to.url->scheme == Scheme::Grpc));
    BOOST_TEST(
        url.expect.grpc == (std::vector<std::string>{"PERMISSION_DENIED", "UNAVAILABLE"}),
        boost::test_tools::per_element());
    BOOST_TEST(url.expect.text == "gRPC PERMISSION_DENIED,UNAVAILABLE");
    BOOST_TEST((assertion("a -> b:7070 SERVING").to.scheme == Scheme::Grpc));
    BOOST_TEST((assertion("a -> b:7070/grpc allow").to.scheme == Scheme::Grpc));
    const auto a = assertion(Json::parse(
        R"({"from": "a", "to": "b:7070/grpc", "path": "/shop.Cart/Add",
            "expect": {"grpc": ["OK"], "headers": {"x-backend": "b"}}})"));
    BOOST_TEST((a.to.scheme == Scheme::Grpc));
    BOOST_TEST(a.to.path == "/shop.Cart/Add");
    BOOST_TEST(a.expect.grpc.at(0) == "OK");
    const auto word = assertion(Json::parse(R"({"from": "a", "to": "b:1/grpc", "expect": "OK"})"));
    BOOST_TEST(word.expect.grpc.at(0) == "OK");
    for (const auto* text :
         {"a -> b:7070/http OK",
          "a -> b:80/tcp UNAVAILABLE",
          "a -> b:7070 PERMISION_DENIED",
          "a -> b:7070 OK,7",
          "a -> grpc://b:1/x OK",
          "a -> b:7070/udp SERVING"}) {
        BOOST_CHECK_THROW((void)assertion(text), CheckError);
    }
    BOOST_CHECK_THROW(
        (void)assertion(
            Json::parse(R"({"from": "a", "to": "b:1/grpc", "path": "/x", "expect": "OK"})")),
        CheckError);
    BOOST_CHECK_THROW(
        (void)assertion(Json::parse(R"({"from": "a", "to": "b:1/grpc", "expect": {"grpc": 7}})")),
        CheckError);
}

BOOST_AUTO_TEST_CASE(long_form_of_a_selector) {
    const auto a = assertion(Json::parse(
        R"({"from": "* except c", "to": "backend:web/http", "path": "/x?y=1", "expect": "allow"})"));
    BOOST_TEST(a.to.path == "/x?y=1");
    BOOST_TEST((a.to.scheme == Scheme::Http));
    BOOST_TEST(a.from.except.size() == 1U);
    BOOST_TEST(a.title == "* -> backend:web/http allow");
    const auto deny = assertion(Json::parse(
        R"({"from": "a", "to": "b icmp", "expect": {"verdict": "deny"}, "by": "netpol/p/x"})"));
    BOOST_TEST((deny.expect.kind == Expectation::Kind::Deny));
    BOOST_TEST(deny.expect.by == "networkpolicy/p/x");
    BOOST_TEST((deny.to.scheme == Scheme::Icmp));
    const auto code = assertion(Json::parse(R"({"from": "a", "to": "b:80", "expect": 404})"));
    BOOST_TEST(code.expect.statuses.at(0).first == 404);
}

namespace {

struct Bad {
    std::string json;
    std::string says; // part of the message or of the hint
};
std::ostream& operator<<(std::ostream& out, const Bad& bad) {
    return out << bad.json;
}

const std::vector<Bad> kBad{
    {R"("")", "has no '->'"},
    {R"("a b")", "has no '->'"},
    {R"("-> b:80 allow")", "nothing before"},
    {R"("a ->")", "nothing behind"},
    {R"("a -> b:80")", "does not say what is expected"},
    {R"("a -> b:80 within 5s")", "does not say what is expected"},
    {R"("a -> b:80 alow")", "did you mean 'allow'"},
    {R"("a -> b:80 denied")", "nothing that can be expected"},
    {R"("a -> b:80 allow withn 5s")", "did you mean 'within'"},
    {R"("a -> b:80 allow within")", "followed by nothing"},
    {R"("a -> b:80 allow within soon")", "no time that can be waited for"},
    {R"("a -> b:80 allow within 0s")", "no time that can be waited for"},
    {R"("a -> b:80 allow within 2h")", "at most 1h"},
    {R"("a -> b:80 allow for 5 s")", "no time that can be waited for"},
    {R"("a -> b:80 allow warning loud")", "means nothing here"},
    {R"("a -> b:80 allow except")", "followed by nothing"},
    {R"("a except -> b:80 allow")", "followed by nothing"},
    {R"("a -> b:0 allow")", "not a port"},
    {R"("a -> b:65536 allow")", "not a port"},
    {R"("a -> b:WEB allow")", "not a port"},
    {R"("a -> b:80/tcpp allow")", "did you mean 'tcp'"},
    {R"("a -> b:80/smtp allow")", "not a protocol"},
    {R"("a -> b: allow")", "cannot be in it"},
    {R"("a -> b:* SERVING")", "name the port: b:PORT/grpc"},
    {R"("a -> b:* 200")", "name the port: b:PORT/http"},
    {R"("a -> b:*/https allow")", "name the port: b:PORT/https"},
    {R"("a -> b:80 Deny")", "did you mean 'deny'"},
    {R"("a -> b:80 ALLOW")", "did you mean 'allow'"},
    {R"("a -> b:80 Alow")", "did you mean 'allow'"},
    {R"("a -> b:80 TimeOut")", "did you mean 'timeout'"},
    {R"("a -> b:80 serving")", "nothing that can be expected"},
    {R"("a -> b:80 allow Within 5s")", "did you mean 'within'"},
    {R"("a -> Tcp://b:80 allow")", "did you mean 'tcp'"},
    {R"("a -> HTTPS://b allow")", "did you mean 'https'"},
    {R"("a -> b ICMP allow")", "did you mean 'icmp'"},
    {R"("External -> b:80 allow")", "did you mean 'external'"},
    {R"("a -> b:80 icmp allow")", "ICMP has no ports"},
    {R"("a -> tcp://b:80 icmp allow")", "ICMP has no ports"},
    {R"("a -> ftp://b allow")", "scheme"},
    {R"("A -> b:80 allow")", "cannot be in it"},
    {R"("a/b/c/d -> b:80 allow")", "too many parts"},
    {R"("a/b/c -> b:80 allow")", "too many parts"},
    {R"("a/ -> b:80 allow")", "lacks name"},
    {R"("a,, c -> b:80 allow")", "names nobody"},
    {R"("{} -> b:80 allow")", "empty label selector"},
    {R"("{app=web -> b:80 allow")", "has no closing }"},
    {R"("{=x} -> b:80 allow")", "label selector"},
    {R"("10.0.0.1 -> b:80 allow")", "cannot send"},
    {R"("svc/a -> b:80 allow")", "cannot send"},
    {R"("a -> 10.0.0.1 allow")", "declares no ports"},
    {R"("a -> node/x allow")", "declares no ports"},
    {R"("a -> external allow")", "declares no ports"},
    {R"("a -> b:80/udp 200")", "not HTTP"},
    {R"("a -> b:80 600")", "not an HTTP status"},
    {R"("a -> b:80 204-200")", "not an HTTP status"},
    {R"("a -> b:80 9xx")", "not an HTTP status"},
    {R"("a -> b:80 allow by netpol/p/x")", "goes with 'deny' only"},
    {R"("a -> b:80 deny by x")", "does not name a rule"},
    {R"("a -> b:80 deny by netpol//x")", "does not name a rule"},
    {"7", "a string or a mapping"},
    {"null", "a string or a mapping"},
    {"{}", "lacks 'from'"},
    {R"({"a -> b": 80})", "in quotes"},
    {R"({"from": "a", "to": "b:80"})", "lacks 'expect'"},
    {R"({"from": "a", "expect": "allow"})", "lacks 'to'"},
    {R"({"from": "a", "to": "b:80", "expct": "allow"})", "did you mean 'expect'"},
    {R"({"from": 7, "to": "b:80", "expect": "allow"})", "must be a string"},
    {R"({"from": ["a", 7], "to": "b:80", "expect": "allow"})", "must be a string"},
    {R"({"from": "a", "to": "b:80", "expect": {}})", "'expect' is empty"},
    {R"({"from": "a", "to": "b:80", "expect": {"statsu": 200}})", "did you mean 'status'"},
    {R"({"from": "a", "to": "b:80", "expect": {"status": "abc"}})", "not an HTTP status"},
    {R"({"from": "a", "to": "b:80", "expect": {"outcome": "200"}})", "write expect: {status"},
    {R"({"from": "a", "to": "b:80", "expect": {"clientIP": "mine"}})",
     "preserved, node, or an address"},
    {R"({"from": "a", "to": "b:80", "expect": {"headers": "x"}})", "must be a mapping"},
    {R"({"from": "a", "to": "b:80", "expect": {"answers": "x"}})", "must be a list"},
    {R"({"from": "a", "to": "b:80/http", "expect": {"body": {"matches": "("}}})",
     "regular expression"},
    {R"({"from": "a", "to": "tcp://b:80", "expect": {"body": "x"}})", "not HTTP"},
    {R"({"from": "a", "to": "b:80", "expect": {"spread": {"b": "~50%"}}})", "write count: 100"},
    {R"({"from": "a", "to": "b:80", "count": 9, "expect": {"spread": {"b": "half"}}})",
     "write ~50%"},
    {R"({"from": "a", "to": "b:80", "count": 9, "expect": {"spread": {"b": "~40-60%"}}})",
     "write ~50%"},
    {R"({"from": "a", "to": "b:80", "expect": {"mtu": 1450}})", "measured with ICMP"},
    {R"({"from": "a", "to": "b icmp", "count": 2, "expect": {"mtu": 1450}})", "measured with ICMP"},
    {R"({"from": "a", "to": "b icmp", "expect": {"mtu": 60}})", "from 68 to 65534"},
    {R"({"from": "a", "to": "b:80", "expect": {"outcome": "refused", "backend": "b"}})",
     "makes no sense"},
    {R"({"from": "a", "to": "b:80", "expect": "allow", "level": "info"})", "error or warning"},
    {R"({"from": "a", "to": "b:80", "expect": "allow", "points": -1})", "not negative"},
    {R"({"from": "a", "to": "b:80", "expect": "allow", "points": "many"})", "not negative"},
    {R"({"from": "a", "to": "b:80", "expect": "allow", "count": 0})", "from 1 to 1000000"},
    {R"({"from": "a", "to": "b:80", "expect": "allow", "sourcePort": 70000})", "from 1 to 65535"},
    {R"({"from": "a", "to": "b:80", "expect": "allow", "timeout": "11m"})", "from 1ms to 10m"},
    {R"({"from": "a", "to": "b:80", "expect": "allow", "family": 5})", "4, 6 or both"},
    {R"({"from": "a", "to": "b:80", "expect": "allow", "tags": "x"})", "list of strings"},
    {R"({"from": "a", "to": "b:80", "expect": "allow", "path": "/x"})", "NAME:PORT/http"},
    {R"({"from": "a", "to": "b:80", "expect": {"tls": {"subject": "x"}}})", "is not HTTPS"},
    {R"({"from": "a", "to": "http://b/", "expect": "allow", "ca": "x"})", "is not HTTPS"},
    {R"({"from": "a", "to": "https://b/", "expect": {"tls": {}}})", "must be a mapping"},
    {R"({"from": "a", "to": "https://b/", "expect": {"tls": {"subjekt": "x"}}})",
     "expect.tls has no field 'subjekt'"},
    {R"({"from": "a", "to": "https://b/", "expect": {"outcome": "timeout", "tls": {"issuer": "x"}}})",
     "makes no sense"},
    {R"({"from": "a", "to": "b:80/http", "expect": "allow", "path": "x"})", "begin with '/'"},
    {R"({"from": "a", "to": "b:*", "expect": {"grpc": "SERVING"}})", "name the port: b:PORT/grpc"},
    {R"({"from": "a", "to": "b:80", "expect": "DENY"})", "did you mean 'deny'"},
    // What is empty is not left out.
    {R"({"from": "a", "to": "https://b/", "expect": "allow", "ca": ""})", "'ca' is empty"},
    {R"({"from": "external", "to": "b:80", "expect": "allow", "via": ""})", "'via' is empty"},
    {R"({"from": "external", "to": "b:80", "expect": "allow", "via": " "})", "'via' is empty"},
    {R"({"from": "a", "to": "b:80", "expect": "allow", "namespace": ""})", "'namespace' is empty"},
    {R"({"from": "a", "to": "b:80", "expect": "allow", "name": ""})", "'name' is empty"},
    {R"({"from": "a", "to": "b:80", "expect": "allow", "title": ""})", "'title' is empty"},
    {R"({"from": "a", "to": "b:80/http", "expect": 200, "method": ""})", "'method' is empty"},
    {R"({"matrix": ". b\na X", "port": ""})", "'port' is empty"},
    {R"({"matrix": ". b\na X", "name": ""})", "'name' is empty"},
    // What is empty would be met by anything.
    {R"({"from": "a", "to": "b:80", "expect": {"backend": ""}})", "'backend' is empty"},
    {R"({"from": "a", "to": "b:80", "expect": {"headers": {}}})", "'headers' is empty"},
    {R"({"from": "a", "to": "b:80", "expect": {"header": {}}})", "'header' is empty"},
    {R"({"from": "a", "to": "b:80", "expect": {"peerIdentity": ""}})", "write none if nobody"},
    {R"({"from": "a", "to": "b:80", "expect": {"clientIdentity": ""}})", "write none if nobody"},
    {R"({"from": "a", "to": "b:80", "expect": {"body": ""}})", "'body' is empty"},
    {R"({"from": "a", "to": "b:80", "expect": {"body": {}}})", "'body' is empty"},
    {R"({"from": "a", "to": "b:80", "expect": {"body": {"matches": ""}}})", "'matches' is empty"},
    {R"({"from": "a", "to": "b:80", "expect": {"status": []}})", "not an HTTP status"},
    {R"({"from": "a", "to": "https://b/", "expect": {"tls": {"subject": ""}}})",
     "'subject' is empty"},
    {R"({"from": "a", "to": "dns://b", "expect": {"answers": [""]}})", "'answers' is empty"},
    {R"({"from": "a", "to": "http://b/", "expect": {"answers": []}})",
     "write the target as dns://"},
    // What says two things at once.
    {R"({"from": "a", "to": "b:80", "expect": {"verdict": "allow", "outcome": "refused"}})",
     "'verdict' is another name for 'outcome'"},
    {R"({"from": "a", "to": "b:80", "expect": {"clientIP": "node", "sourceIP": "preserved"}})",
     "'sourceIP' is another name for 'clientIP'"},
    {R"({"from": "a", "to": "dns://b", "expect": {"outcome": "refused", "answers": []}})",
     "makes no sense"},
    {R"("a -> b:80 deny by networkpolicy/p1")", "write networkpolicy/NAMESPACE/p1"},
    {R"("a -> b:80 deny by anp/x/p1")", "write anp/p1"},
};

} // namespace

BOOST_AUTO_TEST_CASE(bad_assertions_say_where_and_what) {
    for (const auto& bad : kBad) {
        BOOST_TEST_CONTEXT(bad) {
            try {
                assertion(Json::parse(bad.json));
                BOOST_ERROR("accepted");
            } catch (const CheckError& error) {
                const std::string what = error.what();
                BOOST_TEST(what.starts_with("checks.yaml:7:5: "), what);
                BOOST_TEST(what.find(bad.says) != std::string::npos, what);
                BOOST_TEST((error.exit_code() == netemu::ExitCode::Usage));
                BOOST_TEST(error.diagnostics().size() == 1U);
            }
        }
    }
}

BOOST_AUTO_TEST_CASE(all_that_is_wrong_is_said_at_once) {
    const auto source_of = [](std::size_t i) {
        return labctl::api::Source{"c.yaml", static_cast<int>(10 + i), 0};
    };
    const auto list = Json::parse(R"(["a -> b:80 allow", "x", "a -> b:80 alow"])");
    try {
        parse_assertions(list, source_of, "default");
        BOOST_ERROR("accepted");
    } catch (const CheckError& error) {
        BOOST_REQUIRE_EQUAL(error.diagnostics().size(), 2U);
        BOOST_TEST(error.diagnostics()[0].source.line == 11);
        BOOST_TEST(error.diagnostics()[1].source.line == 12);
        const std::string what = error.what();
        BOOST_TEST(what.find("c.yaml:12: 'alow'") != std::string::npos, what);
    }
    BOOST_CHECK_THROW(parse_assertions(Json("x"), {}, "default"), CheckError);
}

BOOST_AUTO_TEST_CASE(each_thing_that_is_wrong_is_said_at_its_own_place) {
    const auto at = [](int line, int column) {
        return labctl::api::Source{"checks.yaml", line, column};
    };
    labctl::api::AssertionInput entry;
    entry.value = Json::parse(R"({"from": "a", "to": "b:x_y", "expct": 1, "timeout": "11m",
        "expect": {"clientIP": "mine", "backend": "", "body": {"contain": "x"}}})");
    entry.ns = "default";
    entry.source = at(2, 3);
    entry.places = {
        {"from", at(2, 3)},
        {"to", at(3, 3)},
        {"expct", at(4, 3)},
        {"timeout", at(5, 3)},
        {"expect", at(6, 3)},
        {"expect.clientIP", at(7, 5)},
        {"expect.backend", at(8, 5)},
        {"expect.body", at(9, 5)},
        {"expect.body.contain", at(10, 7)}};
    labctl::api::AssertionInput whole = entry;
    whole.value = Json::parse(
        R"({"from": "svc/a", "to": "b:80", "expect": {"outcome": "refused"}, "by": "x/y/z"})");
    whole.places = {{"from", at(12, 3)}, {"by", at(15, 3)}};
    try {
        parse_entries(std::vector{entry, whole});
        BOOST_ERROR("accepted");
    } catch (const CheckError& error) {
        std::vector<std::pair<int, int>> places;
        for (const auto& diagnostic : error.diagnostics()) {
            places.emplace_back(diagnostic.source.line, diagnostic.source.column);
        }
        const std::vector<std::pair<int, int>> expected{
            {3, 3}, {4, 3}, {5, 3}, {7, 5}, {8, 5}, {10, 7}, {12, 3}, {15, 3}};
        BOOST_TEST((places == expected), error.what());
    }
}

BOOST_AUTO_TEST_CASE(nothing_that_is_wrong_hides_behind_the_first) {
    const auto said = [](const char* form) {
        try {
            (void)assertion(Json::parse(form));
        } catch (const CheckError& error) {
            return error.diagnostics().size();
        }
        return std::size_t{0};
    };
    BOOST_TEST(said(R"("A -> b:0 alow within soon for 2 s")") == 5U);
    BOOST_TEST(said(R"("a -> b:80 alow withn 5s")") == 2U);
    // One field is wrong, and what is said of the others is wrong together.
    BOOST_TEST(said(R"({"from": "svc/a", "to": "b:80/udp", "expect": 200, "timeout": "11m",
                 "path": "x"})") == 4U);
    // But from what cannot be read nothing follows.
    BOOST_TEST(said(R"({"from": "a", "to": "b:0", "expect": 200, "path": "/x"})") == 1U);
    BOOST_TEST(
        said(R"({"from": "a", "to": "b:80", "expect": {"header": {"x": []}, "headers": {"y": []},
                 "status": "abc"}})") == 4U);
    BOOST_TEST(
        said(R"({"from": "a", "to": "dns://b", "expect": {"answers": [7, "", "10.0.0.1"]}})") ==
        2U);
    BOOST_TEST(said(R"({"from": "a", "to": "b:80", "count": 9,
                 "expect": {"spread": {"b": "half", "c": "~40-60%"}}})") == 2U);
    BOOST_TEST(
        said(R"({"from": "a", "to": "b:80", "expect": "allow", "during": ["stp x", "cutt y"]})") ==
        2U);
}

BOOST_AUTO_TEST_CASE(no_answers_are_an_expectation_of_their_own) {
    const auto none =
        assertion(Json::parse(R"({"from": "a", "to": "dns://b", "expect": {"answers": []}})"));
    BOOST_TEST(none.expect.answers->empty());
    BOOST_TEST(none.expect.text == "no answers");
    const auto any = assertion(Json::parse(R"({"from": "a", "to": "dns://b", "expect": "allow"})"));
    BOOST_TEST(!any.expect.answers);
}

BOOST_AUTO_TEST_CASE(a_check_object) {
    labctl::api::Object check;
    check.body = Json::parse(R"({"kind": "Check", "metadata": {"name": "c", "namespace": "prod"},
        "spec": {"assertions": ["a -> b:80 allow", {"from": "c", "to": "d:1", "expect": "deny"}]}})");
    check.source = {"c.yaml", 3, 1};
    const auto all = parse_check(check, 5);
    BOOST_REQUIRE_EQUAL(all.size(), 2U);
    BOOST_TEST(all[0].id == "5");
    BOOST_TEST(all[1].id == "6");
    BOOST_TEST(all[1].ns == "prod");
    BOOST_TEST(all[1].source.to_string() == "c.yaml:3");
    check.body["spec"] = Json::parse(R"(["a -> b:80 allow"])");
    BOOST_TEST(parse_check(check).size() == 1U);
    check.body["spec"] = nullptr;
    BOOST_CHECK_THROW(parse_check(check), CheckError);
}

BOOST_AUTO_TEST_SUITE_END()

namespace {

Json matrix(const std::string& text) {
    return {{"matrix", text}, {"port", "8080/tcp"}, {"points", 6}, {"within", "5s"}};
}

std::vector<Assertion> cells(const Json& form) {
    const labctl::api::AssertionInput entry{form, {"checks.yaml", 7, 5}, "", "prod", {}};
    return parse_entries({&entry, 1}, 3);
}

} // namespace

BOOST_AUTO_TEST_CASE(a_matrix_is_one_assertion_for_each_cell_that_says_something) {
    const auto parsed = cells(matrix(".         web      {app=db}\n"
                                     "# what follows is policy\n"
                                     "client    .        X\n"
                                     "web       -        x\n"));
    BOOST_REQUIRE_EQUAL(parsed.size(), 3U);
    BOOST_TEST(parsed[0].title == "client -> web:8080/tcp allow (matrix)");
    BOOST_TEST((parsed[0].expect.kind == Expectation::Kind::Allow));
    BOOST_TEST(parsed[1].title == "client -> {app=db}:8080/tcp deny (matrix)");
    BOOST_TEST((parsed[1].expect.kind == Expectation::Kind::Deny));
    BOOST_TEST(parsed[2].from.text == "web");
    BOOST_TEST(parsed[2].id == "3.3");
    BOOST_TEST(parsed[2].ns == "prod");
    BOOST_TEST(parsed[2].points == 2);
    BOOST_TEST(parsed[2].within_us == 5000000U);
    BOOST_TEST(parsed[2].source.line == 7);
    // Without a word in the corner it is the same.
    BOOST_TEST(cells(matrix("web {app=db}\nclient . X\nweb - X\n")).size() == 3U);
    BOOST_TEST(cells("a -> b:80 allow").at(0).id == "3");
}

BOOST_AUTO_TEST_CASE(a_matrix_that_is_none_says_why) {
    const std::vector<std::pair<Json, std::string>> bad{
        {matrix("a b\n"), "a line of columns and a row"},
        {matrix("a b\nc . X\nd .\n"), "the row of 'd' has 1 cell for 2 columns"},
        {matrix("a b\nc . ?\n"), "'?' is no cell"},
        {matrix("a b\nc - -\n"), "asserts nothing"},
        {Json{{"matrix", Json::array()}}, "must be a block of text"},
        {Json{{"matrix", "a\nb .\n"}, {"prot", "80"}}, "has no field 'prot'"}};
    for (const auto& [form, says] : bad) {
        BOOST_CHECK_EXCEPTION(cells(form), CheckError, [&part = says](const CheckError& error) {
            BOOST_TEST_MESSAGE(error.what());
            return std::string(error.what()).find(part) != std::string::npos;
        });
    }
}

BOOST_AUTO_TEST_CASE(a_warning_has_two_spellings) {
    BOOST_TEST((assertion("a -> b:80 allow warn").level == Level::Warning));
    const auto form =
        Json::parse(R"({"from": "a", "to": "b:80", "expect": "allow", "level": "warn"})");
    BOOST_TEST((assertion(form).level == Level::Warning));
}
