#define BOOST_TEST_MODULE http
#include <random>

#include <boost/test/unit_test.hpp>

#include "mesh/http/parser.h"

// NOLINTBEGIN: Boost.Test's macros
namespace {

using mesh::Headers;
using mesh::Request;
using mesh::RequestParser;
using mesh::Response;
using mesh::ResponseParser;

/// What a parser made of a stream: the messages, and the error that ended it.
template <typename Message>
struct Reading {
    std::vector<Message> messages;
    int error = 0;
    std::size_t left_over = 0;
    bool operator==(const Reading&) const = default;
};

template <typename Parser>
auto read_pieces(Parser parser, const std::vector<std::string_view>& pieces, bool closes = false) {
    Reading<decltype(parser.take())> reading;
    for (auto piece : pieces) {
        while (!piece.empty() && !parser.failed()) {
            piece.remove_prefix(parser.feed(piece));
            if (parser.complete()) {
                reading.messages.push_back(parser.take());
            }
        }
        reading.left_over += piece.size();
    }
    if constexpr (std::is_same_v<Parser, ResponseParser>) {
        if (closes && !parser.failed()) {
            parser.finish();
            if (parser.complete()) {
                reading.messages.push_back(parser.take());
            }
        }
    }
    reading.error = parser.error().status;
    return reading;
}

const std::string kRequests[] = {
    "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
    "\r\nGET /x?y=1 HTTP/1.0\r\n\r\n",
    "POST /p HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhelloGET /2 HTTP/1.1\r\nHost: "
    "b\r\n\r\n",
    "PUT /c HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
    "5;ext=1\r\nhello\r\n0a\r\n0123456789\r\n0\r\nX-Sum: 1\r\n\r\nGET /3 HTTP/1.1\r\nHost: "
    "c\r\n\r\n",
    "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\nhello",
    "PUT /c HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhelloX\r\n0\r\n\r\n",
};

const std::string kResponses[] = {
    "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
    "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 204 No "
    "Content\r\n\r\n",
    "HTTP/1.0 200 OK\r\n\r\nuntil the end",
    "HTTP/1.1 200\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
};

} // namespace

BOOST_AUTO_TEST_CASE(a_request_with_everything) {
    RequestParser parser;
    const std::string bytes = kRequests[3];
    const auto used = parser.feed(bytes);
    BOOST_REQUIRE(parser.complete());
    BOOST_TEST(bytes.substr(used) == "GET /3 HTTP/1.1\r\nHost: c\r\n\r\n");
    BOOST_TEST(parser.keep_alive());
    const auto request = parser.take();
    BOOST_TEST(request.method == "PUT");
    BOOST_TEST(request.target == "/c");
    BOOST_TEST(request.body == "hello0123456789");
    BOOST_TEST(request.trailers.get("x-sum") == "1");
    BOOST_TEST(request.headers.get("HOST") == "a");
    BOOST_TEST(parser.idle());
}

BOOST_AUTO_TEST_CASE(every_split_point_gives_the_same_messages) {
    for (const auto& bytes : kRequests) {
        const auto whole = read_pieces(RequestParser(), {bytes});
        BOOST_TEST((!whole.messages.empty() || whole.error != 0));
        const std::string_view view = bytes;
        for (std::size_t i = 0; i <= bytes.size(); ++i) {
            auto halves = read_pieces(RequestParser(), {view.substr(0, i), view.substr(i)});
            halves.left_over =
                whole.left_over; // where it stops after an error depends on the pieces
            BOOST_TEST((halves == whole), "split at " << i << " of " << bytes);
        }
    }
    for (const auto& bytes : kResponses) {
        const auto whole = read_pieces(ResponseParser(), {bytes}, true);
        BOOST_TEST(whole.messages.size() == 1U);
        const std::string_view view = bytes;
        for (std::size_t i = 0; i <= bytes.size(); ++i) {
            const auto halves =
                read_pieces(ResponseParser(), {view.substr(0, i), view.substr(i)}, true);
            BOOST_TEST((halves == whole), "split at " << i << " of " << bytes);
        }
    }
}

BOOST_AUTO_TEST_CASE(random_pieces_give_the_same_messages) {
    std::mt19937 random(42);
    for (int round = 0; round < 2000; ++round) {
        const auto& bytes = kRequests[random() % std::size(kRequests)];
        std::vector<std::string_view> pieces;
        for (std::size_t at = 0; at < bytes.size();) {
            const auto size = std::min<std::size_t>(1 + random() % 9, bytes.size() - at);
            pieces.push_back(std::string_view(bytes).substr(at, size));
            at += size;
        }
        auto reading = read_pieces(RequestParser(), pieces);
        const auto whole = read_pieces(RequestParser(), {bytes});
        reading.left_over = whole.left_over;
        BOOST_TEST((reading == whole));
    }
}

BOOST_AUTO_TEST_CASE(what_cannot_become_a_request_is_refused_at_once) {
    RequestParser hello; // TLS on a port of HTTP: no line of it ends
    hello.feed(std::string("\x16\x03\x01\x02\x00", 5));
    BOOST_TEST(hello.failed());
    BOOST_TEST(hello.error().status == 400);
    for (const auto* begin : {"G", "\r", "\n", "\r\n", "\r\nG", "x"}) {
        RequestParser parser;
        parser.feed(begin);
        BOOST_TEST(!parser.failed(), begin);
    }
}

BOOST_AUTO_TEST_CASE(keep_alive_follows_version_and_connection) {
    const std::tuple<std::string, bool> rows[] = {
        {"GET / HTTP/1.1\r\nHost: a\r\n\r\n", true},
        {"GET / HTTP/1.1\r\nHost: a\r\nConnection: x, Close\r\n\r\n", false},
        {"GET / HTTP/1.0\r\n\r\n", false},
        {"GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n", true},
    };
    for (const auto& [bytes, expected] : rows) {
        RequestParser parser;
        parser.feed(bytes);
        BOOST_TEST(parser.complete());
        BOOST_TEST(parser.keep_alive() == expected, bytes);
    }
}

BOOST_AUTO_TEST_CASE(a_client_that_waits_for_100_is_seen_until_its_body_begins) {
    RequestParser parser;
    parser.feed("POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-Continue\r\nContent-Length: 2\r\n\r\n");
    BOOST_TEST(parser.wants_continue());
    parser.feed("h");
    BOOST_TEST(!parser.wants_continue());
    parser.feed("i");
    BOOST_TEST(parser.take().body == "hi");
}

BOOST_AUTO_TEST_CASE(responses_without_body_whatever_their_fields_say) {
    ResponseParser head("HEAD");
    const std::string bytes = "HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n";
    BOOST_TEST(head.feed(bytes + "next") == bytes.size());
    BOOST_TEST(head.complete());
    BOOST_TEST(head.keep_alive());

    ResponseParser not_modified;
    not_modified.feed("HTTP/1.1 304 Not Modified\r\nContent-Length: 99\r\n\r\n");
    BOOST_TEST(not_modified.complete());

    ResponseParser upgrade;
    const std::string switching = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\n\r\n";
    BOOST_TEST(upgrade.feed(switching + "raw") == switching.size());
    BOOST_TEST(upgrade.take().status == 101);
}

BOOST_AUTO_TEST_CASE(a_body_sink_gets_the_pieces_of_a_stream_as_they_come) {
    mesh::ParserOptions options;
    options.body_bytes_max = 4; // does not bind a stream
    ResponseParser parser("GET", options);
    std::vector<std::string> pieces;
    parser.on_body([&](std::string_view piece) { pieces.emplace_back(piece); });
    parser.feed("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n6\r\nevent1\r\n");
    BOOST_TEST(parser.head_complete());
    BOOST_TEST(!parser.complete());
    BOOST_TEST(pieces == std::vector<std::string>{"event1"}, boost::test_tools::per_element());
    parser.feed("6\r\neve");
    parser.feed("nt2\r\n0\r\n\r\n");
    const std::vector<std::string> expected{"event1", "eve", "nt2"};
    BOOST_TEST(pieces == expected, boost::test_tools::per_element());
    BOOST_TEST(parser.take().body.empty());
}

BOOST_AUTO_TEST_CASE(the_end_of_input_completes_only_what_may_end_there) {
    ResponseParser sized;
    sized.feed("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nshort");
    sized.finish();
    BOOST_TEST(sized.failed());
    ResponseParser open;
    open.feed("HTTP/1.1 200 OK\r\n\r\nall of it");
    open.finish();
    BOOST_TEST(open.complete());
    BOOST_TEST(!open.keep_alive());
    BOOST_TEST(open.take().body == "all of it");
}

BOOST_AUTO_TEST_CASE(targets_and_queries) {
    Request request;
    request.target = "http://backend.prod:80/api/x?msg=a%20b+c&empty#f";
    BOOST_TEST(request.path() == "/api/x");
    BOOST_TEST(*mesh::query_parameter(request.query(), "msg") == "a b c");
    BOOST_TEST(mesh::query_parameter(request.query(), "empty")->empty());
    BOOST_TEST(!mesh::query_parameter(request.query(), "none"));
    request.target = "http://backend";
    BOOST_TEST(request.path() == "/");
    request.target = "/a?b";
    BOOST_TEST(request.path() == "/a");
    BOOST_TEST(mesh::url_decode("100%zz%4") == "100%zz%4");
}
// NOLINTEND
