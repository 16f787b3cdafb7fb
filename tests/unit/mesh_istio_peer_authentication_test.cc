#include <boost/test/unit_test.hpp>

#include "mesh/istio/peer_authentication.h"
#include "mesh/istio/scope.h"

// NOLINTBEGIN: Boost.Test's macros
using namespace mesh::istio;

namespace {

constexpr auto kUnset = MtlsMode::Unset;
constexpr auto kDisable = MtlsMode::Disable;
constexpr auto kPermissive = MtlsMode::Permissive;
constexpr auto kStrict = MtlsMode::Strict;

const Labels kWeb{{"app", "web"}};

PeerAuthentication of(const char* ns, MtlsMode mode, Labels selector = {}) {
    PeerAuthentication made;
    made.ns = ns;
    made.name = selector.empty() ? "default" : "workload";
    made.selector = std::move(selector);
    made.mode = mode;
    made.created = "2026-01-02T00:00:00Z";
    return made;
}

EffectiveMtls mode(const std::vector<PeerAuthentication>& policies, std::uint16_t port = 8080) {
    return effective_mtls(policies, "prod", {{"app", "web"}, {"tier", "x"}}, port);
}

void check(const EffectiveMtls& got, MtlsMode mode, const std::string& policy, bool port = false) {
    BOOST_TEST(mtls_mode_name(got.mode) == mtls_mode_name(mode));
    BOOST_TEST(got.policy == policy);
    BOOST_TEST(got.by_port == port);
}

} // namespace

BOOST_AUTO_TEST_SUITE(peer_authentication)

BOOST_AUTO_TEST_CASE(each_scope_replaces_the_wider_one) {
    check(mode({}), kPermissive, "");
    const auto mesh = of("istio-system", kStrict);
    const auto ns = of("prod", kDisable);
    const auto workload = of("prod", kPermissive, kWeb);
    check(mode({mesh}), kStrict, "istio-system/default");
    check(mode({ns, mesh}), kDisable, "prod/default");
    check(mode({workload, ns, mesh}), kPermissive, "prod/workload");
    check(mode({workload}), kPermissive, "prod/workload");
    check(
        mode({mesh, of("prod", kUnset), of("prod", kUnset, kWeb)}), kStrict, mesh.ns + "/default");
    check(mode({ns, of("prod", kUnset, kWeb)}), kDisable, "prod/default");
    check(mode({of("istio-system", kUnset), of("prod", kUnset)}), kPermissive, "");
    check(mode({of("other", kStrict), of("other", kStrict, kWeb)}), kPermissive, "");
    check(mode({of("prod", kStrict, {{"app", "db"}})}), kPermissive, "");
    check(mode({of("prod", kStrict, {{"app", "web"}, {"tier", "y"}})}), kPermissive, "");
}

BOOST_AUTO_TEST_CASE(a_selector_in_the_root_namespace_selects_nothing) {
    const auto policy = of("istio-system", kStrict, kWeb);
    check(mode({policy}), kPermissive, "");
    check(effective_mtls(std::span(&policy, 1), "istio-system", kWeb, 1), kPermissive, "");
    const auto mesh = of("istio-system", kStrict);
    check(
        effective_mtls(std::span(&mesh, 1), "istio-system", kWeb, 1),
        kStrict,
        mesh.ns + "/default");
    check(effective_mtls(std::span(&mesh, 1), "prod", kWeb, 1, "other-root"), kPermissive, "");
}

BOOST_AUTO_TEST_CASE(of_two_in_one_scope_the_older_counts) {
    auto older = of("prod", kStrict);
    older.name = "z";
    older.created = "2026-01-01T00:00:00Z";
    const auto newer = of("prod", kDisable);
    check(mode({older, newer}), kStrict, "prod/z");
    check(mode({newer, older}), kStrict, "prod/z");
    older.mode = kUnset; // it counts all the same
    check(mode({newer, older}), kPermissive, "");
    older.created = newer.created;
    older.mode = kStrict;
    check(mode({older, newer}), kDisable, "prod/default"); // by name
    auto first = of("prod", kUnset, kWeb);
    first.created = "2025-01-01T00:00:00Z";
    first.port_modes = {{8080, kStrict}};
    auto second = of("prod", kDisable, kWeb);
    second.name = "second";
    second.port_modes = {{9090, kStrict}};
    check(mode({second, first}), kStrict, "prod/workload", true);
    check(mode({second, first}, 9090), kPermissive, "");
}

BOOST_AUTO_TEST_CASE(ports_of_a_workload) {
    auto workload = of("prod", kStrict, kWeb);
    workload.port_modes = {{8080, kDisable}, {9090, kUnset}};
    check(mode({workload}, 8080), kDisable, "prod/workload", true);
    check(mode({workload}, 9090), kStrict, "prod/workload");
    check(mode({workload}, 80), kStrict, "prod/workload");
    workload.mode = kUnset;
    check(mode({of("prod", kStrict), workload}, 9090), kStrict, "prod/default");
    check(mode({of("prod", kStrict), workload}, 8080), kDisable, "prod/workload", true);
    for (const auto* ns : {"prod", "istio-system"}) { // without a selector they do nothing
        auto wide = of(ns, kStrict);
        wide.port_modes = {{8080, kDisable}};
        check(mode({wide}), kStrict, std::string(ns) + "/default");
    }
}

// 4.1
BOOST_AUTO_TEST_CASE(which_authorization_policies_apply) {
    const Labels labels{{"app", "web"}, {"tier", "x"}};
    const auto to_pod = [&](const PolicyScope& scope) { return applies(scope, "prod", labels); };
    BOOST_TEST(to_pod({"prod", {}, false}));
    BOOST_TEST(to_pod({"prod", kWeb, false}));
    BOOST_TEST(to_pod({"istio-system", {}, false}));
    BOOST_TEST(to_pod({"istio-system", kWeb, false}));
    BOOST_TEST(!to_pod({"other", {}, false}));
    BOOST_TEST(!to_pod({"other", kWeb, false}));
    BOOST_TEST(!to_pod({"prod", {{"app", "db"}}, false}));
    BOOST_TEST(!to_pod({"prod", {{"app", "web"}, {"none", ""}}, false}));
    BOOST_TEST(!to_pod({"istio-system", {{"app", "db"}}, false}));
    BOOST_TEST(!to_pod({"prod", {}, true}));
    BOOST_TEST(!to_pod({"istio-system", kWeb, true}));
    BOOST_TEST(applies({"mesh-root", {}, false}, "prod", labels, "mesh-root"));
    BOOST_TEST(!applies({"istio-system", {}, false}, "prod", labels, "mesh-root"));
}

BOOST_AUTO_TEST_SUITE_END()
// NOLINTEND
