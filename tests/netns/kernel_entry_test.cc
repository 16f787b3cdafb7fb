#include <array>

#include <poll.h>
#include <sys/socket.h>

#include <boost/test/unit_test.hpp>

#include "netemu/base/error.h"
#include "netemu/model/route_protocol.h"
#include "tests/netns/kernel_fixture.h"

using namespace netemu;
using namespace netemu::test;

namespace {

/// A namespace with a bridge, br0, that is up and has 10.1.0.1/24 and fd00:1::1/64.
struct EntryFixture : KernelFixture {
    EntryFixture() {
        create({"node/a"});
        apply(
            {CreateLink{"node/a", loopback()},
             CreateLink{"node/a", bridge("br0", 2)},
             AddAddress{"node/a", "br0", prefix("10.1.0.1/24")},
             AddAddress{"node/a", "br0", prefix("fd00:1::1/64")}});
    }

    nlohmann::json addresses() {
        return ip_json("node/a", {"addr", "show", "dev", "br0"})[0].at("addr_info");
    }
    nlohmann::json routes(const char* family) { return ip_json("node/a", {family, "route"}); }
    nlohmann::json neighbours() { return ip_json("node/a", {"neigh"}); }
};

bool is_onlink(const nlohmann::json& route) {
    return route.at("flags").dump().find("\"onlink\"") != std::string::npos;
}

std::shared_ptr<const std::vector<NeighbourSpec>> list(std::vector<NeighbourSpec> entries) {
    return std::make_shared<const std::vector<NeighbourSpec>>(std::move(entries));
}

} // namespace

BOOST_FIXTURE_TEST_SUITE(kernel_entries, EntryFixture)

BOOST_AUTO_TEST_CASE(addresses_come_and_go) {
    const auto four = find(addresses(), "local", "10.1.0.1");
    BOOST_TEST(four.at("prefixlen") == 24);
    BOOST_TEST(four.at("broadcast") == "10.1.0.255");
    const auto six = find(addresses(), "local", "fd00:1::1");
    BOOST_TEST(six.at("prefixlen") == 64);
    BOOST_TEST(six.at("nodad") == true);
    BOOST_TEST(!six.contains("tentative"));
    apply(
        {AddAddress{"node/a", "br0", prefix("10.1.9.0/32")},
         DeleteAddress{"node/a", "br0", prefix("10.1.0.1/24")},
         DeleteAddress{"node/a", "br0", prefix("fd00:1::1/64")}});
    BOOST_TEST(addresses().size() == 1U);
    const auto host = find(addresses(), "local", "10.1.9.0");
    BOOST_TEST(host.at("prefixlen") == 32);
    BOOST_TEST(!host.contains("broadcast"));
}

// A routing daemon's routes are not ours to keep: they are listed when asked for, and a change of
// any route is told of.
BOOST_AUTO_TEST_CASE(routes_of_bird_are_listed_and_not_observed) {
    const auto watch = kernel->watch_routes("node/a");
    const auto told = [&] {
        constexpr int kPatienceMs = 5000;
        pollfd wait{watch.get(), POLLIN, 0};
        const bool ready = ::poll(&wait, 1, kPatienceMs) == 1;
        std::array<char, 4096> buffer{};
        while (::recv(watch.get(), buffer.data(), buffer.size(), 0) > 0) {
        }
        return ready;
    };
    const RouteSpec four{prefix("10.9.0.0/16"), ip("10.1.0.254"), "br0", false, kRouteByBird};
    const RouteSpec six{prefix("fd00:9::/64"), ip("fd00:1::fe"), "br0", false, kRouteByBird};
    const RouteSpec nowhere{prefix("10.10.0.0/16"), {}, {}, false, kRouteByBird};
    apply({AddRoute{"node/a", four}});
    BOOST_TEST(told());
    apply({AddRoute{"node/a", six}, AddRoute{"node/a", nowhere}});
    BOOST_TEST(told());
    const auto listed = kernel->read_routes("node/a", kRouteByBird);
    BOOST_TEST((listed == std::vector<RouteSpec>{four, nowhere, six}));
    BOOST_TEST(ip_json("node/a", {"route", "show", "proto", "bird"}).size() == 2U);
    BOOST_TEST(kernel->observe().namespaces.at("node/a").routes.empty());
    BOOST_TEST(kernel->read_routes("node/a", kRouteByHand).empty());
    apply({DeleteRoute{"node/a", four}});
    BOOST_TEST(told());
    BOOST_TEST(kernel->read_routes("node/a", kRouteByBird).size() == 2U);
}

BOOST_AUTO_TEST_CASE(routes_come_and_go) {
    const RouteSpec by_default{prefix("0.0.0.0/0"), ip("10.1.0.254"), "br0", false};
    const RouteSpec on_link{prefix("10.3.0.0/16"), std::nullopt, "br0", false};
    const RouteSpec through{prefix("10.4.0.0/24"), ip("10.4.0.0"), "br0", true};
    apply(
        {AddRoute{"node/a", by_default}, AddRoute{"node/a", on_link}, AddRoute{"node/a", through}});
    auto shown = routes("-4");
    BOOST_TEST(find(shown, "dst", "default").at("gateway") == "10.1.0.254");
    BOOST_TEST(find(shown, "dst", "10.3.0.0/16").at("scope") == "link");
    BOOST_TEST(is_onlink(find(shown, "dst", "10.4.0.0/24")));
    apply(
        {DeleteRoute{"node/a", by_default},
         DeleteRoute{"node/a", on_link},
         DeleteRoute{"node/a", through}});
    shown = routes("-4");
    BOOST_TEST(shown.size() == 1U); // the kernel's own, to 10.1.0.0/24
    BOOST_TEST(find(shown, "dst", "10.1.0.0/24").at("protocol") == "kernel");
}

BOOST_AUTO_TEST_CASE(routes_of_ipv6_come_and_go) {
    const RouteSpec by_default{prefix("::/0"), ip("fd00:1::fe"), "br0", false};
    const RouteSpec on_link{prefix("fd00:3::/64"), std::nullopt, "br0", false};
    const RouteSpec through{prefix("fd00:4::/64"), ip("fd00:4::"), "br0", true};
    apply(
        {AddRoute{"node/a", by_default}, AddRoute{"node/a", on_link}, AddRoute{"node/a", through}});
    auto shown = routes("-6");
    BOOST_TEST(find(shown, "dst", "default").at("gateway") == "fd00:1::fe");
    BOOST_TEST(find(shown, "dst", "fd00:3::/64").is_object());
    BOOST_TEST(is_onlink(find(shown, "dst", "fd00:4::/64")));
    apply(
        {DeleteRoute{"node/a", by_default},
         DeleteRoute{"node/a", on_link},
         DeleteRoute{"node/a", through}});
    BOOST_TEST(find(routes("-6"), "dst", "default").is_null());
    BOOST_TEST(find(routes("-6"), "dst", "fd00:3::/64").is_null());
    BOOST_TEST(find(routes("-6"), "dst", "fd00:4::/64").is_null());
}

BOOST_AUTO_TEST_CASE(neighbours_are_permanent_and_replaceable) {
    apply({AddNeighbours{
        "node/a",
        list(
            {{ip("10.1.0.2"), mac("0a:58:0a:01:00:02"), "br0"},
             {ip("fd00:1::2"), mac("0a:58:00:00:00:02"), "br0"}})}});
    BOOST_TEST(find(neighbours(), "dst", "10.1.0.2").at("lladdr") == "0a:58:0a:01:00:02");
    BOOST_TEST(find(neighbours(), "dst", "10.1.0.2").at("state").dump() == "[\"PERMANENT\"]");
    BOOST_TEST(find(neighbours(), "dst", "fd00:1::2").at("lladdr") == "0a:58:00:00:00:02");
    const NeighbourSpec other{ip("10.1.0.2"), mac("02:00:00:00:00:09"), "br0"};
    apply({AddNeighbours{"node/a", list({other})}});
    BOOST_TEST(find(neighbours(), "dst", "10.1.0.2").at("lladdr") == "02:00:00:00:00:09");
    apply({DeleteNeighbour{"node/a", other}, DeleteNeighbour{"node/a", other}});
    BOOST_TEST(find(neighbours(), "dst", "10.1.0.2").is_null());
    BOOST_TEST(find(neighbours(), "dst", "fd00:1::2").is_object());
}

BOOST_AUTO_TEST_CASE(a_long_list_of_neighbours_takes_several_batches) {
    std::vector<NeighbourSpec> many;
    for (std::uint32_t i = 0; i < 3000; ++i) {
        const auto address = IpAddress::v4(0x0A010000 + i);
        many.push_back({address, MacAddress::for_ip(address), "br0"});
    }
    apply({AddNeighbours{"node/a", list(many)}});
    BOOST_TEST(neighbours().size() == 3000U);
}

BOOST_AUTO_TEST_CASE(forwarding_entries_come_and_go) {
    create({"node/b"});
    apply(
        {CreateLink{"node/a", veth("eth9", 9, "node/b")},
         AddAddress{"node/a", "eth9", prefix("172.18.0.2/16")},
         AddAddress{"node/a", "eth9", prefix("fd00:18::2/64")},
         CreateLink{"node/a", vxlan("vxlan1", 4, {1, ip("172.18.0.2"), 4789, "eth9"})},
         CreateLink{"node/a", vxlan("vxlan6", 5, {6, ip("fd00:18::2"), 4790, "eth9"})},
         AddFdb{"node/a", {mac("0a:58:0a:f4:02:00"), ip("172.18.0.3"), "vxlan1"}},
         AddFdb{"node/a", {mac("0a:58:0a:f4:03:00"), ip("172.18.0.4"), "vxlan1"}},
         AddFdb{"node/a", {MacAddress{}, ip("172.18.0.3"), "vxlan1"}},
         AddFdb{"node/a", {MacAddress{}, ip("172.18.0.4"), "vxlan1"}},
         AddFdb{"node/a", {mac("0a:58:0a:f4:02:00"), ip("fd00:18::3"), "vxlan6"}}});
    auto shown = bridge_json("node/a", {"fdb", "show", "dev", "vxlan1"});
    BOOST_TEST(shown.size() == 4U);
    const auto entry = find(shown, "mac", "0a:58:0a:f4:02:00");
    BOOST_TEST(entry.at("dst") == "172.18.0.3");
    BOOST_TEST(entry.at("state") == "permanent");
    BOOST_TEST(entry.at("flags").dump() == "[\"self\"]");
    apply(
        {AddFdb{"node/a", {mac("0a:58:0a:f4:02:00"), ip("172.18.0.9"), "vxlan1"}},
         DeleteFdb{"node/a", {mac("0a:58:0a:f4:03:00"), ip("172.18.0.4"), "vxlan1"}},
         DeleteFdb{"node/a", {MacAddress{}, ip("172.18.0.4"), "vxlan1"}}});
    shown = bridge_json("node/a", {"fdb", "show", "dev", "vxlan1"});
    BOOST_TEST(shown.size() == 2U);
    BOOST_TEST(find(shown, "mac", "0a:58:0a:f4:02:00").at("dst") == "172.18.0.9");
    const auto six = bridge_json("node/a", {"fdb", "show", "dev", "vxlan6"});
    BOOST_TEST(find(six, "mac", "0a:58:0a:f4:02:00").at("dst") == "fd00:18::3");
}

BOOST_AUTO_TEST_CASE(what_is_gone_already_counts_as_deleted) {
    apply(
        {DeleteRoute{"node/a", {prefix("10.3.0.0/16"), ip("10.1.0.9"), "br0", false}},
         DeleteAddress{"node/a", "br0", prefix("10.9.0.1/24")},
         DeleteNeighbour{"node/a", {ip("10.1.0.2"), mac("02:00:00:00:00:09"), "br0"}},
         DeleteRoute{"node/a", {prefix("10.3.0.0/16"), std::nullopt, "gone0", false}},
         DeleteFdb{"node/a", {mac("02:00:00:00:00:09"), ip("10.1.0.9"), "gone0"}},
         DeleteLink{"node/a", "gone0"},
         DeleteTable{"node/a", NftFamily::Ip, "gone"}});
    BOOST_TEST(addresses().size() == 2U);
}

BOOST_AUTO_TEST_SUITE_END()
