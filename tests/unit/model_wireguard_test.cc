#include <boost/test/unit_test.hpp>

#include "netemu/model/packet.h"
#include "netemu/model/packet_filter.h"
#include "netemu/model/plan.h"
#include "tests/support/state_text.h"

using namespace netemu;
using netemu::test::to_text;

namespace {

WireguardKey key_of(std::uint8_t byte) {
    WireguardKey key;
    key.bytes.fill(byte);
    return key;
}

/// A node with one device, whose peers are those of these numbers.
DesiredState with_peers(const std::vector<unsigned>& numbers) {
    WireguardSpec device;
    device.key = key_of(0xaa);
    device.port = 51820;
    for (const auto number : numbers) {
        const auto text = std::to_string(number);
        device.peers.push_back(
            {key_of(static_cast<std::uint8_t>(number)),
             *Endpoint::parse("172.18.0." + text + ":51820"),
             {*IpPrefix::parse("10.244." + text + ".0/24")}});
    }
    LinkSpec link;
    link.name = "wg0";
    link.index = 22;
    link.mtu = 1440;
    link.kind = std::move(device);
    DesiredState state;
    auto& spec = state.namespaces["node/a"];
    spec.role = NamespaceRole::Node;
    spec.links.push_back(std::move(link));
    return state;
}

WireguardSpec& device_of(DesiredState& state) {
    return std::get<WireguardSpec>(state.namespaces.at("node/a").links.at(0).kind);
}

std::string change(const DesiredState& from, const DesiredState& to) {
    return to_text(make_plan(to, expected_observation(from)));
}

/// UDP from and to a port, with a message of that type and size.
PacketLevel datagram(std::uint16_t port, const std::string& payload, std::size_t size) {
    static std::string kept;
    kept = payload;
    PacketLevel level;
    level.ip = IpHeader{};
    level.ip->protocol = 17;
    level.ip->source = *IpAddress::parse("172.18.0.2");
    level.ip->destination = *IpAddress::parse("172.18.0.3");
    level.transport = TransportHeader{port, port, 0, 0, 0, 0};
    level.payload = kept;
    level.payload_size = size;
    return level;
}

std::string message(char type, std::size_t size, std::uint16_t port = 51820) {
    return wireguard_message(datagram(port, std::string{type, '\0', '\0', '\0'}, size));
}

} // namespace

BOOST_AUTO_TEST_SUITE(wireguard)

// As `wg genkey | tee private | wg pubkey` writes them; `base64 -d` gives the same bytes.
BOOST_AUTO_TEST_CASE(keys_are_written_as_wg_writes_them) {
    BOOST_TEST(to_text(WireguardKey{}) == "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=");
    BOOST_TEST(to_text(key_of(0xff)) == "//////////////////////////////////////////8=");
    for (const char* text :
         {"xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg=",
          "TrMvSoP4jYQlY6RIzBgbssQqY3vxI2Pi+y71lOWWXX0="}) {
        const auto key = parse_wireguard_key(text);
        BOOST_REQUIRE(key.has_value());
        BOOST_TEST(to_text(*key) == text);
    }
}

BOOST_AUTO_TEST_CASE(what_is_no_key_is_none) {
    for (const char* text :
         {"",
          "xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg",
          "xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg==",
          "xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8D==",
          "xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dh=",
          "xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8D!="}) {
        BOOST_TEST(!parse_wireguard_key(text).has_value(), text);
    }
}

BOOST_AUTO_TEST_CASE(peers_come_change_and_go_and_the_others_are_left_alone) {
    const auto two = with_peers({2, 3});
    BOOST_TEST(make_plan(two, expected_observation(two)).empty());
    BOOST_TEST(
        change(two, with_peers({2, 3, 4})) ==
        "node/a: wg set wg0 peer BAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQ= endpoint "
        "172.18.0.4:51820 allowed-ips 10.244.4.0/24\n");
    BOOST_TEST(
        change(two, with_peers({3})) ==
        "node/a: wg set wg0 peer AgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgI= remove\n");
    auto moved = two;
    device_of(moved).peers[0].endpoint.port = 9;
    BOOST_TEST(change(moved, two).find("endpoint 172.18.0.2:51820") != std::string::npos);
    auto another = two;
    device_of(another).key = key_of(0xbb);
    BOOST_TEST(
        change(another, two) == "node/a: wg set wg0 listen-port 51820 private-key (of "
                                "qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqo=)\n");
}

BOOST_AUTO_TEST_CASE(a_peer_that_roams_is_where_it_is) {
    auto wanted = with_peers({2, 3});
    device_of(wanted).roams = true;
    BOOST_TEST(make_plan(wanted, expected_observation(wanted)).empty());
    auto elsewhere = wanted;
    device_of(elsewhere).peers[0].endpoint = *Endpoint::parse("192.0.2.1:1000");
    BOOST_TEST(change(elsewhere, wanted).empty());
    device_of(elsewhere).peers[0].allowed[0].length = 25;
    BOOST_TEST(!change(elsewhere, wanted).empty());
}

// wireguard.com/protocol: the sizes of the messages.
BOOST_AUTO_TEST_CASE(messages_are_told_by_their_type_and_size) {
    BOOST_TEST(message(1, 148) == "handshake initiation");
    BOOST_TEST(message(2, 92) == "handshake response");
    BOOST_TEST(message(3, 64) == "cookie reply");
    BOOST_TEST(message(4, 32) == "keepalive");
    BOOST_TEST(message(4, 128, 51871) == "transport data, 96 bytes");
    for (const auto& [type, size] : {std::pair{1, 147}, {2, 93}, {3, 65}, {4, 31}, {5, 148}}) {
        BOOST_TEST(message(static_cast<char>(type), static_cast<std::size_t>(size)).empty());
    }
    BOOST_TEST(message(4, 128, 51822).empty());
    BOOST_TEST(wireguard_message(datagram(51820, std::string{4, 1, 0, 0}, 128)).empty());
    BOOST_TEST(wireguard_message(datagram(51820, "", 0)).empty());
    const std::vector<PacketLevel> levels{datagram(51820, std::string{4, 0, 0, 0}, 128)};
    BOOST_TEST(
        packet_summary(levels) ==
        "172.18.0.2:51820 > 172.18.0.3:51820 WireGuard transport data, 96 bytes");
    BOOST_TEST(PacketFilter::parse("wireguard").matches(levels));
    BOOST_TEST(!PacketFilter::parse("not wireguard").matches(levels));
}

BOOST_AUTO_TEST_CASE(a_filter_asks_for_a_vlan) {
    std::vector<PacketLevel> levels{datagram(9, "x", 1)};
    BOOST_TEST(!PacketFilter::parse("vlan").matches(levels));
    levels[0].vlan = 20;
    BOOST_TEST(PacketFilter::parse("vlan").matches(levels));
    BOOST_TEST(PacketFilter::parse("vlan 20 and udp").matches(levels));
    BOOST_TEST(!PacketFilter::parse("vlan 10").matches(levels));
}

BOOST_AUTO_TEST_SUITE_END()
