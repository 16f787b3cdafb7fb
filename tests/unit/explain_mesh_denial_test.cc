#include <boost/test/unit_test.hpp>

#include "labctl/explain/mesh_denial.h"
#include "tests/unit/explain_mesh_fixture.h"

// NOLINTBEGIN: Boost.Test's macros
using namespace labctl;
using labctl::test::authentication_yaml;
using labctl::test::authorization_yaml;
using labctl::test::MeshLab;

namespace {

/// Who denies it: "" nobody.
struct Attempt {
    const char* from = "shop/frontend";
    std::uint16_t port = 80; // of Service shop/backend
    const char* target = "/";
    const char* authority = "backend";
    const char* method = "GET";
};

std::string
address_of(const MeshLab& lab, const char* kind, const std::string& ns, const std::string& name) {
    const auto object = lab.store.get({kind, ns, name});
    return api::string_at(
        object->body, std::string(kind) == "Pod" ? "status.podIP" : "spec.clusterIP");
}

std::optional<explain::MeshDenial>
denial(const MeshLab& lab, const Attempt& tried, const std::string& to = {}) {
    explain::MeshAttempt attempt;
    attempt.from = tried.from;
    const auto slash = attempt.from.find('/');
    attempt.source =
        netemu::IpAddress::parse(
            address_of(lab, "Pod", attempt.from.substr(0, slash), attempt.from.substr(slash + 1)))
            .value();
    const auto address = to.empty() ? address_of(lab, "Service", "shop", "backend") : to;
    attempt.remote = {netemu::IpAddress::parse(address).value(), tried.port};
    attempt.target = tried.target;
    attempt.authority = tried.authority;
    attempt.method = tried.method;
    return explain::MeshDenials(lab.store, lab.sidecars->table()).of(attempt);
}

std::string denier(const MeshLab& lab, const Attempt& tried, const std::string& to = {}) {
    const auto found = denial(lab, tried, to);
    return found ? found->by : "";
}

} // namespace

BOOST_AUTO_TEST_SUITE(mesh_denials)

BOOST_AUTO_TEST_CASE(nobody_denies_without_policies) {
    const MeshLab lab;
    BOOST_TEST(denier(lab, {}) == "");
    BOOST_TEST(denier(lab, {"legacy/old"}) == "");
    BOOST_TEST(denier(lab, {"shop/frontend", 8080}, address_of(lab, "Pod", "legacy", "old")) == "");
    BOOST_TEST(denier(lab, {"shop/frontend", 1}, "10.9.9.9") == ""); // nobody's address
}

BOOST_AUTO_TEST_CASE(strict_denies_plaintext_by_its_policy) {
    const MeshLab lab(authentication_yaml("shop", "default", "{mtls: {mode: STRICT}}"));
    BOOST_TEST(denier(lab, {}) == "");
    BOOST_TEST(denier(lab, {"legacy/old"}) == "peerauthentication/shop/default");
    BOOST_TEST(denier(lab, {"legacy/old", 9000}) == "peerauthentication/shop/default");
    const auto pod = lab.pod_of("shop", "backend");
    const auto address = address_of(lab, "Pod", "shop", pod.substr(5));
    BOOST_TEST(
        denier(lab, {"shop/frontend", 8080}, address) ==
        "peerauthentication/shop/default"); // passed through
    const auto found = denial(lab, {"legacy/old"});
    BOOST_TEST(found->text.find("the sidecar of shop/backend-") == 0U);
    BOOST_TEST((found->policies == std::vector<std::string>{"peerauthentication/shop/default"}));
}

BOOST_AUTO_TEST_CASE(policies_see_the_request_as_it_was_sent) {
    const MeshLab lab(
        authorization_yaml(
            "shop",
            "get",
            "{selector: {matchLabels: {app: backend}}, rules: [{to: [{operation: "
            "{methods: [GET], paths: ['/api/*'], hosts: ['backend:8080', backend]}}]}]}") +
        authorization_yaml(
            "shop",
            "more",
            "{selector: {matchLabels: {app: backend}}, rules: [{to: [{operation: "
            "{paths: [/.labctl/whoami]}}]}]}") +
        authorization_yaml(
            "shop",
            "never",
            "{action: DENY, rules: [{to: [{operation: {paths: [/api/secret]}}]}]}"));
    const std::string both = "authorizationpolicy/shop/get";
    BOOST_TEST(denier(lab, {"shop/frontend", 80, "/api/x"}) == "");
    BOOST_TEST(denier(lab, {"shop/frontend", 80, "/api/x", "backend:8080"}) == "");
    BOOST_TEST(
        denier(lab, {"shop/frontend", 80, "/api/x", "backend:80"}) ==
        both); // hosts are compared with their port
    BOOST_TEST(denier(lab, {"shop/frontend", 80, "/api/x", "backend", "PUT"}) == both);
    BOOST_TEST(denier(lab, {"shop/frontend", 80, "/.labctl/whoami", "labctl"}) == "");
    BOOST_TEST(
        denier(lab, {"shop/frontend", 80, "/api/secret"}) == "authorizationpolicy/shop/never");
    BOOST_TEST(
        denier(lab, {"shop/frontend", 9000, "/api/x"}) ==
        "authorizationpolicy/shop/never"); // TCP: wider
    const auto found = denial(lab, {"shop/frontend", 80, "/x"});
    BOOST_TEST(
        (found->policies == std::vector<std::string>{both, "authorizationpolicy/shop/more"}));
}

BOOST_AUTO_TEST_CASE(a_bad_token_is_denied_by_who_validates_it) {
    const MeshLab lab(
        labctl::test::token_yaml("shop", "jwt", "app: backend") +
        authorization_yaml(
            "shop", "who", "{rules: [{from: [{source: {requestPrincipals: ['*/ann']}}]}]}"));
    const auto with = [&](const std::string& authorization) {
        explain::MeshAttempt attempt;
        attempt.from = "shop/frontend";
        attempt.source =
            netemu::IpAddress::parse(address_of(lab, "Pod", "shop", "frontend")).value();
        attempt.remote = {
            netemu::IpAddress::parse(address_of(lab, "Service", "shop", "backend")).value(), 80};
        attempt.authority = "backend";
        if (!authorization.empty()) {
            attempt.headers.add("authorization", authorization);
        }
        const auto found = explain::MeshDenials(lab.store, lab.sidecars->table()).of(attempt);
        return found ? found->by : "";
    };
    BOOST_TEST(with("") == "authorizationpolicy/shop/who");
    BOOST_TEST(with(labctl::test::bearer_of("bob")) == "authorizationpolicy/shop/who");
    BOOST_TEST(with(labctl::test::bearer_of("ann")) == "");
    BOOST_TEST(with(labctl::test::bearer_of("expired")) == "requestauthentication/shop/jwt");
    BOOST_TEST(with("Bearer x") == "requestauthentication/shop/jwt");
}

BOOST_AUTO_TEST_SUITE_END()
// NOLINTEND
