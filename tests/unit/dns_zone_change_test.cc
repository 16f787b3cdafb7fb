/// A zone that changes while it answers: one Service at a time, whole, fast, in little memory.
#include <chrono>
#include <random>

#include <boost/test/unit_test.hpp>

#include "netemu/base/event_loop.h"
#include "tests/unit/dns_fixture.h"

using namespace dns;
using namespace test;

namespace {

ServiceValue headless(unsigned count, unsigned base) {
    ServiceValue service{"prod", "pool", ServiceKind::Headless, {}, {}, {}, ""};
    SliceValue slice{{{"p", 1, Protocol::Tcp}}, {}};
    for (unsigned i = 0; i < count; ++i) {
        slice.endpoints.push_back({netemu::IpAddress::v4(base + i), "", true});
    }
    service.slices = {slice};
    return service;
}

constexpr unsigned kFirst = 0x0af40100;
constexpr unsigned kSecond = 0x0af40200;

} // namespace

BOOST_AUTO_TEST_SUITE(zone_change)

BOOST_AUTO_TEST_CASE(replace_and_remove) {
    ClusterZone zone(zone_options());
    fill(zone);
    const auto before = zone.services();
    zone.set_service({"PROD", "Web", ServiceKind::ClusterIp, {ip("10.96.1.1")}, {}, {}, ""});
    BOOST_TEST(zone.services() == before);
    BOOST_TEST(brief(ask(zone, "web.prod.svc.cluster.local", "A")) == "A 10.96.1.1");
    BOOST_TEST(
        brief(ask(zone, "1.1.96.10.in-addr.arpa", "PTR")) == "PTR web.prod.svc.cluster.local.");
    BOOST_TEST(brief(ask(zone, "100.0.96.10.in-addr.arpa", "PTR")) == "NXDOMAIN");
    BOOST_TEST(brief(ask(zone, "5.1.244.10.in-addr.arpa", "PTR")) == "NXDOMAIN");
    zone.remove_service("prod", "WEB");
    zone.remove_service("prod", "never-there");
    BOOST_TEST(zone.services() == before - 1);
    BOOST_TEST(brief(ask(zone, "web.prod.svc.cluster.local", "A")) == "NXDOMAIN");
    BOOST_TEST(brief(ask(zone, "1.1.96.10.in-addr.arpa", "PTR")) == "NXDOMAIN");
    zone.remove_namespace("empty");
    BOOST_TEST(brief(ask(zone, "empty.svc.cluster.local", "A")) == "NXDOMAIN");
    zone.remove_pod(ip("10.244.1.5"), "prod");
    BOOST_TEST(!zone.has_pod(ip("10.244.1.5"), "prod"));
    BOOST_TEST(zone.namespace_of(ip("10.244.9.9")) == "default");
}

BOOST_AUTO_TEST_CASE(names_that_are_none_have_no_records) {
    ClusterZone zone(zone_options());
    const std::string long_label(64, 'a');
    zone.set_service({"prod", long_label, ServiceKind::ClusterIp, {ip("10.96.0.1")}, {}, {}, ""});
    zone.set_service({"prod", "", ServiceKind::ClusterIp, {ip("10.96.0.1")}, {}, {}, ""});
    zone.set_service({"prod", "a.b", ServiceKind::ClusterIp, {ip("10.96.0.1")}, {}, {}, ""});
    BOOST_TEST(zone.services() == 0U);
}

BOOST_AUTO_TEST_CASE(one_address_of_two_services) {
    ClusterZone zone(zone_options());
    for (const auto* service : {"one", "two"}) {
        zone.set_service(
            {"prod",
             service,
             ServiceKind::Headless,
             {},
             {},
             {{{}, {{ip("10.244.0.1"), "h", true}}}},
             ""});
    }
    BOOST_TEST(
        brief(ask(zone, "1.0.244.10.in-addr.arpa", "PTR")) ==
        "PTR h.one.prod.svc.cluster.local. | PTR h.two.prod.svc.cluster.local.");
    zone.remove_service("prod", "one");
    BOOST_TEST(
        brief(ask(zone, "1.0.244.10.in-addr.arpa", "PTR")) == "PTR h.two.prod.svc.cluster.local.");
}

BOOST_AUTO_TEST_CASE(an_answer_is_of_one_version) {
    ClusterZone zone(zone_options());
    for (int i = 0; i < 200; ++i) {
        const bool second = i % 2 == 1;
        zone.set_service(headless(20, second ? kSecond : kFirst));
        const auto message = ask(zone, "pool.prod.svc.cluster.local", "A");
        BOOST_REQUIRE(message.answers.size() == 20U);
        for (const auto& record : message.answers) {
            BOOST_TEST(record.rdata[2] == (second ? 2 : 1));
        }
    }
}

BOOST_AUTO_TEST_CASE(large_cluster_in_little_memory_and_quick_to_change) {
    ClusterZone zone(zone_options());
    constexpr unsigned kServices = 10000;
    constexpr unsigned kEndpoints = 10;
    std::size_t bytes = 0;
    for (unsigned i = 0; i < kServices; ++i) {
        auto service = headless(kEndpoints, 0x0b000000 + i * kEndpoints);
        service.name += std::to_string(i);
        zone.set_service(service);
        const auto key = name(service.name + ".prod").wire();
        bytes += zone.service(std::string_view(key).substr(0, key.size() - 1))->memory_bytes();
    }
    BOOST_TEST(zone.services() == kServices);
    BOOST_TEST(bytes < 60U << 20U); // resident memory is measured by tests/bench/dns_compare
    auto changed = headless(kEndpoints, 0x0b000000);
    changed.name += "0";
    std::uint64_t least = UINT64_MAX;
    for (unsigned i = 0; i < 20; ++i) {
        changed.slices[0].endpoints[3].address = netemu::IpAddress::v4(0x0c000000 + i);
        const auto start = netemu::Clock::now();
        zone.set_service(changed);
        least = std::min(least, netemu::micros_since(start));
    }
    BOOST_TEST(least < 1000U);
    BOOST_TEST(
        brief(ask(zone, "19.0.0.12.in-addr.arpa", "PTR")) ==
        "PTR 12-0-0-19.pool0.prod.svc.cluster.local.");
    BOOST_TEST(brief(ask(zone, "18.0.0.12.in-addr.arpa", "PTR")) == "NXDOMAIN");
}

BOOST_AUTO_TEST_SUITE_END()
