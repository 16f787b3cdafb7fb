#include <fstream>

#include <boost/test/unit_test.hpp>

#include "tests/netns/sidecar_net.h"

// NOLINTBEGIN: Boost.Test's macros
using namespace test;
using Action = mesh::istio::AuthorizationPolicy::Action;

namespace {

std::string token_line(const std::string& name) {
    std::ifstream file(std::string(LABCTL_SOURCE_DIR) + "/labs/mesh/tokens/" + name);
    std::string text;
    BOOST_REQUIRE(std::getline(file, text));
    return text;
}

mesh::istio::JwtRule lab_rule() {
    mesh::istio::JwtRule rule;
    rule.issuer = "lab@shop.example";
    rule.jwks = token_line("jwks.json");
    return rule;
}

std::string with_field(const std::string& field, const std::string& target = "/") {
    return "GET " + target + " HTTP/1.1\r\nHost: web\r\n" + field + "\r\n\r\n";
}

std::string with_token(const std::string& token) {
    return with_field("Authorization: Bearer " + token);
}

} // namespace

BOOST_FIXTURE_TEST_CASE(sidecar_answers_bad_tokens_and_keeps_the_connection, SidecarNet) {
    set_authentications({{"m", "jwt", {lab_rule()}}});
    auto client = to_service("pod/m/a", 10);
    const auto ask = [&client](const std::string& request) {
        client.send(request);
        return client.response();
    };
    BOOST_TEST(status_of(ask(get_request("/"))) == 200); // without one, it passes
    BOOST_TEST(status_of(ask(with_token(token_line("bob.jwt")))) == 200);
    const auto expired = ask(with_token(token_line("expired.jwt")));
    BOOST_TEST(status_of(expired) == 401);
    BOOST_TEST(body_of(expired) == "Jwt is expired");
    BOOST_TEST(field_of(expired, "content-type") == "text/plain");
    BOOST_TEST(
        field_of(expired, "www-authenticate") ==
        "Bearer realm=\"http://web/\", error=\"invalid_token\"");
    auto spoiled = token_line("bob.jwt");
    spoiled[spoiled.size() - 10] = spoiled[spoiled.size() - 10] == 'A' ? 'B' : 'A';
    BOOST_TEST(body_of(ask(with_token(spoiled))) == "Jwt verification fails");
    BOOST_TEST(status_of(ask(with_token(token_line("bob.jwt")))) == 200);
    BOOST_TEST(inbound_connections("m/b") == 1);
    BOOST_TEST(
        logged("m/b", "jwt_authn_access_denied{Jwt_is_expired} by RequestAuthentication m/jwt"));
    // Somebody without a sidecar is asked the same.
    auto plain = to_pod("pod/x/c", kWebPort);
    plain.send(with_token("x"));
    BOOST_TEST(status_of(plain.response()) == 401);
    // Of gRPC: 16 is UNAUTHENTICATED.
    auto grpc = to_service("pod/m/a", 10);
    grpc.send(with_field("Content-Type: application/grpc\r\nAuthorization: Bearer x"));
    BOOST_TEST(field_of(grpc.response(true), "grpc-status") == "16");
}

BOOST_FIXTURE_TEST_CASE(sidecar_asks_policies_with_what_a_token_says, SidecarNet) {
    auto rule = lab_rule();
    rule.claim_headers = {{"x-user", "sub"}};
    rule.audiences = {"shop"};
    set_authentications({{"m", "jwt", {rule}}});
    mesh::istio::Rule admins;
    admins.when = {{"request.auth.claims[groups]", {{"admins"}, {}}}};
    set_policies({one_rule(Action::Allow, admins)});
    auto client = to_service("pod/m/a", 10);
    const auto ask = [&client](const std::string& request) {
        client.send(request);
        return client.response();
    };
    BOOST_TEST(body_of(ask(get_request("/"))) == "RBAC: access denied");
    BOOST_TEST(body_of(ask(with_token(token_line("bob.jwt")))) == "RBAC: access denied");
    const auto answered =
        ask(with_field("X-User: forged\r\nAuthorization: Bearer " + token_line("ann.jwt"), "/x"));
    BOOST_TEST(status_of(answered) == 200);
    const auto told = body_of(answered);
    BOOST_TEST(told.find("x-user: ann") != told.npos, told);
    BOOST_TEST(told.find("forged") == told.npos, told);
    BOOST_TEST(told.find("Bearer") == told.npos, told); // the token is not passed on
    rule.audiences = {"bank"};
    set_authentications({{"m", "jwt", {rule}}});
    const auto audience = ask(with_token(token_line("ann.jwt")));
    BOOST_TEST(status_of(audience) == 403);
    BOOST_TEST(body_of(audience) == "Audiences in Jwt are not allowed");
    set_authentications({});
    BOOST_TEST(body_of(ask(with_token(token_line("ann.jwt")))) == "RBAC: access denied");
}
// NOLINTEND
