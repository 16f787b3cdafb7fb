#include <array>
#include <random>

#include <boost/test/unit_test.hpp>

#include "tests/unit/mesh_linkerd_fixture.h"

// The decision again, straight from the reference (mesh.md 8.1, 8.2), for few names, paths and
// addresses.

// NOLINTBEGIN: Boost.Test's macros
using namespace mesh_linkerd_test;

namespace {

struct Question {
    std::string id; // "": plaintext
    std::string from;
    std::string method, path; // "": TCP
};

const std::array<std::string, 3> kPaths{"/", "/a", "/a/b"};

template <class List>
auto one_of(std::mt19937& random, const List& list) {
    return list[random() % list.size()];
}

AuthorizationPolicy random_policy(std::mt19937& random, int number) {
    auto made = policy("p" + std::to_string(number), random() % 3 == 0 ? "s1" : "s0");
    const auto target = random() % 4;
    if (target == 0) {
        made.target = {"", "Namespace", "", "shop"};
    } else if (target == 1) {
        made.target = {kPolicyGroup, "HTTPRoute", "", random() % 2 == 0 ? "r0" : "r1"};
    }
    if (random() % 2 == 0) {
        made.required.push_back(mesh_tls(random() % 3 == 0 ? "gone" : "m"));
    }
    if (random() % 3 == 0) {
        made.required.push_back(network(random() % 4 == 0 ? "gone" : "n"));
    }
    if (random() % 8 == 0) {
        made.required.push_back(account("web"));
    }
    return made;
}

Policies random_policies(std::mt19937& random) {
    Policies made;
    for (int i = 0; i < 2; ++i) {
        if (random() % 4 != 0) {
            made.servers.push_back(server(
                "s" + std::to_string(i),
                random() % 3 == 0 ? 6379 : 8080,
                random() % 2 == 0 ? "1" : "2"));
            made.servers.back().access_policy =
                static_cast<DefaultPolicy>(random() % 12 < 6 ? random() % 6 : 5);
        }
        if (random() % 3 == 0) {
            made.routes.push_back(route(
                "r" + std::to_string(i),
                random() % 2 == 0 ? "s0" : "s1",
                {one_of(random, kPaths)}));
        }
    }
    for (auto count = random() % 4; count > 0; --count) {
        made.authorization_policies.push_back(random_policy(random, static_cast<int>(count)));
    }
    if (random() % 3 == 0) {
        ServerAuthorization saz;
        saz.ns = "shop";
        saz.name = "saz";
        saz.server = random() % 2 == 0 ? "s0" : "s1";
        saz.unauthenticated = random() % 3 == 0;
        saz.unauthenticated_tls = random() % 3 == 0;
        if (random() % 2 == 0) {
            saz.identities = {kOther};
        }
        made.server_authorizations = {saz};
    }
    made.mesh_tls = {
        {"shop",
         "m",
         {random() % 2 == 0 ? kWeb : "*.other.serviceaccount.identity.linkerd.cluster.local"},
         {}}};
    made.networks = {{"shop", "n", {range("10.1.0.0/16")}}};
    return made;
}

/// 8.2, the table of authorizations.
bool policy_lets_in(const Policies& all, const AuthorizationPolicy& one, const Question& asked) {
    int identities = 0;
    bool holds = true;
    for (const auto& reference : one.required) {
        if (reference.name == "gone") {
            return false;
        }
        if (reference.kind == "NetworkAuthentication") {
            holds = holds && asked.from.starts_with("10.1.");
            continue;
        }
        ++identities;
        const bool account = reference.kind == "ServiceAccount";
        const bool names_web = account || all.mesh_tls[0].identities[0] == kWeb;
        holds = holds && asked.id == (names_web ? kWeb : kOther);
    }
    return identities < 2 && holds;
}

bool default_lets_in(DefaultPolicy policy, const Question& asked) {
    const bool meshed = !asked.id.empty();
    const bool inside = asked.from.starts_with("10.");
    switch (policy) {
    case DefaultPolicy::AllUnauthenticated:
    case DefaultPolicy::Audit:
        return true;
    case DefaultPolicy::AllAuthenticated:
        return meshed;
    case DefaultPolicy::ClusterUnauthenticated:
        return inside;
    case DefaultPolicy::ClusterAuthenticated:
        return inside && meshed;
    case DefaultPolicy::Deny:
        return false;
    }
    return false;
}

bool takes(const std::string& prefix, const std::string& path) {
    return prefix == "/" || path == prefix || path.starts_with(prefix + "/");
}

/// 403, 404 or 0.
int answer(const Policies& all, const Question& asked) {
    const Server* governing = nullptr;
    for (const auto& one : all.servers) {
        if (one.port == 8080 && (governing == nullptr || one.created < governing->created)) {
            governing = &one; // of two of an age the first by name, which comes first here
        }
    }
    if (governing == nullptr) {
        return 0;
    }
    const HttpRoute* taken = nullptr;
    bool any_route = false;
    for (const auto& one : all.routes) {
        const auto& prefix = one.table.rules[0].matches[0].path.value;
        if (asked.path.empty() || one.parents[0].name != governing->name) {
            continue;
        }
        any_route = true;
        if (takes(prefix, asked.path) &&
            (taken == nullptr ||
             prefix.size() > taken->table.rules[0].matches[0].path.value.size())) {
            taken = &one;
        }
    }
    if (any_route && taken == nullptr) {
        return 404;
    }
    bool allowed = default_lets_in(governing->access_policy, asked);
    for (const auto& one : all.authorization_policies) {
        const bool meant =
            one.target.kind == "Namespace" ||
            (one.target.kind == "Server" && one.target.name == governing->name) ||
            (one.target.kind == "HTTPRoute" && taken != nullptr && one.target.name == taken->name);
        allowed = allowed || (meant && policy_lets_in(all, one, asked));
    }
    for (const auto& one : all.server_authorizations) {
        const bool client =
            one.unauthenticated || (one.unauthenticated_tls && !asked.id.empty()) ||
            (!one.unauthenticated_tls && !one.identities.empty() && asked.id == kOther);
        allowed =
            allowed || (one.server == governing->name && client && asked.from.starts_with("10."));
    }
    return allowed ? 0 : 403;
}

} // namespace

BOOST_AUTO_TEST_SUITE(linkerd_at_random)

BOOST_AUTO_TEST_CASE(decisions_are_those_of_the_reference) {
    std::mt19937 random(7);
    std::map<int, int> answers;
    for (int round = 0; round < 20000; ++round) {
        const auto policies = random_policies(random);
        for (const auto& id : {kWeb, kOther, std::string()}) {
            for (const auto* path : {"", "/", "/a", "/a/b", "/ab"}) {
                const std::string from = random() % 3 == 0   ? "203.0.113.7"
                                         : random() % 2 == 0 ? "10.1.0.5"
                                                             : "10.2.0.5";
                const Question asked{id, from, "GET", path};
                const auto decision = asked.path.empty()
                                          ? on_tcp(policies, client(id, from))
                                          : on_http(policies, client(id, from), {"GET", path});
                const auto wanted = answer(policies, asked);
                BOOST_TEST_REQUIRE(decision.status == wanted, decision.text);
                BOOST_TEST_REQUIRE(decision.allowed == (wanted == 0));
                BOOST_TEST_REQUIRE(!decision.text.empty());
                BOOST_TEST_REQUIRE(decision.authorization.empty() == !decision.allowed);
                ++answers[wanted];
            }
        }
    }
    for (const auto status : {0, 403, 404}) {
        BOOST_TEST(answers[status] > 10000); // the rounds are worth something
    }
}

BOOST_AUTO_TEST_SUITE_END()
// NOLINTEND
