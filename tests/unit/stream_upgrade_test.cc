#include <string>

#include <boost/test/unit_test.hpp>

#include "labctl/api/status_error.h"
#include "labctl/stream/exit_status.h"
#include "labctl/stream/stream_spec.h"

using namespace labctl::stream;
using labctl::api::StatusError;

namespace {

mesh::Headers websocket_headers(const std::string& protocols) {
    return {
        {"Upgrade", "websocket"},
        {"Connection", "keep-alive, Upgrade"},
        {"Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="},
        {"Sec-WebSocket-Version", "13"},
        {"Sec-WebSocket-Protocol", protocols}};
}

int refusal(const std::string& method, const mesh::Headers& headers, Purpose purpose) {
    try {
        (void)negotiate(method, headers, purpose);
        return 0;
    } catch (const StatusError& error) {
        return error.code();
    }
}

} // namespace

BOOST_AUTO_TEST_SUITE(upgrades)

BOOST_AUTO_TEST_CASE(the_newest_that_a_client_offers) {
    const auto best =
        negotiate("GET", websocket_headers("v4.channel.k8s.io, v5.channel.k8s.io"), Purpose::Exec);
    BOOST_TEST((best.protocol == Protocol::ChannelsV5));
    BOOST_TEST(best.response.starts_with("HTTP/1.1 101 Switching Protocols\r\n"));
    BOOST_TEST(
        best.response.find("Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n") !=
        std::string::npos);
    BOOST_TEST(
        best.response.find("Sec-WebSocket-Protocol: v5.channel.k8s.io\r\n") != std::string::npos);
    BOOST_TEST(best.response.ends_with("\r\n\r\n"));
    const auto tunnel =
        negotiate("GET", websocket_headers("SPDY/3.1+portforward.k8s.io"), Purpose::Forward);
    BOOST_TEST((tunnel.protocol == Protocol::SpdyTunnel));
    mesh::Headers spdy{{"Connection", "Upgrade"}, {"Upgrade", "SPDY/3.1"}};
    for (const auto* each : {"v4.channel.k8s.io", "v3.channel.k8s.io", "channel.k8s.io"}) {
        spdy.add("X-Stream-Protocol-Version", each);
    }
    BOOST_TEST((negotiate("POST", spdy, Purpose::Attach).protocol == Protocol::Spdy));
}

BOOST_AUTO_TEST_CASE(what_is_refused) {
    const auto fine = websocket_headers("v5.channel.k8s.io");
    BOOST_TEST(refusal("GET", fine, Purpose::Exec) == 0);
    BOOST_TEST(refusal("POST", fine, Purpose::Exec) == 400);
    BOOST_TEST(refusal("GET", {}, Purpose::Exec) == 400);
    BOOST_TEST(refusal("GET", fine, Purpose::Forward) == 403);
    BOOST_TEST(refusal("GET", websocket_headers("v6.channel.k8s.io"), Purpose::Exec) == 403);
    for (const auto* wrong : {"", "short", "dGhlIHNhbXBsZSBub25jZSB0b28gbG9uZw=="}) {
        auto headers = fine;
        headers.set("Sec-WebSocket-Key", wrong);
        BOOST_TEST(refusal("GET", headers, Purpose::Exec) == 400);
    }
    auto old = fine;
    old.set("Sec-WebSocket-Version", "8");
    BOOST_TEST(refusal("GET", old, Purpose::Exec) == 400);
}

/// As k8s.io/apimachinery/pkg/util/remotecommand has it.
BOOST_AUTO_TEST_CASE(statuses) {
    BOOST_TEST(exit_status(0) == R"({"metadata":{},"status":"Success"})");
    const auto failed = exit_status(7);
    BOOST_TEST(failed.find(R"("reason":"NonZeroExitCode")") != std::string::npos);
    BOOST_TEST(
        failed.find(R"("causes":[{"message":"7","reason":"ExitCode"}])") != std::string::npos);
    BOOST_TEST(failure_status("no\xff").find("InternalError") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_specification_comes_back_as_it_was) {
    StreamSpec spec;
    spec.purpose = Purpose::Forward;
    spec.upgrade = {Protocol::SpdyTunnel, "HTTP/1.1 101\r\n\r\n"};
    spec.unread = std::string("\x00\xff\x80", 3);
    spec.pod = "default/web";
    spec.streams = {true, false, true, false};
    spec.command = {"sh", "-c", "true"};
    spec.environment = {{"A", "b"}};
    spec.ports = {80, 65535};
    const auto back = parse_stream_spec(to_text(spec));
    BOOST_TEST((back.purpose == spec.purpose && back.upgrade.protocol == spec.upgrade.protocol));
    BOOST_TEST(back.upgrade.response == spec.upgrade.response);
    BOOST_TEST(back.unread == spec.unread);
    BOOST_TEST((back.streams.input && !back.streams.output && back.streams.error));
    BOOST_TEST((back.command == spec.command && back.environment == spec.environment));
    BOOST_TEST((back.ports == spec.ports));
    BOOST_CHECK_THROW((void)parse_stream_spec("{}"), netemu::Error);
}

BOOST_AUTO_TEST_SUITE_END()
