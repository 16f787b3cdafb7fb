#include <boost/test/unit_test.hpp>

#include "mesh/jwt/token.h"
#include "tests/unit/mesh_jwt_fixture.h"

using namespace mesh_jwt_test;
using mesh::JwtStatus;
using mesh::JwtToken;

namespace {

std::string text_with(const std::string& header, const std::string& payload) {
    return base64url(header) + "." + base64url(payload) + "." + base64url("signature");
}

JwtStatus parsed(const std::string& text) {
    JwtToken token;
    return mesh::parse_jwt(text, token);
}

JwtStatus of_payload(const std::string& payload) {
    return parsed(text_with(R"({"alg":"RS256"})", payload));
}

JwtStatus of_header(const std::string& header) {
    return parsed(text_with(header, "{}"));
}

JwtToken token_with(const std::string& payload) {
    JwtToken token;
    BOOST_REQUIRE(
        mesh::parse_jwt(text_with(R"({"alg":"RS256"})", payload), token) == JwtStatus::Ok);
    return token;
}

} // namespace

BOOST_AUTO_TEST_SUITE(jwt_token)

BOOST_AUTO_TEST_CASE(what_it_says) {
    JwtToken token;
    const auto text = text_with(
        R"({"typ":"JWT","alg":"ES384","kid":"k"})",
        R"({"iss":"i","sub":"s","aud":["a","b"],"nbf":5,"exp":7,"x":{"y":["z"]}})");
    BOOST_REQUIRE((mesh::parse_jwt(text, token) == JwtStatus::Ok));
    BOOST_TEST(token.algorithm == "ES384");
    BOOST_TEST(token.key_id == "k");
    BOOST_TEST(token.issuer == "i");
    BOOST_TEST((token.audiences == std::vector<std::string>{"a", "b"}));
    BOOST_TEST(*token.not_before == 5);
    BOOST_TEST(*token.expiry == 7);
    BOOST_TEST(token.signature == "signature");
    BOOST_TEST(token.signed_text + "." + base64url("signature") == text);
    BOOST_TEST(token.claims.text_of("sub") == "s");
    BOOST_TEST((token_with(R"({"aud":"a"})").audiences == std::vector<std::string>{"a"}));
    BOOST_TEST(token_with("{}").audiences.empty());
}

BOOST_AUTO_TEST_CASE(forms_that_are_none) {
    const auto good = text_with(R"({"alg":"RS256"})", "{}");
    BOOST_REQUIRE((parsed(good) == JwtStatus::Ok));
    for (const std::string text : {"", ".", "..", "a.b", "a.b.", ".a.b", "a..b", "a.b.c.d"}) {
        BOOST_TEST((parsed(text) == JwtStatus::BadFormat), text);
    }
    BOOST_TEST((parsed(good + "." + base64url("x")) == JwtStatus::BadFormat)); // JWE has five parts
    BOOST_TEST((parsed(std::string(1U << 20U, '.')) == JwtStatus::BadFormat));
    BOOST_TEST((parsed("*" + good) == JwtStatus::HeaderBadBase64));
    BOOST_TEST((parsed(good + " x") == JwtStatus::SignatureBadBase64));
    BOOST_TEST((parsed(good + "=") == JwtStatus::SignatureBadBase64)); // no padding
    BOOST_TEST(
        (parsed(base64url(R"({"alg":"RS256"})") + ".!.c2ln") == JwtStatus::PayloadBadBase64));
    BOOST_TEST(
        (parsed(base64url(R"({"alg":"RS256"})") + ".e30+.c2ln") == JwtStatus::PayloadBadBase64));
}

BOOST_AUTO_TEST_CASE(headers_that_are_none) {
    BOOST_TEST((of_header("") == JwtStatus::BadFormat));
    BOOST_TEST((of_header("x") == JwtStatus::HeaderBadJson));
    BOOST_TEST((of_header("[]") == JwtStatus::HeaderBadJson));
    BOOST_TEST((of_header("{}") == JwtStatus::HeaderBadAlgorithm));
    BOOST_TEST((of_header(R"({"alg":1})") == JwtStatus::HeaderBadAlgorithm));
    BOOST_TEST((of_header(R"({"alg":null})") == JwtStatus::HeaderBadAlgorithm));
    BOOST_TEST((of_header(R"({"alg":"RS256","kid":1})") == JwtStatus::HeaderBadKid));
    BOOST_TEST((of_header(R"({"alg":"RS256","alg":"none"})") == JwtStatus::HeaderBadJson));
    for (const std::string alg : {"none", "None", "NONE", "nOnE", "", "rs256", "RS1", "RS256 "}) {
        BOOST_TEST((of_header(R"({"alg":")" + alg + R"("})") == JwtStatus::UnknownAlgorithm), alg);
    }
    const auto none = base64url(R"({"alg":"none"})") + "." + base64url("{}") + ".";
    BOOST_TEST((parsed(none) == JwtStatus::BadFormat)); // as RFC 7519 section 6 has it
}

BOOST_AUTO_TEST_CASE(payloads_that_are_none) {
    BOOST_TEST((of_payload("[]") == JwtStatus::PayloadBadJson));
    BOOST_TEST((of_payload("{") == JwtStatus::PayloadBadJson));
    BOOST_TEST((of_payload(R"({"sub":"a","sub":"b"})") == JwtStatus::PayloadBadJson));
    BOOST_TEST((of_payload(R"({"iss":1})") == JwtStatus::IssuerNotText));
    BOOST_TEST((of_payload(R"({"sub":["a"]})") == JwtStatus::SubjectNotText));
    BOOST_TEST((of_payload(R"({"jti":1})") == JwtStatus::IdNotText));
    BOOST_TEST((of_payload(R"({"aud":1})") == JwtStatus::AudienceNotText));
    BOOST_TEST((of_payload(R"({"aud":["a",1]})") == JwtStatus::AudienceNotText));
    for (const std::string time : {"\"1\"", "-1", "1e30", "null", "{}"}) {
        BOOST_TEST((of_payload("{\"exp\":" + time + "}") == JwtStatus::ExpiryNotNumber), time);
        BOOST_TEST((of_payload("{\"nbf\":" + time + "}") == JwtStatus::NotBeforeNotNumber), time);
        BOOST_TEST((of_payload("{\"iat\":" + time + "}") == JwtStatus::IssuedNotNumber), time);
    }
    std::string deep;
    for (int i = 0; i < 1000; ++i) {
        deep += "{\"a\":";
    }
    BOOST_TEST((of_payload(deep) == JwtStatus::PayloadBadJson));
    const auto huge = "{\"a\":\"" + std::string(mesh::kJwtBytesMax, 'x') + "\"}";
    BOOST_TEST((of_payload(huge) == JwtStatus::BadFormat));
}

BOOST_AUTO_TEST_CASE(times_and_the_minute_that_clocks_may_differ) {
    const auto token = token_with(R"({"nbf":1000,"exp":2000})");
    BOOST_TEST((mesh::check_jwt_time(token, 939) == JwtStatus::NotYetValid));
    BOOST_TEST((mesh::check_jwt_time(token, 940) == JwtStatus::Ok));
    BOOST_TEST((mesh::check_jwt_time(token, 2060) == JwtStatus::Ok));
    BOOST_TEST((mesh::check_jwt_time(token, 2061) == JwtStatus::Expired));
    BOOST_TEST((mesh::check_jwt_time(token_with("{}"), 1) == JwtStatus::Ok));
    BOOST_TEST((mesh::check_jwt_time(token_with(R"({"exp":0})"), 1000) == JwtStatus::Expired));
    const auto last = token_with(R"({"exp":9223372036854775807,"nbf":9223372036854775807})");
    BOOST_TEST((mesh::check_jwt_time(last, 1000) == JwtStatus::NotYetValid));
}

BOOST_AUTO_TEST_CASE(audiences) {
    const auto token = token_with(R"({"aud":["https://shop.example/","b"]})");
    BOOST_TEST((mesh::check_jwt_audience(token, {}) == JwtStatus::Ok));
    BOOST_TEST((mesh::check_jwt_audience(token, {"x", "b"}) == JwtStatus::Ok));
    BOOST_TEST((mesh::check_jwt_audience(token, {"shop.example"}) == JwtStatus::Ok));
    BOOST_TEST((mesh::check_jwt_audience(token, {"http://shop.example"}) == JwtStatus::Ok));
    BOOST_TEST((mesh::check_jwt_audience(token, {"x"}) == JwtStatus::AudienceNotAllowed));
    BOOST_TEST(
        (mesh::check_jwt_audience(token_with("{}"), {"x"}) == JwtStatus::AudienceNotAllowed));
}

BOOST_AUTO_TEST_SUITE_END()
