#include <algorithm>
#include <map>
#include <random>
#include <set>

#include <boost/test/unit_test.hpp>

#include "services/slices.h"

using namespace services;

namespace {

PlacedEndpoint placed(std::uint32_t number) {
    PlacedEndpoint endpoint;
    endpoint.endpoint.address = IpAddress::v4(0x0AF40000U + number);
    endpoint.endpoint.pod_namespace = "prod";
    endpoint.endpoint.pod_name = "pod-" + std::to_string(number);
    endpoint.pod_uid = "uid-" + std::to_string(number);
    return endpoint;
}

std::vector<PlacedEndpoint> placed(std::uint32_t from, std::uint32_t to) {
    std::vector<PlacedEndpoint> result;
    for (auto i = from; i < to; ++i) {
        result.push_back(placed(i));
    }
    return result;
}

/// The slices of a Service over several syncs.
struct Slices {
    Packing sync(std::vector<PlacedEndpoint> wanted) {
        std::vector<PackedSlice> existing;
        for (const auto& [name, endpoints] : slices) {
            existing.push_back({name, endpoints});
        }
        auto packing = pack_slices(existing, std::move(wanted));
        for (const auto& name : packing.remove) {
            slices.erase(name);
        }
        for (const auto& slice : packing.update) {
            slices[slice.name] = slice.endpoints;
        }
        for (const auto& slice : packing.create) {
            slices["slice-" + std::to_string(1000 + next++)] = slice.endpoints;
        }
        return packing;
    }

    [[nodiscard]] std::vector<std::size_t> sizes() const {
        std::vector<std::size_t> result;
        for (const auto& [name, endpoints] : slices) {
            result.push_back(endpoints.size());
        }
        return result;
    }

    std::map<std::string, std::vector<PlacedEndpoint>> slices;
    int next = 0;
};

using Sizes = std::vector<std::size_t>;

std::size_t writes(const Packing& packing) {
    return packing.create.size() + packing.update.size() + packing.remove.size();
}

} // namespace

BOOST_AUTO_TEST_SUITE(slices)

BOOST_AUTO_TEST_CASE(two_hundred_and_one_pods_make_three_slices) {
    Slices slices;
    BOOST_TEST(writes(slices.sync(placed(0, 201))) == 3U);
    BOOST_TEST(slices.sizes() == (Sizes{100, 100, 1}), boost::test_tools::per_element());
    // Deleting 99 of the first hundred leaves 1 + 100 + 1: nothing is moved together.
    BOOST_TEST(writes(slices.sync(placed(99, 201))) == 1U);
    BOOST_TEST(slices.sizes() == (Sizes{1, 100, 1}), boost::test_tools::per_element());
    BOOST_TEST(writes(slices.sync(placed(99, 201))) == 0U);
}

BOOST_AUTO_TEST_CASE(what_is_left_goes_where_it_fits_best) {
    Slices slices;
    slices.slices = {
        {"a", placed(0, 60)},
        {"b", placed(100, 190)},
        {"c", placed(200, 280)},
        {"d", placed(300, 310)}};
    auto wanted = placed(0, 60);
    for (const auto& part :
         {placed(100, 190), placed(200, 280), placed(300, 310), placed(400, 415)}) {
        wanted.insert(wanted.end(), part.begin(), part.end());
    }
    BOOST_TEST(writes(slices.sync(wanted)) == 1U);
    BOOST_TEST(slices.sizes() == (Sizes{60, 90, 95, 10}), boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(slices_that_are_written_anyway_are_filled_first_and_the_fullest_before) {
    Slices slices;
    slices.slices = {{"a", placed(0, 50)}, {"b", placed(100, 180)}, {"c", placed(200, 290)}};
    auto wanted = placed(1, 50); // a loses one
    auto b = placed(101, 180);   // b loses one
    const auto c = placed(200, 290);
    const auto fresh = placed(400, 430);
    for (const auto* part :
         std::initializer_list<const std::vector<PlacedEndpoint>*>{&b, &c, &fresh}) {
        wanted.insert(wanted.end(), part->begin(), part->end());
    }
    const auto packing = slices.sync(wanted);
    BOOST_TEST(packing.unchanged.size() == 1U);
    BOOST_TEST(packing.create.empty());
    BOOST_TEST(slices.sizes() == (Sizes{58, 100, 90}), boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(a_changed_endpoint_is_changed_where_it_is) {
    Slices slices;
    slices.sync(placed(0, 150));
    auto wanted = placed(0, 150);
    wanted[3].endpoint.ready = false;
    const auto packing = slices.sync(wanted);
    BOOST_TEST_REQUIRE(packing.update.size() == 1U);
    BOOST_TEST(!packing.update[0].endpoints[3].endpoint.ready);
    BOOST_TEST(writes(packing) == 1U);
}

BOOST_AUTO_TEST_CASE(an_endpoint_that_comes_twice_is_placed_once) {
    const auto twice = std::vector{placed(1), placed(1), placed(2)};
    const auto packing = pack_slices({}, twice);
    BOOST_TEST(packing.create.at(0).endpoints.size() == 2U);
    const auto again =
        pack_slices({{"a", {placed(1)}}, {"b", {placed(1), placed(2)}}}, {placed(1), placed(2)});
    BOOST_TEST_REQUIRE(again.update.size() == 1U);
    BOOST_TEST(again.update[0].name == "b");
    BOOST_TEST(again.update[0].endpoints.size() == 1U);
}

BOOST_AUTO_TEST_CASE(a_slice_with_other_labels_is_written_and_filled) {
    const std::vector<std::string> relabelled{"a"};
    const auto packing =
        pack_slices({{"a", placed(0, 5)}, {"b", placed(10, 15)}}, placed(0, 20), relabelled);
    BOOST_TEST(packing.create.empty());
    BOOST_TEST(packing.update.size() == 1U);
    BOOST_TEST(packing.update[0].name == "a");
}

/// Whatever comes and goes: each endpoint once, at most 100 in a slice, nothing is written that
/// need not be, and few slices are.
BOOST_AUTO_TEST_CASE(random_churn) {
    std::mt19937 random(11);
    for (int run = 0; run < 20; ++run) {
        Slices slices;
        std::set<std::uint32_t> live;
        for (int step = 0; step < 40; ++step) {
            const auto before = live;
            const std::size_t gone = random() % 5 == 0 ? random() % 200 : random() % 4;
            const std::size_t come = random() % 5 == 0 ? random() % 300 : random() % 4;
            for (std::size_t i = 0; i < gone && !live.empty(); ++i) {
                live.erase(std::next(live.begin(), static_cast<long>(random() % live.size())));
            }
            for (std::size_t i = 0; i < come; ++i) {
                live.insert(static_cast<std::uint32_t>(random() % 5000));
            }
            std::vector<PlacedEndpoint> wanted;
            wanted.reserve(live.size());
            for (const auto number : live) {
                wanted.push_back(placed(number));
            }
            std::shuffle(wanted.begin(), wanted.end(), random);
            std::set<std::string> touched; // slices that lose something
            for (const auto& [name, endpoints] : slices.slices) {
                for (const auto& endpoint : endpoints) {
                    const auto number = static_cast<std::uint32_t>(
                        endpoint.endpoint.address.distance_from(IpAddress::v4(0x0AF40000U)));
                    if (!live.contains(number)) {
                        touched.insert(name);
                    }
                }
            }
            std::size_t added = 0;
            for (const auto number : live) {
                added += before.contains(number) ? 0U : 1U;
            }
            const auto packing = slices.sync(wanted);
            std::map<std::string, int> seen;
            for (const auto& [name, endpoints] : slices.slices) {
                BOOST_TEST(!endpoints.empty());
                BOOST_TEST(endpoints.size() <= kEndpointsPerSliceMax);
                for (const auto& endpoint : endpoints) {
                    ++seen[endpoint.identity()];
                }
            }
            BOOST_TEST(seen.size() == live.size());
            for (const auto& [identity, count] : seen) {
                BOOST_TEST(count == 1, identity);
            }
            BOOST_TEST(writes(packing) <= touched.size() + added / kEndpointsPerSliceMax + 1);
            BOOST_TEST(writes(slices.sync(wanted)) == 0U);
        }
    }
}

BOOST_AUTO_TEST_CASE(target_ports) {
    const std::vector<ContainerPort> declared{
        {"dns", Protocol::Udp, 5353}, {"dns", Protocol::Tcp, 5300}, {"http", Protocol::Tcp, 8080}};
    const auto find = [&](std::uint16_t target, const std::string& name, Protocol protocol) {
        return find_port({"p", protocol, 80, target, name, ""}, declared).value_or(0);
    };
    BOOST_TEST(find(0, "", Protocol::Tcp) == 80);      // absent: the same as the port
    BOOST_TEST(find(9999, "", Protocol::Tcp) == 9999); // not checked against what is declared
    BOOST_TEST(find(0, "http", Protocol::Tcp) == 8080);
    BOOST_TEST(find(0, "dns", Protocol::Tcp) == 5300); // name and protocol
    BOOST_TEST(find(0, "dns", Protocol::Udp) == 5353);
    BOOST_TEST(find(0, "http", Protocol::Udp) == 0); // not this protocol
    BOOST_TEST(find(0, "gone", Protocol::Tcp) == 0);
    const std::vector<ServiceTarget> targets{
        {"a", Protocol::Tcp, 80, 0, "http", "kubernetes.io/h2c"},
        {"b", Protocol::Tcp, 81, 0, "gone", ""}};
    const auto ports = slice_ports(targets, declared);
    BOOST_TEST_REQUIRE(ports.size() == 1U);
    BOOST_TEST((ports[0] == SlicePort{"a", Protocol::Tcp, 8080, "kubernetes.io/h2c"}));
}

BOOST_AUTO_TEST_CASE(conditions) {
    struct Row {
        bool ready, terminating, publish;
        bool want_ready, want_serving, want_terminating;
    };
    for (const auto& row : {
             Row{true, false, false, true, true, false},
             Row{false, false, false, false, false, false},
             Row{true, true, false, false, true, true},
             Row{false, true, false, false, false, true},
             Row{false, false, true, true, false, false},
             Row{false, true, true, true, false, true},
         }) {
        Endpoint endpoint;
        set_conditions(endpoint, {row.ready, row.terminating, "", ""}, row.publish);
        BOOST_TEST(endpoint.ready == row.want_ready);
        BOOST_TEST(endpoint.serving == row.want_serving);
        BOOST_TEST(endpoint.terminating == row.want_terminating);
    }
    const PodState pod{true, false, "pg-0", "pg"};
    BOOST_TEST(endpoint_hostname(pod, "pg") == "pg-0");
    BOOST_TEST(endpoint_hostname(pod, "pg-all") == "");
    BOOST_TEST(endpoint_hostname({true, false, "", ""}, "pg") == "");
}

BOOST_AUTO_TEST_SUITE_END()
