#include <cmath>
#include <random>

#include <boost/test/unit_test.hpp>

#include "services/nftables_proxy.h"
#include "services/service_map.h"
#include "tests/unit/services_fixture.h"

/// The layout for many Services does what the readable one does, and its cost does not grow.
using namespace services;
using namespace services::test;

namespace {

const SlicePort kPort{"p80", Protocol::Tcp, 8080, ""};

struct Both {
    NftPartCache readable_cache{config(), NftLayout::Readable};
    NftPartCache scale_cache{config(), NftLayout::Scale};
    NftProxy readable{Family::V4, node(), readable_cache};
    NftProxy scale{Family::V4, node(), scale_cache};

    void update(const std::vector<ServicePortUpdate>& updates) {
        readable.update(updates);
        scale.update(updates);
    }
};

using Outcomes = std::map<std::string, double>;

Outcomes outcomes(const netemu::NftTable& table, const TracePacket& packet) {
    const std::vector tables{&table};
    Outcomes found;
    for (const auto& outcome : NftTracer{tables, node().addresses}.trace(packet)) {
        const std::string masquerade = outcome.masqueraded ? " masqueraded" : "";
        found[outcome.to_string() + masquerade] += outcome.probability;
    }
    return found;
}

bool alike(const Outcomes& a, const Outcomes& b) {
    return a.size() == b.size() &&
           std::equal(a.begin(), a.end(), b.begin(), [](const auto& x, const auto& y) {
               return x.first == y.first && std::abs(x.second - y.second) < 1e-9;
           });
}

std::string text(const Outcomes& all) {
    std::string line;
    for (const auto& [what, probability] : all) {
        line += what + " " + std::to_string(probability) + "; ";
    }
    return line;
}

Service random_service(std::mt19937& random, unsigned number) {
    const auto one_in = [&](unsigned n) { return random() % n == 0; };
    auto made = service("ns/s" + std::to_string(number), "172.30.0.1");
    made.cluster_ips = {ip("172.30.0.1").plus(number)};
    made.client_ip_affinity = one_in(5);
    made.internal_policy = one_in(5) ? TrafficPolicy::Local : TrafficPolicy::Cluster;
    made.external_policy = one_in(3) ? TrafficPolicy::Local : TrafficPolicy::Cluster;
    if (one_in(2)) {
        made.ports[0].node_port = static_cast<std::uint16_t>(30000 + number);
        made.external_ips = {ip("192.0.2.1").plus(number)};
        made.load_balancer = {{ip("198.51.100.1").plus(number), IpMode::Vip}};
        if (one_in(3)) {
            made.source_ranges = {range("203.0.113.0/25"), range("192.168.0.0/24")};
        }
    }
    return made;
}

std::vector<Endpoint> random_endpoints(std::mt19937& random) {
    std::vector<Endpoint> made;
    for (unsigned i = 0; i < random() % 5; ++i) {
        const bool here = random() % 2 == 0;
        const std::string on = here ? "n1" : "n2";
        const auto address = (here ? "10.0.1." : "10.0.2.") + std::to_string(1 + random() % 5);
        switch (random() % 5) {
        case 0:
            made.push_back(terminating(address.c_str(), on));
            break;
        case 1:
            made.push_back(unready(address.c_str(), on));
            break;
        default:
            made.push_back(ready(address.c_str(), on));
        }
    }
    return made;
}

void compare(const Both& both, const Service& made, unsigned number) {
    const std::vector<std::pair<IpAddress, std::uint16_t>> targets{
        {made.cluster_ips[0], 80},
        {made.cluster_ips[0], 81},
        {ip("192.0.2.1").plus(number), 80},
        {ip("198.51.100.1").plus(number), 80},
        {ip("192.168.0.2"), static_cast<std::uint16_t>(30000 + number)}};
    for (const auto* from :
         {"10.0.9.9", "10.0.1.1", "10.0.1.2", "192.168.0.2", "203.0.113.9", "203.0.113.200"}) {
        for (const auto& [address, port] : targets) {
            TracePacket packet;
            packet.source = ip(from);
            packet.from_node = packet.source == ip("192.168.0.2");
            packet.destination = address;
            packet.destination_port = port;
            const auto wanted = outcomes(both.readable.table(), packet);
            const auto got = outcomes(both.scale.table(), packet);
            BOOST_TEST(
                alike(wanted, got),
                made.name << " from " << from << " to " << address.to_string() << ": "
                          << text(wanted) << " != " << text(got));
        }
    }
}

} // namespace

BOOST_AUTO_TEST_SUITE(scale)

BOOST_AUTO_TEST_CASE(both_layouts_do_the_same_to_every_packet) {
    std::mt19937 random{11};
    for (int round = 0; round < 20; ++round) {
        Both both;
        ServiceMap map{Family::V4};
        std::vector<Service> all;
        for (unsigned number = 0; number < 6; ++number) {
            all.push_back(random_service(random, number));
            const auto one =
                slice("ns/s" + std::to_string(number), kPort, random_endpoints(random));
            const std::vector slices{&one};
            both.update(map.update(all.back(), slices));
        }
        for (unsigned number = 0; number < 6; ++number) {
            compare(both, all[number], number);
        }
    }
}

BOOST_AUTO_TEST_CASE(a_change_of_endpoints_adds_no_jump) {
    Both both;
    ServiceMap map{Family::V4};
    const auto made = service("ns/web", "172.30.0.1");
    const auto update = [&](const std::vector<Endpoint>& endpoints) {
        const auto one = slice("ns/web", kPort, endpoints);
        const std::vector slices{&one};
        return both.scale.update(map.update(made, slices));
    };
    update({ready("10.0.1.1", "n2"), ready("10.0.1.2", "n2")});
    const auto changes = update({ready("10.0.1.1", "n2"), ready("10.0.1.3", "n2")});
    BOOST_REQUIRE(changes.size() == 1U);
    BOOST_TEST(changes[0].added_chains.empty());
    BOOST_TEST(changes[0].refilled_chains.empty());
    BOOST_REQUIRE(changes[0].added_elements.size() == 1U);
    BOOST_TEST(changes[0].added_elements[0].name == "service-endpoints");
    BOOST_TEST(changes[0].added_elements[0].elements.size() == 1U);
}

BOOST_AUTO_TEST_CASE(the_layout_follows_the_number_of_service_ports) {
    BOOST_TEST((choose_nft_layout(kReadableServicePortsMax) == NftLayout::Readable));
    BOOST_TEST((choose_nft_layout(kReadableServicePortsMax + 1) == NftLayout::Scale));
}

BOOST_AUTO_TEST_SUITE_END()
