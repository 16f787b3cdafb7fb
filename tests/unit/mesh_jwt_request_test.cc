#include <boost/test/unit_test.hpp>

#include "mesh/istio/authorization.h"
#include "mesh/jwt/request_tokens.h"
#include "tests/unit/mesh_jwt_fixture.h"

using namespace mesh_jwt_test;
using mesh::JwtStatus;
using mesh::Request;
using mesh::RequestTokens;
using mesh::istio::JwtRule;
using mesh::istio::RequestAuthentication;

namespace {

const RequestTokens::Now kNow{std::chrono::seconds(1'700'000'000)};

const SigningKey& key_a() {
    static const auto kKey = SigningKey::ec("P-256");
    return kKey;
}
const SigningKey& key_b() {
    static const auto kKey = SigningKey::ed25519();
    return kKey;
}

JwtRule rule_a() {
    JwtRule rule;
    rule.issuer = "issuer-a";
    rule.jwks = jwks(key_a().jwk());
    return rule;
}
JwtRule rule_b() {
    JwtRule rule;
    rule.issuer = "issuer-b";
    rule.jwks = jwks(key_b().jwk());
    return rule;
}

std::string claims(const std::string& issuer, const std::string& more = {}) {
    return R"({"iss":")" + issuer + R"(","sub":"alice")" + (more.empty() ? "" : "," + more) + "}";
}
std::string token_a(const std::string& more = {}) {
    return token_of(key_a(), "ES256", claims("issuer-a", more));
}
std::string token_b(const std::string& more = {}) {
    return token_of(key_b(), "EdDSA", claims("issuer-b", more));
}
const std::string kExpired = R"("exp":1600000000)";

RequestTokens tokens_with(std::vector<JwtRule> rules) {
    return RequestTokens({RequestAuthentication{"shop", "jwt", std::move(rules)}});
}

Request request_with(const mesh::Headers& headers, const std::string& target = "/") {
    Request request;
    request.target = target;
    request.headers = headers;
    request.headers.set("host", "cart.shop");
    return request;
}
Request bearer(const std::string& token) {
    return request_with({{"authorization", "Bearer " + token}});
}

JwtStatus asked(const std::vector<JwtRule>& rules, Request request) {
    return tokens_with(rules).check(request, kNow).status;
}

} // namespace

BOOST_AUTO_TEST_SUITE(jwt_requests)

BOOST_AUTO_TEST_CASE(one_rule) {
    BOOST_TEST((asked({rule_a()}, request_with({})) == JwtStatus::Missing));
    BOOST_TEST((asked({rule_a()}, bearer(token_a())) == JwtStatus::Ok));
    BOOST_TEST((asked({rule_a()}, bearer(token_b())) == JwtStatus::UnknownIssuer));
    BOOST_TEST((asked({rule_a()}, bearer(token_a(kExpired))) == JwtStatus::Expired));
    BOOST_TEST(
        (asked({rule_a()}, bearer(token_a(R"("nbf":1700000061)"))) == JwtStatus::NotYetValid));
    BOOST_TEST((asked({rule_a()}, bearer(token_a(R"("nbf":1700000060)"))) == JwtStatus::Ok));
    BOOST_TEST((asked({rule_a()}, bearer("x")) == JwtStatus::BadFormat));
    const auto forged = token_of(SigningKey::ec("P-256"), "ES256", claims("issuer-a"));
    BOOST_TEST((asked({rule_a()}, bearer(forged)) == JwtStatus::VerificationFails));
    auto strict = rule_a();
    strict.audiences = {"cart"};
    BOOST_TEST((asked({strict}, bearer(token_a())) == JwtStatus::AudienceNotAllowed));
    BOOST_TEST((asked({strict}, bearer(token_a(R"("aud":"cart")"))) == JwtStatus::Ok));
    auto fetched = rule_a();
    fetched.jwks.clear();
    fetched.jwks_uri = "https://example/jwks";
    BOOST_TEST((asked({fetched}, bearer(token_a())) == JwtStatus::VerificationFails));
    // Basic is no token, and a preflight has none that would count.
    BOOST_TEST(
        (asked({rule_a()}, request_with({{"authorization", "Basic eDp5"}})) == JwtStatus::Missing));
    auto preflight = bearer("x");
    preflight.method = "OPTIONS";
    BOOST_TEST((asked({rule_a()}, preflight) == JwtStatus::BadFormat));
    preflight.headers.set("origin", "https://example");
    preflight.headers.set("access-control-request-method", "PUT");
    BOOST_TEST((asked({rule_a()}, preflight) == JwtStatus::Missing));
}

BOOST_AUTO_TEST_CASE(verdicts_in_words) {
    auto request = bearer(token_a(kExpired));
    const auto verdict = tokens_with({rule_a()}).check(request, kNow);
    BOOST_TEST(!verdict.passes());
    BOOST_TEST(verdict.http_status() == 401);
    BOOST_TEST(
        verdict.story() ==
        "jwt_authn_access_denied{Jwt_is_expired} by RequestAuthentication shop/jwt, issuer "
        "issuer-a");
    mesh::TokenVerdict audience;
    audience.status = JwtStatus::AudienceNotAllowed;
    BOOST_TEST(audience.http_status() == 403);
    BOOST_TEST(
        mesh::token_challenge(request_with({}, "/cart?a=1")) ==
        "Bearer realm=\"http://cart.shop/cart?a=1\", error=\"invalid_token\"");
    const auto longest = mesh::token_challenge(request_with({}, "/" + std::string(1000, 'x')));
    BOOST_TEST(longest.size() < 330U);
}

BOOST_AUTO_TEST_CASE(places) {
    auto rule = rule_a();
    rule.from_headers = {{"X-Token", ""}, {"x-other", "JWT "}};
    rule.from_params = {"t"};
    rule.from_cookies = {"session"};
    const auto with = [&](const mesh::Headers& headers, const std::string& target = "/") {
        return asked({rule}, request_with(headers, target));
    };
    BOOST_TEST((with({{"x-token", token_a()}}) == JwtStatus::Ok));
    BOOST_TEST((with({{"x-token", "JWT " + token_a()}}) == JwtStatus::HeaderBadBase64));
    BOOST_TEST((with({{"x-other", "JWT " + token_a()}}) == JwtStatus::Ok));
    BOOST_TEST((with({{"x-other", "JWT   " + token_a()}}) == JwtStatus::Ok));
    BOOST_TEST((with({{"x-other", token_a()}}) == JwtStatus::Missing));
    BOOST_TEST((with({}, "/?t=" + token_a()) == JwtStatus::Ok));
    BOOST_TEST((with({}, "/?t=x") == JwtStatus::BadFormat));
    BOOST_TEST((with({{"cookie", "a=b; session=" + token_a()}}) == JwtStatus::Ok));
    // These are no places any more.
    BOOST_TEST((with({{"authorization", "Bearer x"}}, "/?access_token=x") == JwtStatus::Missing));
    // By default both are.
    BOOST_TEST((asked({rule_a()}, request_with({}, "/?access_token=x")) == JwtStatus::BadFormat));
    BOOST_TEST(
        (asked({rule_a()}, request_with({}, "/?access_token=" + token_a())) == JwtStatus::Ok));
    // All of them must be good: the application may read the other one.
    const auto both = request_with(
        {{"authorization", "Bearer " + token_a()}}, "/?access_token=" + token_a(kExpired));
    BOOST_TEST((asked({rule_a()}, both) == JwtStatus::Expired));
    const auto twice = request_with(
        {{"authorization", "Bearer " + token_a(kExpired)},
         {"authorization", "Bearer " + token_a()}});
    BOOST_TEST((asked({rule_a()}, twice) == JwtStatus::Expired));
}

BOOST_AUTO_TEST_CASE(several_rules) {
    const std::vector<JwtRule> both{rule_b(), rule_a()};
    BOOST_TEST((asked(both, request_with({})) == JwtStatus::Missing));
    BOOST_TEST((asked(both, bearer(token_a())) == JwtStatus::Ok));
    BOOST_TEST((asked(both, bearer(token_b())) == JwtStatus::Ok));
    BOOST_TEST((asked(both, bearer(token_a(kExpired))) == JwtStatus::Expired));
    BOOST_TEST((asked(both, bearer(token_b(kExpired))) == JwtStatus::Expired));
    const auto other = token_of(key_a(), "ES256", claims("issuer-c"));
    BOOST_TEST((asked(both, bearer(other)) == JwtStatus::UnknownIssuer));
    // In places of their own: one good token is enough, and the first issuer's counts.
    auto elsewhere = rule_b();
    elsewhere.from_headers = {{"x-b", ""}};
    auto request =
        request_with({{"authorization", "Bearer " + token_a()}, {"x-b", token_b(kExpired)}});
    const auto verdict = tokens_with({elsewhere, rule_a()}).check(request, kNow);
    BOOST_TEST((verdict.status == JwtStatus::Ok));
    BOOST_TEST(verdict.issuer == "issuer-a");
    BOOST_TEST(verdict.token->issuer == "issuer-a");
    // A bad one alone is refused, although the other place is empty.
    BOOST_TEST(
        (asked({elsewhere, rule_a()}, request_with({{"x-b", token_b(kExpired)}})) ==
         JwtStatus::Expired));
    // Of different policies.
    RequestTokens two(
        {RequestAuthentication{"istio-system", "mesh", {rule_b()}},
         RequestAuthentication{"shop", "own", {rule_a()}}});
    auto asks = bearer(token_b());
    BOOST_TEST(two.check(asks, kNow).policy == "istio-system/mesh");
    RequestTokens none({RequestAuthentication{"shop", "own", {}}});
    BOOST_TEST(none.empty());
    asks = bearer("x");
    BOOST_TEST((none.check(asks, kNow).status == JwtStatus::Missing));
}

BOOST_AUTO_TEST_CASE(what_the_application_gets) {
    auto rule = rule_a();
    rule.payload_header = "x-payload";
    rule.claim_headers = {
        {"x-sub", "sub"}, {"x-age", "age"}, {"x-ok", "ok"}, {"x-deep", "a.b"}, {"x-list", "l"}};
    const auto token = token_a(R"("age":7,"ok":true,"a":{"b":"c"},"l":["x"],"evil":"x\r\ny: z")");
    auto request = bearer(token);
    for (const auto* const name : {"x-payload", "x-sub", "x-list"}) {
        request.headers.add(name, "forged");
    }
    BOOST_TEST((tokens_with({rule}).check(request, kNow).status == JwtStatus::Ok));
    const auto first = token.find('.');
    BOOST_TEST(
        request.headers.get("x-payload") == token.substr(first + 1, token.rfind('.') - first - 1));
    BOOST_TEST(request.headers.get("x-sub") == "alice");
    BOOST_TEST(request.headers.get("x-age") == "7");
    BOOST_TEST(request.headers.get("x-ok") == "true");
    BOOST_TEST(request.headers.get("x-deep") == "c");
    BOOST_TEST(!request.headers.has("x-list"));
    BOOST_TEST(!request.headers.has("authorization")); // it is taken out
    // Forged ones go without a token, too.
    request = request_with({{"X-Sub", "root"}});
    BOOST_TEST((tokens_with({rule}).check(request, kNow).status == JwtStatus::Missing));
    BOOST_TEST(!request.headers.has("x-sub"));
    // A claim cannot end its field.
    rule.claim_headers = {{"x-evil", "evil"}};
    request = bearer(token);
    (void)tokens_with({rule}).check(request, kNow);
    BOOST_TEST(!request.headers.has("x-evil"));

    rule.forward_token = true;
    request = bearer(token);
    (void)tokens_with({rule}).check(request, kNow);
    BOOST_TEST(request.headers.get("authorization") == "Bearer " + token);
    // Out of the target as well, and nothing else of that.
    request = request_with({}, "/x?a=1&access_token=" + token_a() + "&b=%20");
    (void)tokens_with({rule_a()}).check(request, kNow);
    BOOST_TEST(request.target == "/x?a=1&b=%20");
    request = request_with({}, "/x?access_token=" + token_a());
    (void)tokens_with({rule_a()}).check(request, kNow);
    BOOST_TEST(request.target == "/x");
}

/// What has been verified is not verified again, but its time is looked at.
BOOST_AUTO_TEST_CASE(tokens_that_are_known) {
    auto tokens = tokens_with({rule_a()});
    const auto text = token_a(R"("exp":1700000000)");
    const auto at = [&](int seconds) {
        auto request = bearer(text);
        return tokens.check(request, kNow + std::chrono::seconds(seconds));
    };
    const auto first = at(0);
    BOOST_REQUIRE((first.status == JwtStatus::Ok));
    BOOST_TEST((at(60).token == first.token)); // the same value
    BOOST_TEST((at(61).status == JwtStatus::Expired));
    for (std::size_t i = 0; i < mesh::kJwtCacheMax; ++i) { // drives it out
        auto other = bearer(token_a("\"n\":" + std::to_string(i)));
        BOOST_REQUIRE((tokens.check(other, kNow).status == JwtStatus::Ok));
    }
    const auto again = at(0);
    BOOST_TEST((again.status == JwtStatus::Ok));
    BOOST_TEST((again.token != first.token));
}

BOOST_AUTO_TEST_CASE(policies_on_claims) {
    const auto parsed = mesh::parse_json(
        R"({"iss":"https://a.example/x","sub":"alice","aud":["cart","shop"],"azp":"app","n":1,
            "scope":"read write","groups":["dev"],"realm":{"roles":["admin"],"name":"r"}})");
    BOOST_REQUIRE(parsed);
    const auto is_denied = [&](const mesh::istio::Rule& rule, const mesh::JsonValue* claims) {
        mesh::istio::AuthorizationPolicy policy;
        policy.action = mesh::istio::AuthorizationPolicy::Action::Deny;
        policy.rules = {rule};
        const mesh::istio::RequestFacts facts{"GET", "/", "h", nullptr, claims};
        return !mesh::istio::decide({&policy, 1}, {}, &facts).allowed;
    };
    struct Row {
        std::string key; // "": requestPrincipals
        std::string value;
        bool matches;
    };
    for (const auto& row : std::vector<Row>{
             {"", "https://a.example/x/alice", true},
             {"", "https://a.example/x/bob", false},
             {"", "*", true},
             {"", "*/alice", true},
             {"", "*/x/alice", true},
             {"", "*ice", true}, // without a slash it is the subject's end
             {"", "*/ice", false},
             {"", "https://a.example/x/*", true},
             {"", "https://a.example/x/al*", true},
             {"", "https://a.example/*", false}, // behind the last slash is the subject
             {"", "https://a*", false},
             {"", "alice", false},
             {"", "", false},
             {"request.auth.principal", "https://a.example/x/alice", true},
             {"request.auth.audiences", "shop", true},
             {"request.auth.audiences", "s*", true},
             {"request.auth.audiences", "x", false},
             {"request.auth.presenter", "app", true},
             {"request.auth.presenter", "cart", false},
             {"request.auth.claims[groups]", "dev", true},
             {"request.auth.claims[groups]", "ops", false},
             {"request.auth.claims[scope]", "write", true},
             {"request.auth.claims[scope]", "read write", false},
             {"request.auth.claims[realm][roles]", "admin", true},
             {"request.auth.claims[realm][name]", "r", true},
             {"request.auth.claims[realm][none]", "*", false},
             {"request.auth.claims[realm]", "*", false},
             {"request.auth.claims[n]", "1", false}, // no text
             {"request.auth.claims[sub]", "*", true},
             {"request.auth.claims[none]", "*", false}}) {
        const auto rule_of = [&](bool negative) {
            mesh::istio::FieldValues values;
            (negative ? values.not_values : values.values) = {row.value};
            mesh::istio::Rule rule;
            if (row.key.empty()) {
                mesh::istio::Source source;
                source.request_principals = values;
                rule.from = {source};
            } else {
                rule.when = {{row.key, values}};
            }
            return rule;
        };
        BOOST_TEST(is_denied(rule_of(false), &*parsed) == row.matches, row.key << " " << row.value);
        BOOST_TEST(
            is_denied(rule_of(true), &*parsed) == !row.matches, row.key << " not " << row.value);
        // Without a token, no value matches, and every negative holds.
        BOOST_TEST(!is_denied(rule_of(false), nullptr), row.key << " " << row.value);
        BOOST_TEST(is_denied(rule_of(true), nullptr), row.key << " not " << row.value);
    }
}

BOOST_AUTO_TEST_SUITE_END()
