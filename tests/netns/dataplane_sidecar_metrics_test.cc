#include <algorithm>
#include <chrono>
#include <sstream>
#include <thread>

#include <boost/test/unit_test.hpp>

#include "tests/netns/sidecar_net.h"

// NOLINTBEGIN: Boost.Test's macros
using namespace test;

namespace {

std::string scraped(SidecarNet& net, const std::string& path, std::uint16_t port) {
    auto client = net.to_pod("pod/x/c", port);
    client.send(get_request(path));
    client.finish();
    return client.rest();
}

/// The sum of the samples whose lines begin so and hold all of the parts.
std::uint64_t
total(const std::string& text, const std::string& begin, const std::vector<std::string>& parts) {
    std::uint64_t sum = 0;
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line);) {
        if (line.starts_with(begin) && std::all_of(parts.begin(), parts.end(), [&](auto& part) {
                return line.find(part) != line.npos;
            })) {
            sum += std::stoull(line.substr(line.rfind(' ') + 1));
        }
    }
    return sum;
}

} // namespace

BOOST_FIXTURE_TEST_CASE(sidecar_counts_what_it_lets_in, SidecarNet) {
    table.pods = {
        {"m/a",
         {"a", "pod", "a", "", "a", "latest", {netemu::IpAddress::parse("10.1.0.51").value()}}},
        {"m/b",
         {"b", "pod", "b", "", "b", "latest", {netemu::IpAddress::parse("10.1.0.52").value()}}}};
    mesh::istio::Rule secret;
    secret.to.emplace_back();
    secret.to[0].paths.values = {"/secret"};
    secret.to[0].ports.values = {std::to_string(kWebPort)};
    set_policies({one_rule(mesh::istio::AuthorizationPolicy::Action::Deny, secret)});
    auto client = to_service("pod/m/a", 10);
    for (const auto* const path : {"/", "/", "/secret", "/"}) {
        client.send(get_request(path));
        (void)client.response();
    }
    (void)get_from_pod("pod/x/c");
    const auto told = scraped(*this, "/stats/prometheus", mesh::kSidecarMetricsPort);
    BOOST_TEST(status_of(told) == 200);
    BOOST_TEST(field_of(told, "content-type") == "text/plain; version=0.0.4");
    const std::string requests = "istio_requests_total{reporter=\"destination\"";
    BOOST_TEST(
        total(
            told,
            requests,
            {"source_workload=\"a\"",
             "destination_service=\"web.m.svc.cluster.local\"",
             "response_code=\"200\"",
             "connection_security_policy=\"mutual_tls\""}) == 3U);
    BOOST_TEST(total(told, requests, {"source_workload=\"a\"", "response_code=\"403\""}) == 1U);
    BOOST_TEST(
        total(
            told,
            requests,
            {"source_workload=\"unknown\"", "connection_security_policy=\"none\""}) == 1U);
    BOOST_TEST(
        total(told, "istio_request_duration_milliseconds_count{", {"response_code=\"200\""}) == 4U);
    // On the other port, too; and nobody has led these to the sidecar's inbound side.
    const auto before = inbound_connections("m/b");
    BOOST_TEST(
        total(scraped(*this, "/stats/prometheus", mesh::kSidecarStatusPort), requests, {}) == 5U);
    BOOST_TEST(status_of(scraped(*this, "/healthz/ready", mesh::kSidecarStatusPort)) == 200);
    BOOST_TEST(status_of(scraped(*this, "/", mesh::kSidecarMetricsPort)) == 404);
    BOOST_TEST(inbound_connections("m/b") == before);
    // A change of the rules keeps what has been counted.
    set_policies({});
    client.send(get_request("/secret"));
    (void)client.response();
    BOOST_TEST(
        total(
            scraped(*this, "/stats/prometheus", mesh::kSidecarMetricsPort),
            requests,
            {"response_code=\"200\""}) == 5U);
}

BOOST_FIXTURE_TEST_CASE(sidecar_counts_bytes, SidecarNet) {
    std::string echoed; // and how it ended
    {
        auto client = to_service("pod/m/a", 12);
        client.send("twelve bytes");
        echoed = client.until("bytes");
        BOOST_TEST(echoed == "twelve bytes");
        client.finish();
        echoed += client.rest();
    }
    std::string told;
    for (int i = 0; i < 100; ++i) { // until both ends have closed
        told = scraped(*this, "/stats/prometheus", mesh::kSidecarMetricsPort);
        if (total(told, "istio_tcp_connections_closed_total{", {}) == 1U) {
            break;
        }
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    BOOST_TEST(total(told, "istio_tcp_connections_opened_total{", {}) == 1U);
    BOOST_TEST(total(told, "istio_tcp_connections_closed_total{", {}) == 1U);
    BOOST_TEST(total(told, "istio_tcp_received_bytes_total{", {}) == 12U);
    BOOST_TEST(
        total(told, "istio_tcp_sent_bytes_total{", {"request_protocol=\"tcp\""}) == echoed.size());
}
// NOLINTEND
