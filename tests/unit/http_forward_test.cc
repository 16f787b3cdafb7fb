#include <string>

#include <boost/test/unit_test.hpp>

#include "mesh/http/forward.h"
#include "mesh/http/writer.h"

using namespace mesh;

namespace {

Request request_with(Headers headers, std::string target = "/x") {
    Request request;
    request.target = std::move(target);
    request.headers = std::move(headers);
    return request;
}

const ForwardedFor kClient{"172.18.0.1", "https", 443, "abc"};

/// The head as a client of HTTP/1.x gets it.
mesh::Response
to_client(const mesh::Response& head, int version_minor, BodyFraming framing, bool keep_alive) {
    auto out = mesh::pass_response(head);
    mesh::frame_response(out, version_minor, framing, keep_alive);
    return out;
}

} // namespace

BOOST_AUTO_TEST_SUITE(http_forward)

BOOST_AUTO_TEST_CASE(what_concerns_one_connection_is_not_passed_on) {
    const auto out = forward_request(
        request_with(
            {{"Host", "shop"},
             {"Connection", "close, X-Private , Host,Content-Length"},
             {"Keep-Alive", "300"},
             {"Proxy-Connection", "close"},
             {"TE", "trailers"},
             {"X-Private", "1"},
             {"Upgrade", "h2c"}, // which Connection does not name
             {"Content-Length", "3"},
             {"Expect", "100-continue"},
             {"Accept", "*/*"}}),
        kClient);
    for (const auto* name :
         {"connection", "keep-alive", "proxy-connection", "te", "x-private", "upgrade", "expect"}) {
        BOOST_TEST(!out.headers.has(name), name);
    }
    BOOST_TEST(out.headers.get("host") == "shop");
    BOOST_TEST(out.headers.get("content-length") == "3");
    BOOST_TEST(out.headers.get("accept") == "*/*");
}

BOOST_AUTO_TEST_CASE(the_server_is_told_of_the_client_whatever_the_client_says) {
    const auto out = forward_request(
        request_with(
            {{"Host", "shop:8443"},
             {"X-Forwarded-For", "1.2.3.4"},
             {"x-forwarded-proto", "ftp"},
             {"X-Real-IP", "1.2.3.4"},
             {"Connection", "x-forwarded-for"}}),
        kClient);
    BOOST_TEST(out.headers.get("x-forwarded-for") == "172.18.0.1");
    BOOST_TEST(out.headers.count("x-forwarded-for") == 1U);
    BOOST_TEST(out.headers.get("x-forwarded-proto") == "https");
    BOOST_TEST(out.headers.get("x-forwarded-host") == "shop:8443");
    BOOST_TEST(out.headers.get("x-forwarded-port") == "443");
    BOOST_TEST(out.headers.get("x-real-ip") == "172.18.0.1");
    BOOST_TEST(out.headers.get("x-request-id") == "abc");
    const auto kept =
        forward_request(request_with({{"Host", "s"}, {"X-Request-ID", "mine"}}), kClient);
    BOOST_TEST(kept.headers.get("x-request-id") == "mine");
}

BOOST_AUTO_TEST_CASE(an_absolute_target_says_the_host) {
    const auto out = forward_request(
        request_with({{"Host", "other"}}, "http://shop.example:81/cart?x=1"), kClient);
    BOOST_TEST(out.target == "/cart?x=1");
    BOOST_TEST(out.headers.get("host") == "shop.example:81");
    BOOST_TEST(
        forward_request(request_with({{"Host", "o"}}, "http://s?x"), kClient).target == "/?x");
    BOOST_TEST(forward_request(request_with({{"Host", "o"}}, "http://s"), kClient).target == "/");
    BOOST_TEST(
        forward_request(request_with({{"Host", "o"}}, "/a?u=http://s/x"), kClient).target ==
        "/a?u=http://s/x");
}

BOOST_AUTO_TEST_CASE(bodies_keep_their_framing_to_the_server) {
    BOOST_TEST((body_framing(request_with({})) == BodyFraming::None));
    BOOST_TEST((body_framing(request_with({{"content-length", "3"}})) == BodyFraming::Sized));
    const auto chunked = request_with({{"Host", "s"}, {"Transfer-Encoding", "chunked"}});
    BOOST_TEST((body_framing(chunked) == BodyFraming::Chunked));
    BOOST_TEST(forward_request(chunked, kClient).headers.get("transfer-encoding") == "chunked");
}

BOOST_AUTO_TEST_CASE(a_wanted_upgrade_is_passed_on) {
    const auto out = forward_request(
        request_with(
            {{"Host", "s"}, {"Connection", "keep-alive, Upgrade"}, {"Upgrade", "websocket"}}),
        kClient);
    BOOST_TEST(out.headers.get("connection") == "upgrade");
    BOOST_TEST(out.headers.get("upgrade") == "websocket");
    Response switching;
    switching.status = 101;
    switching.headers = {{"Connection", "Upgrade"}, {"Upgrade", "websocket"}};
    const auto back = to_client(switching, 1, BodyFraming::None, true);
    BOOST_TEST(back.headers.get("connection") == "upgrade");
    BOOST_TEST(back.headers.get("upgrade") == "websocket");
}

BOOST_AUTO_TEST_CASE(responses_are_framed_as_the_client_can_read_them) {
    Response response;
    response.headers = {{"Connection", "close"}, {"Transfer-Encoding", "chunked"}, {"X-A", "1"}};
    BOOST_TEST((body_framing(response, "GET") == BodyFraming::Chunked));
    BOOST_TEST((body_framing(response, "HEAD") == BodyFraming::None));
    BOOST_TEST((client_framing(BodyFraming::Chunked, 1) == BodyFraming::Chunked));
    BOOST_TEST((client_framing(BodyFraming::Chunked, 0) == BodyFraming::UntilClose));
    BOOST_TEST((client_framing(BodyFraming::UntilClose, 1) == BodyFraming::Chunked));
    BOOST_TEST((client_framing(BodyFraming::Sized, 0) == BodyFraming::Sized));
    const auto modern = to_client(response, 1, BodyFraming::Chunked, true);
    BOOST_TEST(modern.headers.get("transfer-encoding") == "chunked");
    BOOST_TEST(!modern.headers.has("connection"));
    BOOST_TEST(modern.headers.get("x-a") == "1");
    const auto old = to_client(response, 0, BodyFraming::UntilClose, false);
    BOOST_TEST(!old.headers.has("transfer-encoding"));
    BOOST_TEST(old.headers.get("connection") == "close");
    response.status = 304;
    response.headers = {{"Content-Length", "10"}};
    BOOST_TEST((body_framing(response, "GET") == BodyFraming::None));
    BOOST_TEST(
        to_client(response, 0, BodyFraming::None, true).headers.get("connection") == "keep-alive");
    response.status = 200;
    response.headers = {};
    BOOST_TEST((body_framing(response, "GET") == BodyFraming::UntilClose));
}

BOOST_AUTO_TEST_CASE(an_authority_is_a_host_and_maybe_a_port) {
    for (const auto* good :
         {"", "a", "a.b:80", "A-b_c.d.", "10.1.0.1:8080", "[::1]", "[fd00::5]:443", "a:"}) {
        BOOST_TEST(is_authority(good), good);
    }
    for (const auto* bad :
         {"a@b",
          "a:80@b",
          "a/b",
          "a b",
          "a:b",
          "a:123456",
          "a:80:80",
          "[::1",
          "[::1]x",

          "a?b",
          "a#b",
          "a\\b",
          "\xc3\xa4",
          "a\"b",
          "]"}) {
        BOOST_TEST(!is_authority(bad), bad);
    }
}

BOOST_AUTO_TEST_CASE(nobody_gets_a_tunnel_past_the_rules) {
    const Headers h2c{
        {"Host", "shop"},
        {"Connection", "Upgrade, HTTP2-Settings"},
        {"Upgrade", "websocket, h2c"},
        {"HTTP2-Settings", "AAMAAABk"}};
    BOOST_TEST(!upgrades(h2c));
    const auto out = forward_request(request_with(h2c), kClient);
    BOOST_TEST(!out.headers.has("upgrade"));
    BOOST_TEST(!out.headers.has("connection"));
    BOOST_TEST(!out.headers.has("http2-settings"));
    auto old =
        request_with({{"Host", "shop"}, {"Connection", "Upgrade"}, {"Upgrade", "websocket"}});
    BOOST_TEST(forward_request(old, kClient).headers.has("upgrade"));
    old.version_minor = 0; // which knows no upgrades
    BOOST_TEST(!forward_request(old, kClient).headers.has("upgrade"));
}

BOOST_AUTO_TEST_CASE(an_answer_without_a_body_has_no_length) {
    Response response;
    response.status = 204;
    response.headers = {{"content-length", "5"}};
    BOOST_TEST(!to_client(response, 1, BodyFraming::None, true).headers.has("content-length"));
    response.status = 304; // that of the body which it does not have: RFC 9110 section 8.6
    BOOST_TEST(to_client(response, 1, BodyFraming::None, true).headers.has("content-length"));
}

BOOST_AUTO_TEST_SUITE_END()
