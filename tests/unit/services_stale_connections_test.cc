#include <boost/test/unit_test.hpp>

#include "services/stale_connections.h"

using namespace services;
using netemu::Connection;

namespace {

IpAddress address(const char* text) {
    return *IpAddress::parse(text);
}

/// A UDP Service on 10.96.0.10:53 and node port 30053 with one serving endpoint, 10.244.1.2:5353.
ServicePortInput dns_port() {
    ServicePortInput port;
    port.name = {"kube-system", "dns", "dns", Protocol::Udp};
    port.port = 53;
    port.node_port = 30053;
    port.cluster_ip = address("10.96.0.10");
    ProxyEndpoint endpoint;
    endpoint.endpoint.address = address("10.244.1.2");
    endpoint.port = 5353;
    port.endpoints.push_back(endpoint);
    return port;
}

Connection connection(const char* to, std::uint16_t port, const char* served_by) {
    Connection made;
    made.protocol = protocol_number(Protocol::Udp);
    made.source = {address("10.244.2.9"), 4000};
    made.destination = {address(to), port};
    made.reply_source = {address(served_by), 5353};
    made.reply_destination = made.source;
    return made;
}

std::size_t stale(const ServicePortInput& port, const Connection& one) {
    const std::vector ports{std::make_shared<const ServicePortInput>(port)};
    return stale_connections({&one, 1}, ports).size();
}

} // namespace

BOOST_AUTO_TEST_SUITE(stale_udp_connections)

BOOST_AUTO_TEST_CASE(one_to_an_endpoint_that_is_gone_is_stale_by_every_address) {
    BOOST_TEST(stale(dns_port(), connection("10.96.0.10", 53, "10.244.1.99")) == 1U);
    BOOST_TEST(stale(dns_port(), connection("172.18.0.3", 30053, "10.244.1.99")) == 1U);
    auto port = dns_port();
    port.vips.push_back(address("172.18.255.200"));
    port.external_ips.push_back(address("192.0.2.7"));
    BOOST_TEST(stale(port, connection("172.18.255.200", 53, "10.244.1.99")) == 1U);
    BOOST_TEST(stale(port, connection("192.0.2.7", 53, "10.244.1.99")) == 1U);
}

BOOST_AUTO_TEST_CASE(one_to_a_serving_endpoint_stays_whatever_the_policy_says) {
    auto port = dns_port();
    port.internal_policy = TrafficPolicy::Local;
    port.endpoints[0].endpoint.ready = false;
    port.endpoints[0].endpoint.terminating = true;
    BOOST_TEST(stale(port, connection("10.96.0.10", 53, "10.244.1.2")) == 0U);
    // Another one serves: now it leads to the wrong one.
    auto other = port.endpoints[0];
    other.endpoint.address = address("10.244.1.3");
    port.endpoints.push_back(other);
    port.endpoints[0].endpoint.serving = false;
    BOOST_TEST(stale(port, connection("10.96.0.10", 53, "10.244.1.2")) == 1U);
}

/// kubernetes pkg/proxy/conntrack/cleanup.go: of endpoints that serve, there are none.
BOOST_AUTO_TEST_CASE(nothing_is_cut_while_no_endpoint_serves) {
    auto port = dns_port();
    port.endpoints[0].endpoint.serving = false;
    BOOST_TEST(!has_serving(port));
    BOOST_TEST(stale(port, connection("10.96.0.10", 53, "10.244.1.2")) == 0U);
    BOOST_TEST(stale(port, connection("10.96.0.10", 53, "10.244.1.99")) == 0U);
    port.endpoints[0].endpoint.serving = true;
    BOOST_TEST(has_serving(port));
    BOOST_TEST(stale(port, connection("10.96.0.10", 53, "10.244.1.99")) == 1U);
}

BOOST_AUTO_TEST_CASE(others_are_left_alone) {
    BOOST_TEST(stale(dns_port(), connection("10.96.0.11", 53, "10.244.1.99")) == 0U);
    BOOST_TEST(stale(dns_port(), connection("10.96.0.10", 54, "10.244.1.99")) == 0U);
    auto tcp = connection("10.96.0.10", 53, "10.244.1.99");
    tcp.protocol = protocol_number(Protocol::Tcp);
    BOOST_TEST(stale(dns_port(), tcp) == 0U);
    auto empty = dns_port();
    empty.endpoints.clear();
    BOOST_TEST(stale(empty, connection("10.96.0.10", 53, "10.244.1.99")) == 0U);
}

BOOST_AUTO_TEST_CASE(only_a_lost_endpoint_or_a_new_port_leaves_some_behind) {
    const auto with = [](const std::vector<const char*>& addresses, bool serving = true) {
        auto port = dns_port();
        auto endpoint = port.endpoints.front();
        endpoint.endpoint.serving = serving;
        port.endpoints.clear();
        for (const char* each : addresses) {
            endpoint.endpoint.address = address(each);
            port.endpoints.push_back(endpoint);
        }
        return std::make_shared<const ServicePortInput>(port);
    };
    const auto leaves = [](ServicePortInputPtr before, ServicePortInputPtr now) {
        return may_leave_stale({dns_port().name, std::move(now), std::move(before)});
    };
    BOOST_TEST(!leaves(with({}), with({"10.244.1.2"})));
    BOOST_TEST(!leaves(with({"10.244.1.2"}), with({"10.244.1.2", "10.244.1.3"})));
    BOOST_TEST(leaves(with({"10.244.1.2", "10.244.1.3"}), with({"10.244.1.3"})));
    BOOST_TEST(leaves(with({"10.244.1.2"}), with({"10.244.1.2"}, false)));
    BOOST_TEST(!leaves(with({"10.244.1.2"}, false), with({"10.244.1.3"})));
    BOOST_TEST(leaves(nullptr, with({"10.244.1.2"})));
    BOOST_TEST(!leaves(with({"10.244.1.2"}), nullptr));
}

BOOST_AUTO_TEST_SUITE_END()
