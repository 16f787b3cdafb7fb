#include <boost/test/unit_test.hpp>

#include "mesh/http/grpc.h"

// NOLINTBEGIN: Boost.Test's macros
using mesh::Headers;

namespace {

bool is_grpc(const std::string& type) {
    return mesh::has_grpc_content_type({{"Content-Type", type}});
}

} // namespace

BOOST_AUTO_TEST_CASE(grpc_is_known_by_its_content_type) {
    for (const std::string type :
         {"application/grpc",
          "application/grpc+proto",
          "Application/gRPC",
          "application/grpc;charset=utf-8"}) {
        BOOST_TEST(is_grpc(type), type);
    }
    for (const std::string type :
         {"application/grpc-web",
          "application/grpc-web+proto",
          "application/grpcx",
          "text/plain",
          ""}) {
        BOOST_TEST(!is_grpc(type), type);
    }
    BOOST_TEST(!mesh::has_grpc_content_type({}));
}

BOOST_AUTO_TEST_CASE(grpc_messages_have_a_length_before_them) {
    BOOST_TEST(mesh::grpc_frame("") == std::string(5, '\0'));
    BOOST_TEST(mesh::grpc_frame("abc") == std::string("\0\0\0\0\3abc", 8));
    BOOST_TEST(
        mesh::grpc_frame(std::string(0x10203, 'x')).substr(0, 5) == std::string("\0\0\1\2\3", 5));
    const auto two = mesh::grpc_frame("abc") + mesh::grpc_frame("") + mesh::grpc_frame("d");
    const auto body = mesh::read_grpc_body(two);
    BOOST_TEST(!body.malformed);
    BOOST_TEST(!body.compressed);
    BOOST_TEST(
        body.messages == (std::vector<std::string_view>{"abc", "", "d"}),
        boost::test_tools::per_element());
    BOOST_TEST(mesh::read_grpc_body("").messages.empty());
    BOOST_TEST(!mesh::read_grpc_body("").malformed);
    for (std::size_t size = 1; size < 8; ++size) {
        BOOST_TEST(mesh::read_grpc_body(two.substr(0, size)).malformed, size);
    }
    BOOST_TEST(mesh::read_grpc_body(std::string("\1\0\0\0\1x", 6)).compressed);
    BOOST_TEST(mesh::read_grpc_body(std::string("\2\0\0\0\1x", 6)).malformed);
    BOOST_TEST(mesh::read_grpc_body("\xff\xff\xff\xff\xffx").malformed);
}

BOOST_AUTO_TEST_CASE(grpc_status_and_message_are_fields) {
    Headers fields;
    mesh::add_grpc_end({7, "100% \xc3\xa4\n"}, fields);
    BOOST_TEST((fields == Headers{{"grpc-status", "7"}, {"grpc-message", "100%25 %C3%A4%0A"}}));
    const auto end = mesh::read_grpc_end(fields);
    BOOST_REQUIRE(end.has_value());
    BOOST_TEST(end->code == 7);
    BOOST_TEST(end->message == "100% \xc3\xa4\n");
    Headers good;
    mesh::add_grpc_end({0, ""}, good);
    BOOST_TEST((good == Headers{{"grpc-status", "0"}}));
    BOOST_TEST(!mesh::read_grpc_end({}).has_value());
    for (const std::string status : {"", "x", "-1", "7 ", "99999999999"}) {
        BOOST_TEST(mesh::read_grpc_end({{"grpc-status", status}})->code == 2, status);
    }
    BOOST_TEST(mesh::percent_decode_grpc_message("a%2") == "a%2");
    BOOST_TEST(mesh::percent_decode_grpc_message("%zz%+1%41") == "%zz%+1A");
}

BOOST_AUTO_TEST_CASE(grpc_takes_a_status_of_http_for_one_of_its_own) {
    BOOST_TEST(mesh::grpc_code_of_http(401) == 16);
    BOOST_TEST(mesh::grpc_code_of_http(403) == 7);
    BOOST_TEST(mesh::grpc_code_of_http(404) == 12);
    BOOST_TEST(mesh::grpc_code_of_http(503) == 14);
    BOOST_TEST(mesh::grpc_code_of_http(418) == 2);
}
// NOLINTEND
