#include <boost/test/unit_test.hpp>

#include "tests/unit/mesh_istio_fixture.h"

// NOLINTBEGIN: Boost.Test's macros
using namespace mesh_istio_test;

namespace {

Rule methods(std::vector<std::string> values) {
    Operation operation;
    operation.methods.values = std::move(values);
    return to(operation);
}

Rule ports(std::vector<std::string> values) {
    Operation operation;
    operation.ports.values = std::move(values);
    return to(operation);
}

Decision on_http(const std::vector<AuthorizationPolicy>& policies, const ConnectionFacts& peer) {
    const OwnedRequest request;
    const auto facts = request.facts();
    return decide(policies, peer, &facts);
}

Decision on_http(const std::vector<AuthorizationPolicy>& policies) {
    return on_http(policies, connection(kIdA));
}

Decision on_tcp(const std::vector<AuthorizationPolicy>& policies) {
    return decide(policies, connection(kIdA), nullptr);
}

AuthorizationPolicy dry(AuthorizationPolicy policy) {
    policy.dry_run = true;
    return policy;
}

} // namespace

BOOST_AUTO_TEST_SUITE(authorization_decisions)

// 4.7, the first table, in any order of the policies.
BOOST_AUTO_TEST_CASE(custom_then_deny_then_allow) {
    struct Row {
        bool custom, deny, allow_applies, allow, allowed;
        Why why;
    };
    for (const auto& row : {
             Row{true, true, true, true, false, Why::Denied},
             Row{true, false, true, true, false, Why::Denied},
             Row{true, false, false, false, false, Why::Denied},
             Row{false, true, true, true, false, Why::Denied},
             Row{false, true, false, false, false, Why::Denied},
             Row{false, false, false, false, true, Why::NoAllowPolicy},
             Row{false, false, true, true, true, Why::Allowed},
             Row{false, false, true, false, false, Why::NotAllowed},
         }) {
        std::vector<AuthorizationPolicy> policies;
        if (row.allow_applies) {
            policies.push_back(
                policy(Action::Allow, "allow", {methods({row.allow ? "GET" : "PUT"})}));
        }
        policies.push_back(policy(Action::Deny, "deny", {methods({row.deny ? "GET" : "PUT"})}));
        policies.push_back(
            policy(Action::Custom, "custom", {methods({row.custom ? "GET" : "PUT"})}));
        for (int order = 0; order < 2; ++order) {
            const auto decision = on_http(policies);
            BOOST_TEST(decision.allowed == row.allowed);
            BOOST_TEST((decision.why == row.why));
            std::reverse(policies.begin(), policies.end());
        }
        const auto by = row.custom ? "custom" : row.deny ? "deny" : row.allow ? "allow" : "";
        const auto named = *by == '\0' ? "" : "ns[prod]-policy[" + std::string(by) + "]-rule[0]";
        BOOST_TEST(on_http(policies).policy == named);
    }
}

// 4.7, the second table.
BOOST_AUTO_TEST_CASE(clients_and_policies) {
    const std::string a = "cluster.local/ns/a/sa/app";
    const std::string b = "cluster.local/ns/b/sa/other";
    const auto source = [](FieldValues Source::*field, FieldValues values) {
        Source made;
        made.*field = std::move(values);
        return from(made);
    };
    const std::vector policies{
        policy(Action::Allow, "p", {source(&Source::principals, {{a}, {}})}),
        policy(Action::Allow, "p", {source(&Source::principals, {{}, {b}})}),
        policy(Action::Deny, "p", {source(&Source::principals, {{}, {a}})}),
        policy(Action::Deny, "p", {source(&Source::namespaces, {{"a"}, {}})}),
        policy(Action::Allow, "p", {source(&Source::ip_blocks, {{"0.0.0.0/0"}, {}})}),
    };
    struct Row {
        std::string id;
        std::array<bool, 5> allowed;
    };
    for (const auto& row : {
             Row{kIdA, {true, true, true, false, true}},
             Row{kIdB, {false, false, false, true, true}},
             Row{"", {false, true, false, true, true}}, // plaintext
         }) {
        for (std::size_t i = 0; i < policies.size(); ++i) {
            BOOST_TEST_CONTEXT(row.id << " and policy " << i) {
                BOOST_TEST(on_http({policies[i]}, connection(row.id)).allowed == row.allowed[i]);
                const auto tcp = decide({&policies[i], 1}, connection(row.id), nullptr);
                BOOST_TEST(tcp.allowed == row.allowed[i]);
            }
        }
    }
}

// 4.2, the second table.
BOOST_AUTO_TEST_CASE(policies_without_rules_and_with_empty_ones) {
    const auto nothing = policy(Action::Allow, "allow-nothing", {});
    BOOST_TEST(!on_http({nothing}).allowed);
    BOOST_TEST((on_http({nothing}).why == Why::NotAllowed));
    BOOST_TEST(on_http({policy(Action::Allow, "allow-all", {Rule{}})}).allowed);
    BOOST_TEST(!on_http({policy(Action::Deny, "deny-all", {Rule{}})}).allowed);
    BOOST_TEST(on_http({policy(Action::Deny, "none", {})}).allowed);
    BOOST_TEST(on_http({policy(Action::Custom, "none", {})}).allowed);
    BOOST_TEST(on_http({nothing, policy(Action::Allow, "get", {methods({"GET"})})}).allowed);
}

BOOST_AUTO_TEST_CASE(dry_runs_decide_nothing) {
    const auto allow_put = policy(Action::Allow, "put", {methods({"PUT"})});
    const auto deny = dry(policy(Action::Deny, "get", {methods({"PUT"}), methods({"GET"})}));
    const auto denied = on_http({deny});
    BOOST_TEST(denied.allowed);
    BOOST_TEST((denied.why == Why::NoAllowPolicy));
    BOOST_TEST_REQUIRE(denied.dry_runs.size() == 1U);
    BOOST_TEST(
        denied.dry_runs[0] ==
        "would be denied by AuthorizationPolicy prod/get, rule 2: methods GET");

    const auto all_dry = on_http({dry(allow_put)}); // no enforced ALLOW policy
    BOOST_TEST(all_dry.allowed);
    BOOST_TEST_REQUIRE(all_dry.dry_runs.size() == 1U);
    BOOST_TEST(
        all_dry.dry_runs[0] == "would be denied: no rule of the ALLOW policies matches (prod/put)");

    const auto allow_get = dry(policy(Action::Allow, "get", {methods({"GET"})}));
    const auto mixed = on_http({allow_get, allow_put});
    BOOST_TEST(!mixed.allowed);
    BOOST_TEST_REQUIRE(mixed.dry_runs.size() == 1U);
    BOOST_TEST(
        mixed.dry_runs[0] ==
        "would be allowed by AuthorizationPolicy prod/get, rule 1: methods GET");
    BOOST_TEST(on_http({dry(policy(Action::Custom, "c", {Rule{}}))}).allowed);
    BOOST_TEST(on_http({dry(policy(Action::Audit, "c", {Rule{}}))}).audited.empty());
}

BOOST_AUTO_TEST_CASE(audits_change_nothing) {
    const auto audit = policy(Action::Audit, "audit", {methods({"GET"}), methods({"PUT"}), Rule{}});
    const std::vector<std::string> names{
        "ns[prod]-policy[audit]-rule[0]", "ns[prod]-policy[audit]-rule[2]"};
    const auto alone = on_http({audit});
    BOOST_TEST(alone.allowed);
    BOOST_TEST((alone.why == Why::NoAllowPolicy));
    BOOST_TEST(alone.audited == names, boost::test_tools::per_element());
    const auto with_deny = on_http({audit, policy(Action::Deny, "deny-all", {Rule{}})});
    BOOST_TEST(!with_deny.allowed);
    BOOST_TEST(with_deny.audited == names, boost::test_tools::per_element());
    BOOST_TEST(on_http({policy(Action::Audit, "a", {methods({"PUT"})})}).audited.empty());
}

// 4.4
BOOST_AUTO_TEST_CASE(fields_of_http_on_tcp) {
    const auto get = methods({"GET"});
    Rule get_on_port = ports({"8080"});
    get_on_port.to[0].methods.values = {"GET"};
    Rule get_elsewhere = ports({"9000"});
    get_elsewhere.to[0].methods.values = {"GET"};
    struct Row {
        const char* what;
        Action action;
        Rule rule;
        bool allowed;
    };
    Rule not_get;
    not_get.to = {Operation{}};
    not_get.to[0].methods.not_values = {"GET"};
    Rule either = get; // one of its operations could be looked at
    either.to.push_back(ports({"8080"}).to[0]);
    Source token;
    token.request_principals.values = {"*"};
    for (const auto& row : {
             Row{"allow get", Action::Allow, get, false},
             Row{"allow get on the port", Action::Allow, get_on_port, false},
             Row{"allow not get", Action::Allow, not_get, false},
             Row{"allow get, or the port", Action::Allow, either, false},
             Row{"allow the port", Action::Allow, ports({"8080"}), true},
             Row{"allow token", Action::Allow, from(token), false},
             Row{"allow header", Action::Allow, when("request.headers[x]", {{}, {"y"}}), false},
             Row{"deny get", Action::Deny, get, false},
             Row{"deny not get", Action::Deny, not_get, false},
             Row{"deny get on the port", Action::Deny, get_on_port, false},
             Row{"deny get on another", Action::Deny, get_elsewhere, true},
             Row{"deny token", Action::Deny, from(token), false},
             Row{"deny header", Action::Deny, when("request.headers[x]", {{"y"}, {}}), false},
             Row{"deny claim", Action::Deny, when("request.auth.claims[x]", {{"y"}, {}}), false},
             Row{"custom get", Action::Custom, get, false},
         }) {
        BOOST_TEST(on_tcp({policy(row.action, "p", {row.rule})}).allowed == row.allowed, row.what);
    }
    BOOST_TEST(
        on_tcp({policy(Action::Allow, "p", {get, ports({"8080"})})}).policy ==
        "ns[prod]-policy[p]-rule[1]");
    BOOST_TEST(on_tcp({policy(Action::Audit, "p", {get})}).audited.size() == 1U);
    Source forwarded; // the address is the peer's
    forwarded.remote_ip_blocks.values = {"10.1.0.5"};
    BOOST_TEST(on_tcp({policy(Action::Allow, "p", {from(forwarded)})}).allowed);
}

BOOST_AUTO_TEST_CASE(values_that_are_none_are_left_out_as_on_tcp) {
    Source source;
    source.ip_blocks.values = {"10.1.0.0/33"};
    for (const auto& rule : {from(source), ports({"0"}), ports({"http"}), ports({"65536"})}) {
        BOOST_TEST(!on_http({policy(Action::Allow, "p", {rule})}).allowed);
        BOOST_TEST(!on_http({policy(Action::Deny, "p", {rule})}).allowed);
    }
}

BOOST_AUTO_TEST_CASE(decisions_in_plain_words) {
    const auto text = [](const AuthorizationPolicy& one) { return on_http({one}).text; };
    BOOST_TEST(on_http({}).text == "allowed: no AuthorizationPolicy with the action ALLOW applies");
    BOOST_TEST(
        text(policy(Action::Deny, "deny-get", {methods({"PUT", "GET"})})) ==
        "denied by AuthorizationPolicy prod/deny-get, rule 1: methods GET");
    BOOST_TEST(
        text(policy(Action::Deny, "deny-all", {Rule{}})) ==
        "denied by AuthorizationPolicy prod/deny-all, rule 1: it matches everything");
    BOOST_TEST(
        text(policy(Action::Allow, "nothing", {})) ==
        "denied: ALLOW policies without rules allow nothing (prod/nothing)");
    BOOST_TEST(
        text(policy(Action::Allow, "put", {methods({"PUT"})})) ==
        "denied: no rule of the ALLOW policies matches (prod/put)");
    auto custom = policy(Action::Custom, "ext", {Rule{}});
    custom.provider = "opa";
    BOOST_TEST(
        text(custom) ==
        "denied by AuthorizationPolicy prod/ext, rule 1: it matches everything; it asks the "
        "provider \"opa\", and there is no provider");
    BOOST_TEST(
        on_tcp({policy(Action::Deny, "deny-get", {methods({"GET"})})}).text ==
        "denied by AuthorizationPolicy prod/deny-get, rule 1: methods (not looked at on TCP)");
    BOOST_TEST(
        on_tcp({policy(Action::Allow, "get", {methods({"GET"})})}).text ==
        "denied: no rule of the ALLOW policies matches (prod/get); on TCP, rules with fields of "
        "HTTP are left out");
    Source source;
    source.namespaces.values = {"a"};
    source.ip_blocks.not_values = {"1.1.1.1", "1.1.1.2", "1.1.1.3", "1.1.1.4"};
    auto rule = from(source);
    rule.when = {{"destination.port", {{"8080"}, {"81"}}}};
    BOOST_TEST(
        text(policy(Action::Allow, "a", {rule})) ==
        "allowed by AuthorizationPolicy prod/a, rule 1: namespaces a; notIpBlocks 1.1.1.1, "
        "1.1.1.2, 1.1.1.3, ...; destination.port 8080; destination.port not 81");
    BOOST_TEST(
        on_http({policy(Action::Allow, "a", {rule})}, connection("")).text ==
        "denied: no rule of the ALLOW policies matches (prod/a); the client has no identity, as "
        "it came without mutual TLS");
}

BOOST_AUTO_TEST_SUITE_END()
// NOLINTEND
