#include <boost/test/unit_test.hpp>

#include "labctl/dataplane/traffic_wire.h"
#include "netemu/base/error.h"

// NOLINTBEGIN: Boost.Test's macros
using namespace labctl::dataplane;

BOOST_AUTO_TEST_SUITE(traffic_wire)

BOOST_AUTO_TEST_CASE(a_subset_names_endpoints_that_there_are) {
    mesh::SidecarDestinationRule rule;
    rule.ns = "shop";
    rule.name = "cart";
    rule.subsets = {{"v1", {0}, {}}, {"v2", {1, 2}, {}}};
    const auto bytes = encode_destination_rules({rule});
    const auto read = decode_destination_rules(bytes, 3);
    BOOST_TEST_REQUIRE(read.size() == 1U);
    BOOST_TEST(read[0].name == "cart");
    BOOST_TEST(read[0].subsets.at(1).endpoints.at(1) == 2U);
    BOOST_CHECK_THROW((void)decode_destination_rules(bytes, 2), netemu::Error);
    BOOST_CHECK_THROW((void)decode_destination_rules(bytes, 0), netemu::Error);
}

BOOST_AUTO_TEST_CASE(a_word_that_there_is_not_is_refused) {
    mesh::SidecarDestinationRule rule;
    rule.policy.balancing.emplace().how = static_cast<mesh::istio::Balancer>(200);
    BOOST_CHECK_EXCEPTION(
        (void)decode_destination_rules(encode_destination_rules({rule}), 0),
        netemu::Error,
        [](const auto& error) {
            return std::string(error.what()) ==
                   "a rule for traffic has a number that means nothing";
        });
}

BOOST_AUTO_TEST_CASE(routes_arrive_as_they_were) {
    mesh::istio::VirtualService service;
    service.ns = "shop";
    service.name = "cart";
    service.hosts = {"cart", "*.shop"};
    mesh::istio::HttpRoute route;
    mesh::istio::HttpMatch match;
    match.uri.emplace();
    match.uri->kind = mesh::istio::StringMatch::Kind::Regex;
    match.uri->text = "/v[0-9]+";
    match.uri->regex = mesh::istio::Regex("/v[0-9]+");
    match.source_labels = {{"app", "web"}};
    route.match = {match};
    service.http = {route};
    const auto bytes = encode_virtual_services({service});
    const auto read = decode_virtual_services(bytes);
    BOOST_TEST_REQUIRE(read.size() == 1U);
    BOOST_TEST(read[0].hosts.at(1) == "*.shop");
    const auto& uri = read[0].http.at(0).match.at(0).uri;
    BOOST_TEST_REQUIRE(uri.has_value());
    BOOST_TEST(uri->regex.text() == "/v[0-9]+");
    BOOST_TEST(read[0].http[0].match[0].source_labels.at("app") == "web");
    for (std::size_t size = 0; size < bytes.size(); ++size) {
        BOOST_CHECK_THROW((void)decode_virtual_services(bytes.substr(0, size)), netemu::Error);
    }
    BOOST_CHECK_THROW((void)decode_virtual_services(bytes + "x"), netemu::Error);
}

BOOST_AUTO_TEST_SUITE_END()
// NOLINTEND
