#include <boost/test/unit_test.hpp>

#include "mesh/istio/policy_match.h"
#include "tests/unit/mesh_istio_fixture.h"

// NOLINTBEGIN: Boost.Test's macros
using namespace mesh_istio_test;

namespace {

Source of_principals(std::vector<std::string> values, std::vector<std::string> not_values = {}) {
    Source source;
    source.principals = {std::move(values), std::move(not_values)};
    return source;
}

Operation of_methods(std::vector<std::string> values) {
    Operation operation;
    operation.methods.values = std::move(values);
    return operation;
}

PolicyMatch
match_of(const AuthorizationPolicy& asked, const std::string& peer = kIdA, bool http = true) {
    OwnedRequest request;
    request.headers.set("x-a", "1");
    const auto facts = request.facts();
    return match_policy(asked, connection(peer), http ? &facts : nullptr);
}

std::string text_of(const Rule& rule, const std::string& peer = kIdA, bool http = true) {
    return match_of(policy(Action::Allow, "p", {rule}), peer, http).text;
}

} // namespace

BOOST_AUTO_TEST_SUITE(policy_matches)

BOOST_AUTO_TEST_CASE(the_first_rule_that_matches) {
    const auto found = match_of(
        policy(Action::Deny, "p", {to(of_methods({"POST"})), to(of_methods({"GET"})), Rule{}}));
    BOOST_REQUIRE(found.rule.has_value());
    BOOST_TEST(*found.rule == 1U);
    BOOST_TEST(found.text == "methods GET");
    // whatever the action is, and a dry run, too
    for (const auto action : {Action::Allow, Action::Deny, Action::Audit, Action::Custom}) {
        auto one = policy(action, "p", {Rule{}});
        one.dry_run = true;
        BOOST_TEST(match_of(one).rule.has_value());
        BOOST_TEST(match_of(one).text == "it matches everything");
    }
    BOOST_TEST(
        match_of(policy(Action::Allow, "p", {})).text == "it has no rules, so nothing matches");
}

BOOST_AUTO_TEST_CASE(what_does_not_match) {
    Source ip;
    ip.ip_blocks.values = {"10.9.0.0/16"};
    Source ns;
    ns.namespaces.values = {"z"};
    Source account;
    account.service_accounts.values = {"z/z"};
    Source domain;
    domain.trust_domains.values = {"z"};
    Source remote;
    remote.remote_ip_blocks.values = {"10.9.0.0/16"};
    Source token;
    token.request_principals.values = {"*"};
    Operation port;
    port.ports.values = {"80"};
    Operation host;
    host.hosts.values = {"a", "b", "c", "d"};
    Operation path;
    path.paths = {{}, {"/*"}};
    struct Row {
        Rule rule;
        const char* text;
    };
    for (const auto& row : {
             Row{from(of_principals({"x"})), "principals x: it is cluster.local/ns/a/sa/app"},
             Row{from(of_principals({}, {"cluster.local/ns/a/*"})),
                 "notPrincipals cluster.local/ns/a/*: it is cluster.local/ns/a/sa/app"},
             Row{from(ip), "ipBlocks 10.9.0.0/16: it is 10.1.0.5"},
             Row{from(remote), "remoteIpBlocks 10.9.0.0/16: it is 10.1.0.5"},
             Row{from(ns), "namespaces z: it is a"},
             Row{from(account), "serviceAccounts z/z: it is a/app"},
             Row{from(domain), "trustDomains z: it is cluster.local"},
             Row{from(token), "requestPrincipals *: no token was validated"},
             Row{to(port), "ports 80: it is 8080"},
             Row{to(host), "hosts a, b, c, ...: it is web.prod.svc.cluster.local"},
             Row{to(path), "notPaths /*: it is /"},
             Row{when("request.headers[x-a]", {{"2"}, {}}), "request.headers[x-a] 2: it is 1"},
             Row{when("request.headers[x-a]", {{}, {"1"}}), "request.headers[x-a] not 1: it is 1"},
             Row{when("request.headers[x-b]", {{"2"}, {}}),
                 "request.headers[x-b] 2: there is none"},
             Row{when("destination.ip", {{"10.9.0.1"}, {}}),
                 "destination.ip 10.9.0.1: it is 10.1.0.9"},
             Row{when("connection.sni", {{"x"}, {}}), "connection.sni x: it is empty"},
             Row{when("no.key", {{"2"}, {}}), "there is no key no.key"},
         }) {
        BOOST_TEST(text_of(row.rule) == "rule 1: " + std::string(row.text));
    }
    BOOST_TEST(
        text_of(from(of_principals({"x"})), "") ==
        "rule 1: principals x: it comes without an identity");
}

BOOST_AUTO_TEST_CASE(all_parts_are_told_of) {
    Rule rule;
    rule.from = {of_principals({"x"}), of_principals({"y"})};
    rule.to = {of_methods({"POST"})};
    BOOST_TEST(
        match_of(policy(Action::Allow, "p", {rule, to(of_methods({"PUT"}))})).text ==
        "rule 1: principals x: it is cluster.local/ns/a/sa/app or principals y: it is "
        "cluster.local/ns/a/sa/app, methods POST: it is GET; rule 2: methods PUT: it is GET");
}

// 4.4
BOOST_AUTO_TEST_CASE(http_on_tcp) {
    const std::vector<Rule> rules{from(of_principals({"x"})), to(of_methods({"GET"}))};
    const auto allow = match_of(policy(Action::Allow, "p", rules), kIdA, false);
    BOOST_TEST(!allow.rule.has_value());
    BOOST_TEST(allow.http_only == std::vector<std::size_t>{1});
    BOOST_TEST(allow.text.ends_with("rule 2: left out, as it asks for what only HTTP has"));
    const auto deny = match_of(policy(Action::Deny, "p", rules), kIdA, false);
    BOOST_REQUIRE(deny.rule.has_value());
    BOOST_TEST(*deny.rule == 1U);
    BOOST_TEST(deny.http_only == std::vector<std::size_t>{1});
    BOOST_TEST(match_of(policy(Action::Allow, "p", rules)).http_only.empty());
    Source bad;
    bad.ip_blocks.values = {"no address"};
    BOOST_TEST(text_of(from(bad)) == "rule 1: left out, as a value of it cannot be read");
}

BOOST_AUTO_TEST_CASE(names_of_actions) {
    BOOST_TEST(action_name(Action::Allow) == "ALLOW");
    BOOST_TEST(action_name(Action::Deny) == "DENY");
    BOOST_TEST(action_name(Action::Audit) == "AUDIT");
    BOOST_TEST(action_name(Action::Custom) == "CUSTOM");
}

BOOST_AUTO_TEST_SUITE_END()
// NOLINTEND
