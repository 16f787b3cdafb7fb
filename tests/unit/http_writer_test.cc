#include <boost/test/unit_test.hpp>

#include "mesh/http/parser.h"
#include "mesh/http/writer.h"
#include "netemu/base/error.h"

// NOLINTBEGIN: Boost.Test's macros
BOOST_AUTO_TEST_CASE(requests_are_written_as_they_are_read) {
    mesh::Request request{
        "POST", "/a?b=c", 1, {{"Host", "x"}, {"X-Twice", "1"}, {"X-Twice", "2"}}, "hi", {}};
    const auto bytes = mesh::to_bytes(request);
    BOOST_TEST(
        bytes == "POST /a?b=c HTTP/1.1\r\nHost: x\r\nX-Twice: 1\r\nX-Twice: 2\r\ncontent-length: "
                 "2\r\n\r\nhi");
    mesh::RequestParser parser;
    BOOST_TEST(parser.feed(bytes) == bytes.size());
    auto read = parser.take();
    read.headers.remove("content-length");
    BOOST_TEST((read == request));
}

BOOST_AUTO_TEST_CASE(lengths_are_added_only_where_they_belong) {
    using mesh::to_bytes;
    BOOST_TEST(to_bytes(mesh::Request{}) == "GET / HTTP/1.1\r\n\r\n");
    mesh::Request empty_post{"POST", "/", 1, {}, "", {}};
    BOOST_TEST(to_bytes(empty_post) == "POST / HTTP/1.1\r\ncontent-length: 0\r\n\r\n");
    mesh::Response response;
    response.body = "body";
    BOOST_TEST(to_bytes(response) == "HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nbody");
    BOOST_TEST(to_bytes(response, true) == "HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\n");
    response.status = 204;
    BOOST_TEST(to_bytes(response) == "HTTP/1.1 204 No Content\r\n\r\n");
    response.status = 299;
    response.body.clear();
    BOOST_TEST(to_bytes(response) == "HTTP/1.1 299 \r\ncontent-length: 0\r\n\r\n");
}

BOOST_AUTO_TEST_CASE(streams_are_written_in_chunks) {
    mesh::Response response;
    response.headers.add("transfer-encoding", "chunked");
    const auto bytes = mesh::head_bytes(response) + mesh::chunk_bytes("hello, world!!!!") +
                       mesh::chunk_bytes("") + mesh::last_chunk_bytes({{"x-sum", "1"}});
    BOOST_TEST(
        bytes == "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n10\r\nhello, "
                 "world!!!!\r\n0\r\nx-sum: 1\r\n\r\n");
    mesh::ResponseParser parser;
    BOOST_TEST(parser.feed(bytes) == bytes.size());
    BOOST_TEST(parser.response().body == "hello, world!!!!");
    BOOST_TEST(parser.response().trailers.get("x-sum") == "1");
}

BOOST_AUTO_TEST_CASE(what_could_forge_a_field_is_not_written) {
    mesh::Response response;
    response.headers.add("x", "a\r\nset-cookie: b");
    BOOST_CHECK_THROW(mesh::to_bytes(response), netemu::Error);
    mesh::Request request;
    request.target = "/ HTTP/1.1\r\nx: y";
    BOOST_CHECK_THROW(mesh::to_bytes(request), netemu::Error);
    request.target = "/";
    request.headers.add("a b", "c");
    BOOST_CHECK_THROW(mesh::to_bytes(request), netemu::Error);
}

BOOST_AUTO_TEST_CASE(headers_ignore_case) {
    mesh::Headers headers{{"Accept", "a, B"}, {"accept", "c"}};
    BOOST_TEST(headers.count("ACCEPT") == 2U);
    BOOST_TEST(headers.has_token("accept", "b"));
    BOOST_TEST(headers.has_token("accept", "C"));
    BOOST_TEST(!headers.has_token("accept", "d"));
    headers.set("accept", "only");
    BOOST_TEST(headers.size() == 1U);
    BOOST_TEST(headers.get("Accept") == "only");
    BOOST_TEST(headers.find("x") == nullptr);
}
// NOLINTEND
