#include <boost/test/unit_test.hpp>

#include "mesh/http/h2_session.h"
#include "tests/unit/http_h2_frames.h"

// NOLINTBEGIN: Boost.Test's macros
namespace {

using namespace h2_frames;
using mesh::H2ServerSession;
using mesh::Request;
using mesh::Response;

/// The payloads of all frames of one type in `bytes`.
std::vector<std::string> payloads(const std::string& bytes, int type) {
    std::vector<std::string> found;
    for (const auto& frame : frames(bytes)) {
        if (frame.type == type) {
            found.push_back(frame.payload);
        }
    }
    return found;
}

} // namespace

BOOST_AUTO_TEST_CASE(h2_request_and_response) {
    std::vector<Request> requests;
    H2ServerSession* session_pointer = nullptr;
    H2ServerSession session([&](std::int32_t stream, Request request) {
        requests.push_back(request);
        Response response;
        response.body = "hello";
        session_pointer->respond(stream, std::move(response));
    });
    session_pointer = &session;
    const auto bytes =
        client_opening() +
        frame(kHeaders, kEndHeaders, 1, request_head("POST", "/a?b=c") + field("x-user", "j")) +
        frame(kData, kEndStream, 1, "body");
    for (const char c : bytes) {
        BOOST_REQUIRE(session.feed({&c, 1}));
    }
    BOOST_REQUIRE(requests.size() == 1U);
    BOOST_TEST(requests[0].method == "POST");
    BOOST_TEST(requests[0].target == "/a?b=c");
    BOOST_TEST(requests[0].body == "body");
    BOOST_TEST(requests[0].headers.get("host") == "backend");
    BOOST_TEST(requests[0].headers.get("x-user") == "j");
    const auto data = payloads(session.take_output(), kData);
    BOOST_TEST(data == std::vector<std::string>{"hello"}, boost::test_tools::per_element());
    BOOST_TEST(session.open_streams() == 0U);
    BOOST_TEST(!session.finished());
}

BOOST_AUTO_TEST_CASE(h2_answers_may_come_later_and_head_has_no_body) {
    std::vector<std::int32_t> streams;
    H2ServerSession session(
        [&](std::int32_t stream, const Request&) { streams.push_back(stream); });
    BOOST_REQUIRE(session.feed(
        client_opening() + frame(kHeaders, kEndHeaders | kEndStream, 1, request_head("HEAD", "/")) +
        frame(kHeaders, kEndHeaders | kEndStream, 3, request_head("GET", "/"))));
    BOOST_REQUIRE(streams.size() == 2U);
    Response response;
    response.body = "later";
    response.headers.add("Connection", "keep-alive"); // must not be sent
    session.respond(3, response);
    session.respond(1, response);
    session.respond(5, response); // no such stream
    const auto output = session.take_output();
    BOOST_TEST(payloads(output, kHeaders).size() == 2U);
    BOOST_TEST(payloads(output, kData).size() == 1U);
    BOOST_TEST(output.find("keep-alive") == std::string::npos);
}

BOOST_AUTO_TEST_CASE(h2_limits_are_answered_not_exceeded) {
    mesh::H2Options options;
    options.body_bytes_max = 3;
    int handled = 0;
    H2ServerSession session([&](std::int32_t, const Request&) { ++handled; }, options);
    BOOST_REQUIRE(session.feed(
        client_opening() + frame(kHeaders, kEndHeaders, 1, request_head("POST", "/")) +
        frame(kData, kEndStream, 1, "1234")));
    BOOST_TEST(handled == 0);
    BOOST_TEST(payloads(session.take_output(), kHeaders).size() == 1U); // the 413
    const auto large =
        request_head() + field("x", std::string(netemu::limits::kHttpHeaderBytesMax, 'x'));
    std::string bytes = frame(kHeaders, 0, 3, large.substr(0, 16000));
    for (std::size_t at = 16000; at < large.size(); at += 16000) {
        const bool last = at + 16000 >= large.size();
        bytes += frame(kContinuation, last ? kEndHeaders : 0, 3, large.substr(at, 16000));
    }
    BOOST_REQUIRE(session.feed(bytes));
    BOOST_TEST(handled == 0);
    const auto refusal = payloads(session.take_output(), kHeaders);
    BOOST_REQUIRE(refusal.size() == 1U);
    BOOST_TEST(refusal[0].find("431") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(h2_upgrade_makes_the_request_stream_one) {
    std::vector<Request> requests;
    H2ServerSession session([&](std::int32_t stream, Request request) {
        BOOST_TEST(stream == 1);
        requests.push_back(std::move(request));
    });
    Request request;
    request.target = "/upgraded";
    BOOST_TEST(session.upgrade("AAMAAABkAAQAAP__", request));
    BOOST_REQUIRE(requests.size() == 1U);
    BOOST_TEST(requests[0].target == "/upgraded");
    Response response;
    response.body = "x";
    session.respond(1, response);
    BOOST_TEST(session.feed(client_opening()));
    BOOST_TEST(payloads(session.take_output(), kData).size() == 1U);

    H2ServerSession bad([](std::int32_t, const Request&) {});
    BOOST_TEST(!bad.upgrade("not base64!", request));
}

BOOST_AUTO_TEST_CASE(h2_a_broken_peer_ends_the_session) {
    H2ServerSession session([](std::int32_t, const Request&) {});
    BOOST_TEST(!session.feed("GET / HTTP/1.1\r\nHost: a\r\n\r\n"));
    H2ServerSession upper(
        [](std::int32_t, const Request&) { BOOST_ERROR("a malformed request was handled"); });
    const auto malformed = request_head("GET", "/") + field("Upper", "x"); // RFC 9113 section 8.2.1
    (void)upper.feed(client_opening() + frame(kHeaders, kEndHeaders | kEndStream, 1, malformed));
    BOOST_TEST(payloads(upper.take_output(), 3).size() == 1U); // RST_STREAM
}
// NOLINTEND
