#define BOOST_TEST_MODULE dataplane
#include <nlohmann/json.hpp>

#include <boost/test/unit_test.hpp>

#include "labctl/dataplane/pod.h"
#include "labctl/dataplane/probe_payload.h"
#include "labctl/dataplane/probe_task.h"
#include "labctl/dataplane/sniff.h"
#include "labctl/dataplane/workload.h"
#include "mesh/http/parser.h"

// NOLINTBEGIN: Boost.Test's macros
using namespace labctl::dataplane;

namespace {

const PodIdentity kPod{"prod", "web", "node-1"};

Exchange exchange(bool ready = true) {
    return {kPod, ready, 8080, *netemu::Endpoint::parse("10.244.1.5:41000")};
}

Answer get(const std::string& target, const std::string& method = "GET") {
    mesh::Request request;
    request.method = method;
    request.target = target;
    return answer_http(exchange(), request);
}

} // namespace

BOOST_AUTO_TEST_CASE(a_health_check_says_how_many_endpoints_are_here) {
    auto checked = exchange();
    for (const std::uint32_t endpoints : {0U, 3U}) {
        checked.health_endpoints = endpoints;
        mesh::Request request;
        request.method = "GET";
        request.target = "/";
        const auto response = answer_http(checked, request).response;
        BOOST_TEST(response.status == (endpoints == 0 ? 503 : 200));
        BOOST_TEST(
            response.headers.get("x-load-balancing-endpoint-weight") == std::to_string(endpoints));
        const auto json = nlohmann::json::parse(response.body);
        BOOST_TEST(json.at("localEndpoints") == endpoints);
        BOOST_TEST(json.at("service").at("name") == "web");
        BOOST_TEST(json.at("service").at("namespace") == "prod");
        BOOST_TEST(json.at("serviceProxyHealthy") == true);
        BOOST_TEST(!response.headers.has("x-backend")); // it is no pod that answers
    }
}

BOOST_AUTO_TEST_CASE(paths_answer_as_their_namesakes) {
    struct Row {
        std::string target;
        int status;
        std::string body;
    };
    const Row rows[] = {
        {"/hostname", 200, "web"},
        {"/hostName", 200, "web"},
        {"/clientip", 200, "10.244.1.5:41000"},
        {"/echo?msg=a+b%21", 200, "a b!"},
        {"/echo?msg=x&code=404", 404, "x"},
        {"/echo?msg=x&code=huge",
         200,
         "argument 'code' must be an integer or empty, got \"huge\"\n"},
        {"/echo", 200, ""},
        {"/healthz", 200, ""},
        {"/readyz", 200, "ok"},
        {"/status/204", 204, ""},
        {"/status/599", 599, ""},
        {"/status/600", 400, "Invalid status code"},
        {"/status/99", 400, "Invalid status code"},
        {"/status/200.5", 400, "Invalid status code"},
        {"/status/", 400, "Invalid status code"},
        {"/status/503:0,201:1", 201, ""},
        {"/delay/-1", 400, "Invalid delay"},
        {"/delay/nan", 400, "Invalid delay"},
        {"/delay/inf", 400, "Invalid delay"},
    };
    for (const auto& row : rows) {
        const auto answer = get(row.target);
        BOOST_TEST(answer.response.status == row.status, row.target);
        BOOST_TEST(answer.response.body == row.body, row.target);
        BOOST_TEST(answer.response.headers.get("x-backend") == "prod/web");
        BOOST_TEST(answer.response.headers.get("x-client-ip") == "10.244.1.5");
        BOOST_TEST(answer.delay.count() == 0);
    }
    BOOST_TEST(
        answer_http(exchange(false), mesh::Request{"GET", "/readyz", 1, {}, "", {}})
            .response.status == 503);
    BOOST_TEST(get("/status/302").response.headers.get("location") == "/redirect/1");
    BOOST_TEST(get("/status/401").response.headers.has("www-authenticate"));
}

BOOST_AUTO_TEST_CASE(delays_are_limited) {
    BOOST_TEST(get("/delay/0.25").delay.count() == 250);
    BOOST_TEST(get("/delay/3").delay.count() == 3000);
    BOOST_TEST(get("/delay/99999999999").delay.count() == 10000);
}

BOOST_AUTO_TEST_CASE(anything_else_describes_the_exchange) {
    mesh::Request request{
        "PUT", "/a?b=c", 1, {{"X-Twice", "1"}, {"x-twice", "2"}}, "\xff body", {}};
    const auto response = answer_http(exchange(), request).response;
    BOOST_TEST(response.headers.get("content-type") == "application/json");
    const auto json = nlohmann::json::parse(response.body);
    BOOST_TEST(json.at("namespace") == "prod");
    BOOST_TEST(json.at("pod") == "web");
    BOOST_TEST(json.at("node") == "node-1");
    BOOST_TEST(json.at("port") == 8080);
    BOOST_TEST(json.at("client") == "10.244.1.5:41000");
    BOOST_TEST(json.at("method") == "PUT");
    BOOST_TEST(json.at("path") == "/a");
    BOOST_TEST(json.at("query") == "b=c");
    BOOST_TEST(json.at("headers").at("x-twice") == "1, 2");
    BOOST_TEST(json.at("body") == "\xef\xbf\xbd body");
}

BOOST_AUTO_TEST_CASE(the_short_cut_of_probes_is_a_proper_answer) {
    mesh::RequestParser request;
    BOOST_TEST(request.feed(kWhoamiRequest) == kWhoamiRequest.size());
    BOOST_REQUIRE(request.complete());
    const auto long_way = answer_http(exchange(), request.request()).response;
    mesh::ResponseParser parser;
    const auto bytes = whoami_bytes(exchange());
    BOOST_TEST(parser.feed(bytes) == bytes.size());
    BOOST_REQUIRE(parser.complete());
    for (const auto field : {kBackendField, kClientField}) {
        BOOST_TEST(parser.response().headers.get(field) == long_way.headers.get(field));
        BOOST_TEST(!long_way.headers.get(field).empty());
    }
    BOOST_TEST(parser.response().body == long_way.body);
}

BOOST_AUTO_TEST_CASE(datagrams) {
    BOOST_TEST(answer_udp(exchange(), "hostname\n") == "web");
    BOOST_TEST(answer_udp(exchange(), " HostName ") == "web");
    BOOST_TEST(answer_udp(exchange(), "clientip") == "10.244.1.5:41000");
    BOOST_TEST(answer_udp(exchange(), "echo Hi there") == "Hi there");
    BOOST_TEST(nlohmann::json::parse(answer_udp(exchange(), "echo")).at("body") == "echo");
    BOOST_TEST(nlohmann::json::parse(answer_udp(exchange(), "hostnames")).at("pod") == "web");
    BOOST_TEST(nlohmann::json::parse(answer_udp(exchange(), "")).at("port") == 8080);
}

BOOST_AUTO_TEST_CASE(first_bytes_tell_the_protocol) {
    using enum Speech;
    const std::pair<std::string, Speech> rows[] = {
        {"", Undecided},
        {"G", Undecided},
        {"GET ", Undecided},
        {"GET /long", Undecided},
        {"GET / HTTP/1.1\r\n", Http1},
        {"GET / HTTP/1.0\n", Http1},
        {"BREW /pot HTTP/1.1\r\n", Http1},
        {"GET / HTTP/2.0\r\n", Http1}, // its parser says 505
        {"GET /\n", Raw},
        {"GETTING\n", Raw},
        {"hello", Raw},
        {"\n", Raw},
        {"GX", Raw},
        {"PRI", Undecided},
        {"PRI * HTTP/2.0\r\n\r\nSM\r\n", Undecided},
        {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x01", Http2},
        {"PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n", Http1}, // its parser says 505
        {"P", Undecided},
        {"\x16\x03\x01", Raw},
        {"GET /" + std::string(9000, 'a'), Raw},
    };
    for (const auto& [bytes, expected] : rows) {
        BOOST_TEST((sniff(bytes) == expected), bytes.substr(0, 40));
    }
}

BOOST_AUTO_TEST_CASE(the_access_log_is_bounded_and_harmless) {
    AccessLog log;
    BOOST_TEST(log.last(0).empty());
    for (int i = 0; i < 10000; ++i) {
        log.add("line " + std::to_string(i));
    }
    const auto all = log.last(0);
    BOOST_TEST(all.size() > 100U);
    BOOST_TEST(all.size() * 9 <= kLogBytesPerPod);
    BOOST_TEST(all.back() == "line 9999");
    BOOST_TEST(
        log.last(2) == (std::vector<std::string>{"line 9998", "line 9999"}),
        boost::test_tools::per_element());
    log.add("a\x1b[31m\nforged " + std::string(5000, 'x'));
    BOOST_TEST(log.last(1)[0].starts_with("a?[31m?forged"));
    BOOST_TEST(log.last(1)[0].size() == kLogLineBytesMax);
    const auto line = access_log_line(exchange(), "GET /", 200, 7);
    BOOST_TEST(line.substr(24) == " 10.244.1.5:41000 GET / 200 7", line);
}

BOOST_AUTO_TEST_CASE(hosts_of_probes) {
    const std::tuple<std::string, std::string, std::uint16_t, std::string> rows[] = {
        {"http://backend.prod/", "10.96.0.5", 80, "backend.prod"},
        {"http://backend.prod:8080/", "10.96.0.5", 8080, "backend.prod:8080"},
        {"http://pod:prod/web:8080/", "10.244.1.7", 8080, "10.244.1.7:8080"},
        {"http://[fd00::5]:8080/", "fd00::5", 8080, "[fd00::5]:8080"},
    };
    for (const auto& [to, address, port, host] : rows) {
        ResolvedRequest request;
        request.request.to = labctl::probe::Target::parse(to);
        request.address = *netemu::IpAddress::parse(address);
        request.port = port;
        mesh::RequestParser parser;
        parser.feed(probe_payload(request));
        BOOST_REQUIRE(parser.complete());
        BOOST_TEST(parser.request().headers.get("host") == host);
        request.request.headers = {{"Host", "other"}};
        mesh::RequestParser other;
        other.feed(probe_payload(request));
        BOOST_TEST(other.request().headers.get("host") == "other");
        BOOST_TEST(other.request().headers.count("host") == 1U);
    }
}

BOOST_AUTO_TEST_CASE(errno_values_are_outcomes) {
    using labctl::probe::Outcome;
    const std::tuple<int, bool, Outcome> rows[] = {
        {ECONNREFUSED, false, Outcome::Refused},
        {ECONNRESET, true, Outcome::Reset},
        {EPIPE, true, Outcome::Reset},
        {ETIMEDOUT, false, Outcome::Timeout},
        {EHOSTUNREACH, false, Outcome::Unreachable},
        {ENETUNREACH, false, Outcome::Unreachable},
        {EACCES, false, Outcome::Unreachable}, // ICMPv6 administratively prohibited
        {EINVAL, false, Outcome::Unreachable}, // a blackhole route
        {EADDRNOTAVAIL, false, Outcome::Unsupported},
        {EADDRINUSE, false, Outcome::Unsupported},
    };
    for (const auto& [error, connected, outcome] : rows) {
        BOOST_TEST((outcome_of_errno(error, connected) == outcome), error);
    }
}
// NOLINTEND
