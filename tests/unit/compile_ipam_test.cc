#include <map>
#include <random>
#include <set>

#include <boost/test/unit_test.hpp>

#include "labctl/compile/ipam.h"
#include "tests/unit/compile_fixture.h"

using namespace labctl::compile;
using netemu::IpAddress;
using netemu::IpPrefix;

namespace {

IpPrefix range(const char* text) {
    return *IpPrefix::parse(text);
}

} // namespace

BOOST_AUTO_TEST_CASE(addresses_start_at_two_and_leave_out_the_broadcast) {
    AddressPool pool(range("10.244.1.0/29"));
    BOOST_TEST(pool.capacity() == 5U);
    std::string all;
    while (const auto address = pool.allocate()) {
        all += address->to_string() + " ";
    }
    BOOST_TEST(all == "10.244.1.2 10.244.1.3 10.244.1.4 10.244.1.5 10.244.1.6 ");
    BOOST_TEST(pool.full());
}

BOOST_AUTO_TEST_CASE(a_released_address_is_the_last_to_come_again) {
    AddressPool pool(range("10.244.1.0/29"));
    const auto first = *pool.allocate();
    pool.release(first);
    for (int i = 0; i < 4; ++i) {
        BOOST_TEST((*pool.allocate() != first));
    }
    BOOST_TEST((*pool.allocate() == first));
    BOOST_TEST(!pool.allocate());
}

BOOST_AUTO_TEST_CASE(sizes_of_ranges) {
    BOOST_TEST(AddressPool(range("10.0.0.0/24")).capacity() == 253U);
    BOOST_TEST(AddressPool(range("10.0.0.0/30")).capacity() == 1U);
    BOOST_TEST(AddressPool(range("10.0.0.0/31")).capacity() == 0U);
    BOOST_TEST(!AddressPool(range("10.0.0.0/31")).allocate());
    BOOST_TEST(AddressPool(range("fd00::/64")).capacity() > 1000000U);
    BOOST_TEST(AddressPool(range("fd00::/64")).allocate()->to_string() == "fd00::2");
}

BOOST_AUTO_TEST_CASE(claims_take_exactly_what_is_free_and_ours) {
    AddressPool pool(range("10.244.1.0/24"));
    BOOST_TEST(pool.claim(*IpAddress::parse("10.244.1.7")));
    BOOST_TEST(!pool.claim(*IpAddress::parse("10.244.1.7")));
    for (const auto* other :
         {"10.244.1.0", "10.244.1.1", "10.244.1.255", "10.244.2.7", "fd00::7"}) {
        BOOST_TEST(!pool.claim(*IpAddress::parse(other)), other);
    }
    BOOST_TEST(pool.allocate()->to_string() == "10.244.1.8"); // behind the highest one claimed
}

BOOST_AUTO_TEST_CASE(a_lease_is_all_families_or_none) {
    Ipam ipam(plan_nodes(config_of(2, "10.244.0.0/16,fd00:10:244::/56")));
    const auto a = ipam.allocate(0, "ns/a");
    BOOST_TEST_REQUIRE(a.has_value());
    BOOST_TEST(a->at(0).to_string() == "10.244.1.2");
    BOOST_TEST(a->at(1).to_string() == "fd00:10:244:1::2");
    BOOST_TEST((ipam.allocate(0, "ns/a") == a)); // asking again gives the same
    BOOST_TEST(ipam.claim(0, "ns/a", *a));
    BOOST_TEST(!ipam.claim(0, "ns/b", *a));
    const auto v4 = *IpAddress::parse("10.244.1.9");
    BOOST_TEST(!ipam.claim(0, "ns/b", {v4}));
    BOOST_TEST(!ipam.claim(0, "ns/b", {v4, a->at(1)})); // and v4 is not kept
    BOOST_TEST(ipam.claim(0, "ns/b", {v4, *IpAddress::parse("fd00:10:244:1::9")}));
}

BOOST_AUTO_TEST_CASE(exhaustion_names_range_size_and_remedy) {
    Ipam ipam(plan_nodes(config_of(2)));
    for (int i = 0; i < 253; ++i) {
        BOOST_TEST(ipam.allocate(1, std::to_string(i)).has_value());
    }
    BOOST_TEST(!ipam.has_room(1));
    BOOST_TEST(ipam.has_room(0));
    BOOST_TEST(!ipam.allocate(1, "one more"));
    BOOST_TEST(
        ipam.exhaustion(1).starts_with("range 10.244.2.0/24 of node-2 holds 253 pod addresses"));
    ipam.release("17");
    BOOST_TEST(ipam.allocate(1, "one more").has_value());
}

/// Random allocations, releases and restarts (which claim what was given), against a plain model:
/// never an address twice, always one of the node's range, the same one as long as the owner has
/// it.
BOOST_AUTO_TEST_CASE(whatever_happens_no_address_is_given_twice) {
    for (unsigned seed = 1; seed <= 20; ++seed) {
        std::mt19937 random(seed);
        const auto plans =
            plan_nodes(config_of(3, seed % 2 ? "10.244.0.0/16" : "10.244.0.0/16,fd00:10:244::/56"));
        auto ipam = std::make_unique<Ipam>(plans);
        std::map<std::string, std::pair<std::size_t, std::vector<IpAddress>>> model;
        std::set<IpAddress> taken;
        for (int step = 0; step < 3000; ++step) {
            const auto owner = "pod-" + std::to_string(random() % 900);
            const auto found = model.find(owner);
            const auto action = random() % 100;
            if (action == 0) { // restart
                ipam = std::make_unique<Ipam>(plans);
                for (const auto& [name, lease] : model) {
                    BOOST_REQUIRE(ipam->claim(lease.first, name, lease.second));
                }
            } else if (action < 35 && found != model.end()) {
                for (const auto& address : found->second.second) {
                    taken.erase(address);
                }
                model.erase(found);
                ipam->release(owner);
            } else if (found == model.end()) {
                const auto node = random() % plans.size();
                const bool room = ipam->used(node) < 253;
                const auto lease = ipam->allocate(node, owner);
                BOOST_REQUIRE_EQUAL(lease.has_value(), room);
                if (!lease) {
                    continue;
                }
                for (std::size_t family = 0; family < lease->size(); ++family) {
                    BOOST_REQUIRE(plans[node].pod_cidrs[family].contains(lease->at(family)));
                    BOOST_REQUIRE(taken.insert(lease->at(family)).second);
                }
                model[owner] = {node, *lease};
            }
        }
        std::size_t used = 0;
        for (std::size_t node = 0; node < plans.size(); ++node) {
            used += ipam->used(node);
        }
        BOOST_TEST(used == model.size());
        BOOST_TEST(used > 100U);
    }
}
