#include <boost/test/unit_test.hpp>

#include "labctl/report/describe.h"
#include "labctl/report/ingress_text.h"
#include "labctl/report/printer.h"
#include "tests/unit/report_fixture.h"

using labctl::api::Json;
using labctl::report::describe_object;
using labctl::report::DescribeOptions;
using labctl::report::ingress_explain_text;
using labctl::report::testing::check_golden;
using labctl::report::testing::kNow;
using labctl::report::testing::object;
using labctl::report::testing::objects_from;

namespace {

std::string describe_of(const std::vector<labctl::api::ObjectPtr>& all, const std::string& name) {
    DescribeOptions options;
    options.now = kNow;
    options.related = all;
    for (const auto& candidate : all) {
        if (candidate->kind() == "Ingress" && candidate->name() == name) {
            return describe_object(*candidate, options);
        }
    }
    return "no Ingress " + name;
}

} // namespace

BOOST_AUTO_TEST_SUITE(report_ingress)

BOOST_AUTO_TEST_CASE(ingresses_as_kubectl_describes_them) {
    const auto all = objects_from("ingresses");
    check_golden(
        "describe-ingress.txt", describe_of(all, "shop") + "\n\n" + describe_of(all, "default"));
}

BOOST_AUTO_TEST_CASE(classes_as_kubectl_describes_them) {
    DescribeOptions options;
    options.now = kNow;
    const auto found = object(R"({"apiVersion":"networking.k8s.io/v1","kind":"IngressClass",
        "metadata":{"name":"edge"},"spec":{"controller":"example.com/edge",
        "parameters":{"apiGroup":"example.com","kind":"Edge","name":"big"}}})");
    BOOST_TEST(
        describe_object(*found, options) == "Name:         edge\n"
                                            "Labels:       <none>\n"
                                            "Annotations:  <none>\n"
                                            "Controller:   example.com/edge\n"
                                            "Parameters:\n"
                                            "  APIGroup:  example.com\n"
                                            "  Kind:      Edge\n"
                                            "  Name:      big\n"
                                            "Events:      <none>\n");
}

BOOST_AUTO_TEST_CASE(who_is_kept_from_whom) {
    Json explanation{
        {"outcome", "denied"},
        {"status", 0},
        {"denial", "denied, egress isolated by p"},
        {"path", "/x"},
        {"backend", {{"name", "default/web:http"}}}};
    const auto last_line = [&] {
        const auto text = ingress_explain_text(explanation, false);
        return text.substr(text.rfind('\n', text.size() - 2) + 1);
    };
    BOOST_TEST(
        last_line() == "the request does not reach the controller: denied, egress isolated by p\n");
    explanation["status"] = 504;
    BOOST_TEST(
        last_line() ==
        "504: nobody of default/web:http is reached: denied, egress isolated by p\n");
    explanation["outcome"] = "endpoint";
    BOOST_TEST(last_line() == "/x goes to default/web:http; but denied, egress isolated by p\n");
}

BOOST_AUTO_TEST_CASE(what_takes_a_url) {
    std::string text;
    for (const auto& explanation : objects_from("explain-ingress")) {
        text += ingress_explain_text(explanation->body) + "----\n";
    }
    check_golden("explain-ingress.txt", text);
}

BOOST_AUTO_TEST_CASE(nothing_of_a_url_reaches_the_terminal) {
    auto explanation = objects_from("explain-ingress").front()->body;
    explanation["url"] = "http://a\x1b[2Jb/";
    explanation["host"] = "c\x1b[2Jd";
    BOOST_TEST(ingress_explain_text(explanation).find('\x1b') == std::string::npos);
}

BOOST_AUTO_TEST_SUITE_END()
