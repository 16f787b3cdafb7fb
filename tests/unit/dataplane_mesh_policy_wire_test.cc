#include <random>

#include <boost/test/unit_test.hpp>

#include "labctl/dataplane/mesh_policy_wire.h"
#include "netemu/base/error.h"

// NOLINTBEGIN: Boost.Test's macros
using namespace labctl::dataplane;
using namespace mesh::istio;

namespace {

/// Every field has a value of its own, so that none is taken for another.
std::vector<AuthorizationPolicy> all_of_it() {
    int next = 0;
    const auto values = [&next] {
        ++next;
        return FieldValues{{std::to_string(next), ""}, {"not " + std::to_string(next)}};
    };
    Source source;
    for (auto* field :
         {&source.principals,
          &source.request_principals,
          &source.namespaces,
          &source.service_accounts,
          &source.trust_domains,
          &source.ip_blocks,
          &source.remote_ip_blocks}) {
        *field = values();
    }
    Operation operation;
    for (auto* field : {&operation.hosts, &operation.ports, &operation.methods, &operation.paths}) {
        *field = values();
    }
    AuthorizationPolicy full;
    full.ns = "prod";
    full.name = std::string("\0\n\xff", 3);
    full.action = AuthorizationPolicy::Action::Custom;
    full.dry_run = true;
    full.provider = "opa";
    full.rules = {
        {{source, {}}, {operation, {}}, {{"source.ip", values()}, {"request.headers[x]", {}}}},
        Rule{}};
    AuthorizationPolicy nothing;
    nothing.ns = "a";
    nothing.name = "allow-nothing";
    return {full, nothing};
}

} // namespace

BOOST_AUTO_TEST_CASE(authorization_policies_arrive_as_they_were_sent) {
    BOOST_TEST(
        (decode_authorization_policies(encode_authorization_policies(all_of_it())) == all_of_it()));
    BOOST_TEST(decode_authorization_policies(encode_authorization_policies({})).empty());
}

BOOST_AUTO_TEST_CASE(authorization_policies_that_are_cut_short_are_refused) {
    const auto bytes = encode_authorization_policies(all_of_it());
    for (std::size_t size = 0; size < bytes.size(); ++size) {
        BOOST_CHECK_THROW(
            (void)decode_authorization_policies(bytes.substr(0, size)), netemu::Error);
    }
    BOOST_CHECK_THROW((void)decode_authorization_policies(bytes + "x"), netemu::Error);
}

BOOST_AUTO_TEST_CASE(actions_that_are_none_are_refused) {
    auto policies = all_of_it();
    policies[1].action = static_cast<AuthorizationPolicy::Action>(4);
    BOOST_CHECK_THROW(
        (void)decode_authorization_policies(encode_authorization_policies(policies)),
        netemu::Error);
}

BOOST_AUTO_TEST_CASE(authorization_policies_of_an_enemy_do_no_harm) {
    const auto bytes = encode_authorization_policies(all_of_it());
    std::mt19937 random(1);
    for (int round = 0; round < 20000; ++round) {
        auto changed = bytes;
        for (auto count = 1 + random() % 4; count > 0; --count) {
            changed[random() % changed.size()] = static_cast<char>(random());
        }
        try {
            for (const auto& policy : decode_authorization_policies(changed)) {
                BOOST_TEST((policy.action <= AuthorizationPolicy::Action::Custom));
            }
        } catch (const netemu::Error&) {
        }
    }
}
namespace {

std::vector<RequestAuthentication> all_of_tokens() {
    JwtRule rule;
    rule.issuer = "i";
    rule.audiences = {"a", "b"};
    rule.jwks = "{}";
    rule.jwks_uri = "u";
    rule.from_headers = {{"x", "p "}, {"y", ""}};
    rule.from_params = {"q"};
    rule.from_cookies = {"c", "d"};
    rule.forward_token = true;
    rule.payload_header = "o";
    rule.claim_headers = {{"h", "c"}};
    return {{"prod", "full", {rule, {}}}, {"", "", {}}};
}

} // namespace

BOOST_AUTO_TEST_CASE(request_authentications_arrive_as_they_were_sent) {
    const auto bytes = encode_request_authentications(all_of_tokens());
    BOOST_TEST((decode_request_authentications(bytes) == all_of_tokens()));
    for (std::size_t size = 0; size < bytes.size(); ++size) {
        BOOST_CHECK_THROW(
            (void)decode_request_authentications(bytes.substr(0, size)), netemu::Error);
    }
    BOOST_CHECK_THROW((void)decode_request_authentications(bytes + "x"), netemu::Error);
}

// NOLINTEND
