#include <boost/test/unit_test.hpp>

#include "services/hints.h"

using namespace services;

namespace {

struct Group {
    explicit Group(const std::string& zones) {
        for (const auto zone : zones) {
            Endpoint endpoint;
            endpoint.zone = zone == '-' ? std::string{} : std::string(1, zone);
            endpoint.node = "node-" + std::to_string(endpoints.size());
            endpoints.push_back(endpoint);
        }
        for (auto& endpoint : endpoints) {
            pointers.push_back(&endpoint);
        }
    }
    [[nodiscard]] std::string hints() const {
        std::string text;
        for (const auto& endpoint : endpoints) {
            text += endpoint.hints.zones.empty() ? "-" : endpoint.hints.zones[0];
        }
        return text;
    }
    std::vector<Endpoint> endpoints;
    std::vector<Endpoint*> pointers;
};

TopologyRefusal split(Group& group, const std::map<std::string, double>& cpu) {
    return set_proportional_hints(group.pointers, cpu);
}

} // namespace

BOOST_AUTO_TEST_SUITE(hints)

BOOST_AUTO_TEST_CASE(traffic_distribution) {
    BOOST_TEST((parse_traffic_distribution("PreferClose") == TrafficDistribution::PreferSameZone));
    BOOST_TEST(
        (parse_traffic_distribution("PreferSameZone") == TrafficDistribution::PreferSameZone));
    BOOST_TEST(
        (parse_traffic_distribution("PreferSameNode") == TrafficDistribution::PreferSameNode));
    BOOST_TEST((parse_traffic_distribution("") == TrafficDistribution::None));
    Group group("ab-b");
    group.endpoints[3].ready = false;
    set_distribution_hints(group.pointers, TrafficDistribution::PreferSameZone);
    BOOST_TEST(group.hints() == "ab--"); // no zone, and not ready
    BOOST_TEST(group.endpoints[0].hints.nodes.empty());
    set_distribution_hints(group.pointers, TrafficDistribution::PreferSameNode);
    BOOST_TEST(group.hints() == "ab--");
    BOOST_TEST(group.endpoints[1].hints.nodes.at(0) == "node-1");
    BOOST_TEST(group.endpoints[2].hints.nodes.at(0) == "node-2");
    BOOST_TEST(group.endpoints[3].hints.nodes.empty());
    set_distribution_hints(group.pointers, TrafficDistribution::None);
    BOOST_TEST(group.hints() == "----");
}

BOOST_AUTO_TEST_CASE(proportional_split) {
    Group even("aabb");
    BOOST_TEST((split(even, {{"a", 1}, {"b", 1}}) == TopologyRefusal::None));
    BOOST_TEST(even.hints() == "aabb");
    Group skewed("aaab"); // one of a's serves b
    BOOST_TEST((split(skewed, {{"a", 1}, {"b", 1}}) == TopologyRefusal::None));
    BOOST_TEST(skewed.hints() == "aabb");
    const auto before = skewed.hints();
    split(skewed, {{"a", 1}, {"b", 1}});
    BOOST_TEST(skewed.hints() == before); // and goes on to do so
    Group larger("aaabbb");
    split(larger, {{"a", 2}, {"b", 1}});
    BOOST_TEST(std::count_if(larger.endpoints.begin(), larger.endpoints.end(), [](const auto& e) {
                   return e.hints.zones.at(0) == "a";
               }) == 4);
}

BOOST_AUTO_TEST_CASE(no_split) {
    Group one("aa");
    one.endpoints[0].hints.zones = {"a"};
    BOOST_TEST((split(one, {{"a", 1}}) == TopologyRefusal::InsufficientNodeInfo));
    BOOST_TEST(one.hints() == "--"); // old hints go
    Group few("aa");
    BOOST_TEST(
        (split(few, {{"a", 1}, {"b", 1}, {"c", 1}}) == TopologyRefusal::InsufficientEndpoints));
    Group unknown("aab-");
    BOOST_TEST((split(unknown, {{"a", 1}, {"b", 1}}) == TopologyRefusal::NoZone));
    Group uneven("abc"); // shares of 1.25, 1.25, 0.5: at least 2 + 2 + 1 within 20 %
    BOOST_TEST((split(uneven, {{"a", 5}, {"b", 5}, {"c", 2}}) == TopologyRefusal::Overload));
    Group waiting("abab");
    waiting.endpoints[0].ready = false;
    split(waiting, {{"a", 1}, {"b", 1}});
    BOOST_TEST(waiting.hints().front() == '-');
    BOOST_TEST(!to_text(TopologyRefusal::Overload).empty());
}

BOOST_AUTO_TEST_SUITE_END()
