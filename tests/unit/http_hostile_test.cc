#include <boost/test/unit_test.hpp>

#include "mesh/http/parser.h"

// NOLINTBEGIN: Boost.Test's macros
namespace {

constexpr int kAccepted = 0;

int request_status(const std::string& bytes, mesh::ParserOptions options = {}) {
    mesh::RequestParser parser(options);
    parser.feed(bytes);
    BOOST_TEST((parser.complete() || parser.failed()), "neither complete nor failed: " << bytes);
    return parser.error().status;
}

std::string with_field(const std::string& field) {
    return "POST / HTTP/1.1\r\nHost: a\r\n" + field + "\r\n\r\n0\r\n\r\n";
}

struct Row {
    std::string bytes;
    int status;
};

} // namespace

// RFC 9112 sections 2.2, 3.2, 5.1, 5.2, 6.1, 6.3 and 7.1: what a peer could use to smuggle a second
// request.
BOOST_AUTO_TEST_CASE(ambiguous_framing_is_refused) {
    const Row rows[] = {
        {with_field("Transfer-Encoding: chunked"), kAccepted},
        {with_field("Transfer-Encoding: Chunked"), kAccepted},
        {with_field("Content-Length: 5\r\nTransfer-Encoding: chunked"), 400},
        {with_field("Transfer-Encoding: chunked\r\nContent-Length: 5"), 400},
        {with_field("Content-Length: 5\r\nContent-Length: 5"), 400},
        {with_field("Content-Length: 5, 5"), 400},
        {with_field("Content-Length: +5"), 400},
        {with_field("Content-Length: -5"), 400},
        {with_field("Content-Length: 0x5"), 400},
        {with_field("Content-Length: 5 5"), 400},
        {with_field("Content-Length:"), 400},
        {with_field("Content-Length: 99999999999999999999"), 413},
        {with_field("Content-Length: 67108865"), 413},
        {with_field("Transfer-Encoding: xchunked"), 501},
        {with_field("Transfer-Encoding: gzip"), 501},
        {with_field("Transfer-Encoding: identity"), 501},
        {with_field("Transfer-Encoding: chunked, gzip"), 400},
        {with_field("Transfer-Encoding: gzip, chunked"), 400},
        {with_field("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked"), 400},
        {with_field("Transfer-Encoding : chunked"), 400},
        {with_field("Transfer-Encoding:\r\n chunked"), 400},
        {with_field("Transfer-Encoding\t: chunked"), 400},
        {with_field("X: a\rb"), 400},
        {with_field(std::string("X: a\0b", 6)), 400},
        {with_field("no colon"), 400},
        {with_field(": empty name"), 400},
        {"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400},
    };
    for (const auto& row : rows) {
        BOOST_TEST(request_status(row.bytes) == row.status, row.bytes);
    }
}

BOOST_AUTO_TEST_CASE(request_lines_and_hosts) {
    const std::string host = "\r\nHost: a\r\n\r\n";
    const Row rows[] = {
        {"GET / HTTP/1.1" + host, kAccepted},
        {"get / HTTP/1.1" + host, kAccepted},
        {"OPTIONS * HTTP/1.1" + host, kAccepted},
        {"CONNECT a:80 HTTP/1.1" + host, kAccepted},
        {"GET http://a/ HTTP/1.1" + host, kAccepted},
        {"GET * HTTP/1.1" + host, 400},
        {"GET a HTTP/1.1" + host, 400},
        {"GET  / HTTP/1.1" + host, 400},
        {"GET /a b HTTP/1.1" + host, 400},
        {"GET /" + host, 400},
        {" GET / HTTP/1.1" + host, 400},
        {"G@T / HTTP/1.1" + host, 400},
        {"GET / HTTP/2.0" + host, 505},
        {"GET / http/1.1" + host, 400},
        {"GET / HTTP/1.11" + host, 400},
        {"GET / HTTP/1.1\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", 400},
        {"\r\n\r\n\r\n", 400},
        {"GET / HTTP/1.1\nHost: a\n\n", 400},
        {"GET / HTTP/1.1\r\nHost: a\n\r\n", 400},
    };
    for (const auto& row : rows) {
        BOOST_TEST(request_status(row.bytes) == row.status, row.bytes);
    }
    mesh::ParserOptions people;
    people.bare_lf = true;
    BOOST_TEST(request_status("GET / HTTP/1.1\nHost: a\n\n", people) == kAccepted);
}

BOOST_AUTO_TEST_CASE(malformed_chunks_are_never_resynchronized) {
    const std::string head = "PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
    const Row rows[] = {
        {head + "1\r\na\r\n0\r\n\r\n", kAccepted},
        {head + "0\r\nX: y\r\n\r\n", kAccepted},
        {head + "1;a=\"b\"\r\na\r\n0\r\n\r\n", kAccepted},
        {head + "\r\n", 400},
        {head + "g\r\n", 400},
        {head + "0x1\r\na\r\n", 400},
        {head + "-1\r\na\r\n", 400},
        {head + " 1\r\na\r\n", 400},
        {head + "1 x\r\na\r\n", 400},
        {head + "1\na\n0\n\n", 400},
        {head + "1;a\rb\r\na\r\n", 400},
        {head + "1\r\nab\r\n0\r\n\r\n", 400},
        {head + "ffffffffffffffff\r\n", 413},
        {head + "10000000000000000\r\n", 400},
        {head + "0\r\nContent-Length: 1\r\n\r\n", 400},
        {head + "0\r\nHost: b\r\n\r\n", 400},
        {head + "0\r\n folded\r\n\r\n", 400},
        {head + std::string(5000, '1'), 400},
    };
    for (const auto& row : rows) {
        BOOST_TEST(request_status(row.bytes) == row.status, row.bytes.substr(0, 100));
    }
}

BOOST_AUTO_TEST_CASE(limits_hold_in_one_piece_and_byte_by_byte) {
    mesh::ParserOptions options;
    options.head_bytes_max = 200;
    options.body_bytes_max = 10;
    options.fields_max = 3;
    const std::string start = "POST / HTTP/1.1\r\nHost: a\r\n";
    const Row rows[] = {
        {start + "Content-Length: 10\r\n\r\n0123456789", kAccepted},
        {start + "Content-Length: 11\r\n\r\n", 413},
        {start + "Transfer-Encoding: chunked\r\n\r\n8\r\n01234567\r\n3\r\n", 413},
        {start + "A: b\r\nC: d\r\nE: f\r\n\r\n", 431},
        {start + "A: " + std::string(300, 'x'), 431},
        {start + "A: " + std::string(300, 'x') + "\r\n\r\n", 431},
    };
    for (const auto& row : rows) {
        BOOST_TEST(request_status(row.bytes, options) == row.status, row.bytes);
        mesh::RequestParser parser(options);
        for (const char c : row.bytes) {
            parser.feed({&c, 1});
        }
        BOOST_TEST(parser.error().status == row.status, row.bytes);
    }
}

BOOST_AUTO_TEST_CASE(a_long_head_in_small_pieces_is_read_in_linear_time) {
    mesh::ParserOptions options;
    options.head_bytes_max = 8U << 20U;
    options.fields_max = 1U << 20U;
    mesh::RequestParser parser(options);
    parser.feed("GET / HTTP/1.1\r\nHost: a\r\n");
    for (int i = 0; i < 400000; ++i) { // quadratic work would take minutes
        parser.feed("a: bcdefg\r\n");
    }
    parser.feed("\r\n");
    BOOST_TEST(parser.complete());
}

BOOST_AUTO_TEST_CASE(hostile_responses) {
    const Row rows[] = {
        {"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", 400},
        {"HTTP/2 200\r\n\r\n", 502},
        {"HTTP/1.1 20x OK\r\n\r\n", 502},
        {"HTTP/1.1 2000 OK\r\n\r\n", 502},
        {"SSH-2.0-OpenSSH\r\n\r\n", 502},
        {"HTTP/1.1 200 O\x01K\r\n\r\n", 502},
    };
    for (const auto& row : rows) {
        mesh::ResponseParser parser;
        parser.feed(row.bytes);
        BOOST_TEST(parser.error().status == row.status, row.bytes);
    }
    mesh::ResponseParser flood;
    for (int i = 0; i < 20; ++i) {
        flood.feed("HTTP/1.1 100 Continue\r\n\r\n");
    }
    BOOST_TEST(flood.failed());
}
// NOLINTEND
