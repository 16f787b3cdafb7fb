#include "mesh/http/grpc.h"
#include "mesh/http/h2_session.h"
#include "tests/netns/probe_net.h"

// NOLINTBEGIN: Boost.Test's macros
using namespace probe_net;

namespace {

ResolvedRequest grpc(const std::string& path = "", const std::string& host = "10.1.0.10") {
    return ProbeFixture::request("grpc://" + host + ":80" + path);
}

/// Serves HTTP/2 on a connection with what `answer` says, until the peer closes.
void serve_http2(
    int connection,
    const std::function<mesh::Response(const mesh::Request&)>& answer,
    int most = 100) {
    mesh::H2ServerSession* served = nullptr;
    int left = most;
    mesh::H2ServerSession session([&](std::int32_t stream, const mesh::Request& request) {
        --left;
        served->respond(stream, answer(request));
    });
    served = &session;
    char buffer[4096];
    for (;;) {
        const auto size = ::recv(connection, buffer, sizeof buffer, 0);
        if (size <= 0 || !session.feed({buffer, static_cast<std::size_t>(size)})) {
            break;
        }
        const auto output = session.take_output();
        (void)!::send(connection, output.data(), output.size(), MSG_NOSIGNAL);
        if (left <= 0) {
            break;
        }
    }
    ::shutdown(connection, SHUT_RDWR);
}

} // namespace

BOOST_FIXTURE_TEST_CASE(grpc_to_the_workload_tells_health_backend_and_client, ProbeFixture) {
    for (const std::string host : {"10.1.0.10", "[fd00::10]"}) {
        auto request = ProbeFixture::request("grpc://" + host + ":80");
        const auto result = run(request);
        BOOST_TEST(to_string(result.first.outcome) == "ok", result.first.error);
        BOOST_REQUIRE(result.first.grpc.has_value());
        BOOST_TEST(result.first.grpc->status == 0);
        BOOST_TEST(result.first.grpc->health == "SERVING");
        BOOST_TEST(result.first.backend == "x/web");
        BOOST_TEST(result.first.client_ip == (host == "10.1.0.10" ? "10.1.0.20" : "fd00::20"));
        BOOST_TEST(result.first.http->status == 200);
        BOOST_TEST(result.grpc_statuses.at("OK") == 1U);
    }
    plane.set_ready("x/web", false);
    BOOST_TEST(run(grpc()).first.grpc->health == "NOT_SERVING");
    const auto refused = run(grpc("/status/PERMISSION_DENIED"));
    BOOST_TEST(to_string(refused.first.outcome) == "ok"); // as a 403 is
    BOOST_TEST(refused.first.grpc->status == 7);
    BOOST_TEST(refused.first.grpc->message == "as /status was asked for");
    BOOST_TEST(refused.first.backend == "x/web");
    auto large = grpc("/shop.Cart/AddItem");
    large.request.body = std::string(300000, 'x');
    large.request.timeout_ms = 3000;
    BOOST_TEST(run(large).first.grpc->status == 0);
    large.request.body = std::string(1100000, 'x');
    BOOST_TEST(run(large).first.grpc->status == 8);
    auto slow = grpc("/delay/2");
    const auto late = run(slow);
    BOOST_TEST(to_string(late.first.outcome) == "timeout");
    BOOST_TEST(
        late.first.error.find("answer of /delay/2: no answer within 300 ms") != std::string::npos);
}

BOOST_FIXTURE_TEST_CASE(grpc_calls_in_a_row_go_over_one_connection, ProbeFixture) {
    auto many = grpc("/shop.Cart/AddItem");
    many.request.count = 40;
    many.request.concurrency = 4;
    many.request.reuse_connection = true;
    many.request.timeout_ms = 3000;
    const auto result = run(many);
    BOOST_TEST(result.outcomes.at("ok") == 40U);
    BOOST_TEST(result.grpc_statuses.at("OK") == 40U);

    int connections = 0;
    int calls = 0;
    const Server server(*this, 80, [&](int connection) {
        ++connections;
        serve_http2(
            connection,
            [&](const mesh::Request& request) {
                ++calls;
                BOOST_TEST(request.headers.get("te") == "trailers");
                BOOST_TEST(!request.headers.has("content-length"));
                BOOST_TEST(request.headers.get("host") == "10.1.0.30:80");
                mesh::Response response;
                response.headers.add("content-type", "application/grpc");
                response.body = mesh::grpc_frame("x");
                mesh::add_grpc_end({0, ""}, response.trailers);
                return response;
            },
            7); // and then it closes, idle or not
    });
    auto row = grpc("/a.B/C", "10.1.0.30");
    row.request.count = 20;
    row.request.reuse_connection = true;
    row.request.timeout_ms = 3000;
    const auto after = run(row);
    BOOST_TEST(after.outcomes.at("ok") == 20U);
    BOOST_TEST(after.first.http->body == "x");
    BOOST_TEST(after.first.backend == "");
    BOOST_TEST(calls == 20);
    BOOST_TEST(connections == 3);
}

BOOST_FIXTURE_TEST_CASE(grpc_answers_of_others_are_judged_as_grpc_does, ProbeFixture) {
    struct Row {
        mesh::Response response;
        int status;
        std::string message;
    };
    std::vector<Row> rows;
    rows.push_back(
        {{503, "", 1, {{"content-type", "text/plain"}}, "no", {}}, 14, "HTTP status 503"});
    rows.push_back({{200, "", 1, {{"content-type", "text/html"}}, "<p>", {}}, 2, "content-type"});
    rows.push_back(
        {{200, "", 1, {{"content-type", "application/grpc"}}, mesh::grpc_frame(""), {}},
         13,
         "ended without a status"});
    rows.push_back(
        {{200,
          "",
          1,
          {{"content-type", "application/grpc"}, {"grpc-status", "9"}, {"grpc-message", "a%20b"}},
          "",
          {}},
         9,
         "a b"});
    std::size_t next = 0;
    const Server server(*this, 80, [&](int connection) {
        serve_http2(
            connection, [&](const mesh::Request&) { return rows.at(next).response; }, 1);
        ++next;
    });
    for (const auto& row : rows) {
        const auto result = run(grpc("/a.B/C", "10.1.0.30"));
        BOOST_TEST(to_string(result.first.outcome) == "ok", result.first.error);
        BOOST_REQUIRE(result.first.grpc.has_value());
        BOOST_TEST(result.first.grpc->status == row.status);
        BOOST_TEST(
            result.first.grpc->message.find(row.message) != std::string::npos,
            result.first.grpc->message);
    }
}

BOOST_FIXTURE_TEST_CASE(grpc_to_what_speaks_no_http2_says_so, ProbeFixture) {
    std::string reply;
    const Server server(*this, 80, [&reply](int connection) {
        read_some(connection);
        (void)!::send(connection, reply.data(), reply.size(), MSG_NOSIGNAL);
        if (reply != "wait") {
            ::shutdown(connection, SHUT_RDWR);
        }
    });
    const auto to = "grpc://10.1.0.30:80";
    reply = "HTTP/1.1 400 Bad Request\r\nconnection: close\r\n\r\n";
    expect(
        to,
        Outcome::Reset,
        "gRPC needs HTTP/2, and the server answered \"HTTP/1.1 400 Bad Request\"");
    reply = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    expect(to, Outcome::Reset, "it echoes");
    reply = std::string("\x16\x03\x01\x00", 4);
    expect(to, Outcome::Reset, "the server answered in another protocol");
    reply = "";
    expect(to, Outcome::Reset, "the peer closed without a word of it");
    reply = std::string("\0\0\0\4\0\0\0\0\0", 9);
    expect(to, Outcome::Reset, "the peer closed without an answer");
    reply += std::string("\0\0\1\0\0\0\0\0\7x", 10); // DATA of a stream that never was
    expect(to, Outcome::Reset, "the server broke the rules of HTTP/2");
    reply = std::string("\0\0\0\4\0\0\0\0\0\0\0\4\3\0\0\0\0\1\0\0\0\x8", 22); // RST_STREAM
    expect(to, Outcome::Reset, "the server reset the call: CANCEL");
    expect("grpc://10.1.0.10:99", Outcome::Refused, "connect: Connection refused");
}

BOOST_FIXTURE_TEST_CASE(grpc_to_what_says_nothing_is_a_timeout, ProbeFixture) {
    const Server server(*this, 80, [](int) {});
    expect(
        "grpc://10.1.0.30:80", Outcome::Timeout, "HTTP/2 after connect: no answer within 300 ms");
}
// NOLINTEND
