#include <boost/test/unit_test.hpp>

#include "labctl/dataplane/sidecar_answers.h"

// NOLINTBEGIN: Boost.Test's macros
using namespace labctl::dataplane;
using Cause = UpstreamExchange::Cause;

namespace {

mesh::Request request_with(std::vector<std::pair<std::string, std::string>> fields) {
    mesh::Request request;
    request.method = "POST";
    for (const auto& [name, value] : fields) {
        request.headers.add(name, value);
    }
    return request;
}

} // namespace

/// Reference 11, "made by".
BOOST_AUTO_TEST_CASE(sidecar_answers_for_endpoints) {
    const netemu::Endpoint endpoint{netemu::IpAddress::parse("10.1.0.1").value(), 80};
    const std::string before =
        "upstream connect error or disconnect/reset before headers. reset reason: ";
    const struct {
        Cause cause;
        int status;
        std::string flag;
        std::string body;
    } cases[] = {
        {Cause::NoSocket, 503, "UF", before + "connection failure"},
        {Cause::Connect, 503, "UF", before + "connection failure"},
        {Cause::ConnectTimeout, 503, "UF", before + "connection failure"},
        {Cause::Tls,
         503,
         "UF,URX",
         before + "remote connection failure, transport failure reason: why"},
        {Cause::Closed, 503, "UC", before + "connection termination"},
        {Cause::Reset, 503, "UR", before + "remote reset"},
        {Cause::Refused, 503, "UR", before + "remote refused stream reset"},
        {Cause::NoAnswer, 502, "UPE", before + "protocol error"},
        {Cause::Silence, 504, "UT", "upstream request timeout"},
        {Cause::BrokeOff, 503, "UC", before + "connection termination"}};
    for (const auto& each : cases) {
        const auto refusal = sidecar_failure({each.cause, "why"}, endpoint);
        BOOST_TEST(refusal.status == each.status);
        BOOST_TEST(refusal.text == each.flag + " at 10.1.0.1:80: why");
        BOOST_TEST(refusal.body == each.body);
        BOOST_TEST(refusal.may_go_on);
    }
}

BOOST_AUTO_TEST_CASE(sidecar_answers_to_grpc) {
    const HttpProxy::Refusal denied{403, "why", true, "RBAC: access denied"};
    for (const auto* type : {"application/grpc", "application/grpc+proto"}) {
        const auto request = request_with({{"Content-Type", type}});
        const auto answer = sidecar_reply("envoy", denied, &request);
        BOOST_TEST(answer.status == 200);
        BOOST_TEST(answer.headers.get("content-type") == "application/grpc");
        BOOST_TEST(answer.headers.get("grpc-status") == "7");
        BOOST_TEST(answer.headers.get("grpc-message") == "RBAC: access denied");
        BOOST_TEST(answer.body.empty());
    }
    const auto grpc = request_with({{"content-type", "application/grpc"}});
    const auto lines = sidecar_reply("envoy", {503, "x", true, "50%\nof it"}, &grpc);
    BOOST_TEST(lines.headers.get("grpc-message") == "50%25%0Aof it"); // grpc's PROTOCOL-HTTP2.md
    const auto own = sidecar_reply("envoy", {503, "x", true, "", {{"grpc-status", "8"}}}, &grpc);
    BOOST_TEST(own.headers.get("grpc-status") == "8"); // of a fault
    BOOST_TEST(own.headers.count("grpc-status") == 1U);
    const std::pair<int, const char*> statuses[] = {
        {400, "13"},
        {401, "16"},
        {403, "7"},
        {404, "12"},
        {429, "14"},
        {502, "14"},
        {503, "14"},
        {504, "14"},
        {418, "2"}};
    for (const auto& [status, number] : statuses) {
        const auto answer = sidecar_reply("envoy", {status, ""}, &grpc);
        BOOST_TEST(answer.headers.get("grpc-status") == number);
        BOOST_TEST(!answer.headers.has("grpc-message"));
    }
    for (const auto* type : {"", "text/plain", "application/grpc-web", "application/grpcx"}) {
        const auto request = request_with({{"content-type", type}});
        const auto answer = sidecar_reply("istio-envoy", denied, &request);
        BOOST_TEST(answer.status == 403);
        BOOST_TEST(answer.headers.get("server") == "istio-envoy");
        BOOST_TEST(answer.headers.get("content-type") == "text/plain");
        BOOST_TEST(answer.body == "RBAC: access denied");
    }
    const auto empty = sidecar_reply("envoy", {503, "NC"}, nullptr);
    BOOST_TEST(!empty.headers.has("content-type"));
    BOOST_TEST(empty.body.empty());
}

BOOST_AUTO_TEST_CASE(sidecar_forwards_what_it_can_judge) {
    BOOST_TEST(!sidecar_tunnel_refusal(request_with({})));
    BOOST_TEST(!sidecar_tunnel_refusal(request_with({{"Upgrade", "WebSocket"}})));
    for (const auto& fields : std::vector<std::vector<std::pair<std::string, std::string>>>{
             {{"upgrade", "TLS/1.0"}},
             {{"upgrade", "websocket, TLS/1.0"}},
             {{"upgrade", "websocket"}, {"Upgrade", "h2c"}},
             {{"upgrade", ""}}}) {
        const auto refusal = sidecar_tunnel_refusal(request_with(fields));
        BOOST_REQUIRE(refusal);
        BOOST_TEST(refusal->status == 403);
        BOOST_TEST(!refusal->may_go_on);
    }
    auto connect = request_with({});
    connect.method = "CONNECT";
    BOOST_TEST(sidecar_tunnel_refusal(connect)->status == 403);
}
// NOLINTEND
