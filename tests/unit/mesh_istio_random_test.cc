#include <random>

#include <boost/test/unit_test.hpp>

#include "tests/unit/mesh_istio_fixture.h"

// The decision again, straight from the reference (mesh.md 4.2 to 4.4), for rules that know three
// facts only: who, to which port, with which method.

// NOLINTBEGIN: Boost.Test's macros
using namespace mesh_istio_test;

namespace {

struct Asked {
    std::string id;     // "": plaintext
    std::string port;   // of the destination
    std::string method; // "": TCP
};

std::vector<std::string> few(std::mt19937& random, const std::vector<std::string>& all) {
    std::vector<std::string> chosen;
    for (const auto& one : all) {
        if (random() % 4 == 0) {
            chosen.push_back(one);
        }
    }
    return chosen;
}

FieldValues few_of(std::mt19937& random, const std::vector<std::string>& all) {
    return {few(random, all), random() % 3 == 0 ? few(random, all) : std::vector<std::string>{}};
}

Rule random_rule(std::mt19937& random) {
    Rule rule;
    for (auto count = random() % 3; count > 0; --count) {
        rule.from.emplace_back().principals = few_of(random, {kIdA.substr(9), kIdB.substr(9), "*"});
    }
    for (auto count = random() % 3; count > 0; --count) {
        auto& operation = rule.to.emplace_back();
        operation.methods = few_of(random, {"GET", "PUT"});
        operation.ports = few_of(random, {"80", "8080"});
    }
    if (random() % 3 == 0) {
        rule.when.push_back({"request.headers[m]", few_of(random, {"GET", "PUT"})});
    }
    return rule;
}

/// 4.3; an absent field is true.
template <class Equal>
bool field_is_true(const FieldValues& field, Equal equal) {
    bool positive = field.values.empty();
    for (const auto& value : field.values) {
        positive = positive || equal(value);
    }
    bool negative = false;
    for (const auto& value : field.not_values) {
        negative = negative || equal(value);
    }
    return positive && !negative;
}

/// 4.4: what is left of a rule on TCP, or nothing.
std::optional<Rule> rule_for_tcp(Rule rule, bool is_allow) {
    bool had_any = false;
    for (auto& operation : rule.to) {
        had_any = had_any || !operation.methods.absent();
        operation.methods = {};
    }
    for (const auto& condition : rule.when) {
        had_any = had_any || !condition.values.absent();
    }
    rule.when.clear();
    return is_allow && had_any ? std::nullopt : std::optional(rule);
}

bool rule_is_true(const Rule& rule, const Asked& asked) {
    bool from = rule.from.empty();
    for (const auto& source : rule.from) {
        from = from || field_is_true(source.principals, [&](const std::string& value) {
                   return !asked.id.empty() && (value == "*" || "spiffe://" + value == asked.id);
               });
    }
    const auto is_method = [&](const std::string& value) { return value == asked.method; };
    bool to = rule.to.empty();
    for (const auto& operation : rule.to) {
        to = to || (field_is_true(operation.methods, is_method) &&
                    field_is_true(operation.ports, [&](const std::string& value) {
                        return value == asked.port;
                    }));
    }
    bool when = true;
    for (const auto& condition : rule.when) {
        when = when && field_is_true(condition.values, is_method);
    }
    return from && to && when;
}

bool policy_matches(const AuthorizationPolicy& policy, const Asked& asked) {
    for (const auto& rule : policy.rules) {
        const auto left = asked.method.empty() ? rule_for_tcp(rule, policy.action == Action::Allow)
                                               : std::optional(rule);
        if (left && rule_is_true(*left, asked)) {
            return true;
        }
    }
    return false;
}

/// 4.2
bool is_allowed(const std::vector<AuthorizationPolicy>& policies, const Asked& asked) {
    bool custom = false;
    bool deny = false;
    bool has_allow = false;
    bool allow = false;
    for (const auto& policy : policies) {
        if (policy.dry_run) {
            continue;
        }
        const bool matched = policy_matches(policy, asked);
        custom = custom || (policy.action == Action::Custom && matched);
        deny = deny || (policy.action == Action::Deny && matched);
        has_allow = has_allow || policy.action == Action::Allow;
        allow = allow || (policy.action == Action::Allow && matched);
    }
    return !custom && !deny && (!has_allow || allow);
}

Decision ask(const std::vector<AuthorizationPolicy>& policies, const Asked& asked) {
    auto peer = connection(asked.id);
    peer.destination.port = static_cast<std::uint16_t>(std::stoi(asked.port));
    OwnedRequest request;
    request.method = asked.method;
    request.headers.add("M", asked.method);
    const auto facts = request.facts();
    return decide(policies, peer, asked.method.empty() ? nullptr : &facts);
}

} // namespace

BOOST_AUTO_TEST_SUITE(authorization_at_random)

BOOST_AUTO_TEST_CASE(decisions_are_those_of_the_reference) {
    std::mt19937 random(11);
    std::array<int, 4> reasons{};
    for (int round = 0; round < 20000; ++round) {
        std::vector<AuthorizationPolicy> policies;
        for (auto count = random() % 4; count > 0; --count) {
            std::vector<Rule> rules;
            for (auto rest = random() % 3; rest > 0; --rest) {
                rules.push_back(random_rule(random));
            }
            policies.push_back(policy(
                static_cast<Action>(random() % 4), "p" + std::to_string(count), std::move(rules)));
            policies.back().dry_run = random() % 6 == 0;
        }
        for (const auto& id : {kIdA, kIdB, std::string()}) {
            for (const auto* method : {"GET", "PUT", ""}) {
                const Asked asked{id, random() % 2 == 0 ? "80" : "8080", method};
                const auto decision = ask(policies, asked);
                BOOST_TEST_REQUIRE(decision.allowed == is_allowed(policies, asked), decision.text);
                BOOST_TEST_REQUIRE(!decision.text.empty());
                const bool by_rule = decision.why == Why::Allowed || decision.why == Why::Denied;
                BOOST_TEST_REQUIRE(by_rule != decision.policy.empty());
                ++reasons[static_cast<std::size_t>(decision.why)];
            }
        }
    }
    for (const auto count : reasons) {
        BOOST_TEST(count > 1000); // the rounds are worth something
    }
}

BOOST_AUTO_TEST_SUITE_END()
// NOLINTEND
