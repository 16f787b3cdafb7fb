#include <boost/test/unit_test.hpp>

#include "tests/unit/manifest_fixture.h"

using namespace manifest_test;

namespace {

std::string secret(const std::string& lines) {
    return "apiVersion: v1\nkind: Secret\nmetadata: {name: s}\n" + lines;
}

std::string ingress_class(const std::string& controller) {
    return "apiVersion: networking.k8s.io/v1\nkind: IngressClass\nmetadata: {name: c}\n"
           "spec: {controller: \"" +
           controller + "\"}\n";
}

} // namespace

BOOST_AUTO_TEST_SUITE(ingress_rules)

BOOST_AUTO_TEST_CASE(secrets_hold_base64) {
    const auto plain =
        object(secret("stringData: {user: bob, empty: \"\"}\ndata: {user: eA==, k: eA==}\n"));
    BOOST_TEST(plain["data"] == Json({{"user", "Ym9i"}, {"k", "eA=="}, {"empty", ""}}));
    BOOST_TEST(!plain.contains("stringData"));
    BOOST_TEST(plain["type"] == "Opaque");
    BOOST_TEST(!object(secret("type: x\n")).contains("data"));
    BOOST_TEST(
        finding(secret("data:\n  k: \"!\"\n")) ==
        "5:6 error: Secret \"s\": data[k]: illegal base64 data | write it as it is under "
        "`stringData`, or encode it: base64 -w0 FILE");
    BOOST_TEST(
        message(secret("data: {\"a b\": eA==}\n"))
            .find("Invalid value: \"a b\": a valid config key") != std::string::npos);
    BOOST_TEST(message(secret("data: [1]\n")).find("data") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_secret_for_tls_has_both_parts) {
    const std::string type = "type: kubernetes.io/tls\n";
    BOOST_TEST(findings(secret(type + "stringData: {tls.crt: a, tls.key: b}\n")).empty());
    BOOST_TEST(
        message(secret(type + "data: {tls.crt: eA==}\n")) ==
        "Secret \"s\": data: Required value: tls.key, as its type says");
    BOOST_TEST(findings(secret(type)).size() == 2U);
}

BOOST_AUTO_TEST_CASE(controllers_of_classes_have_a_domain) {
    BOOST_TEST(findings(ingress_class("example.com/x")).empty());
    for (const auto* bad : {"", "x", "/x", "example.com/"}) {
        BOOST_TEST(findings(ingress_class(bad)).size() == 1U, bad);
    }
    BOOST_TEST(
        message(ingress_class("e/" + std::string(260, 'x'))).find("no more than 250 characters") !=
        std::string::npos);
}

BOOST_AUTO_TEST_CASE(what_a_lab_says_of_ingress) {
    BOOST_TEST(findings(lab("ingress: {enabled: false, classes: [edge]}")).empty());
    BOOST_TEST(findings(lab("ingress: {enabled: maybe}")).size() == 1U);
    BOOST_TEST(findings(lab("ingress: {classes: [\"No Class\"]}")).size() == 1U);
}

BOOST_AUTO_TEST_SUITE_END()
