#include <cstring>

#include <linux/netlink.h>

#include <boost/test/unit_test.hpp>

#include "netemu/kernel/port_vlan_codec.h"
#include "netemu/kernel/wireguard_codec.h"

using namespace netemu;

namespace {

constexpr std::uint16_t kWireguardNumber = 0x1d;

/// What follows the netlink header of the only message, in words of four bytes.
std::string only_message(const Batch& batch, std::uint16_t type) {
    constexpr const char* kDigits = "0123456789abcdef";
    const auto bytes = batch.bytes();
    nlmsghdr header{};
    std::memcpy(&header, bytes.data(), sizeof header);
    BOOST_TEST(header.nlmsg_type == type);
    BOOST_TEST(NLMSG_ALIGN(header.nlmsg_len) == bytes.size());
    std::string text;
    for (std::size_t i = sizeof header; i < bytes.size(); ++i) {
        const auto byte = static_cast<unsigned char>(bytes[i]);
        text += kDigits[byte / 16];
        text += kDigits[byte % 16];
        text += i % 4 == 3 ? " " : "";
    }
    return text;
}

WireguardPeer some_peer() {
    WireguardPeer peer;
    peer.key.bytes.fill(0x11);
    peer.endpoint = *Endpoint::parse("172.18.0.3:51820");
    peer.allowed = {*IpPrefix::parse("10.244.2.0/24"), *IpPrefix::parse("fd00:10:244:2::/64")};
    return peer;
}

std::string repeated(const char* word, unsigned count) {
    std::string text;
    for (unsigned i = 0; i < count; ++i) {
        text += word;
    }
    return text;
}

const nlmsghdr* as_message(const Batch& batch) {
    return reinterpret_cast<const nlmsghdr*>(batch.bytes().data());
}

} // namespace

BOOST_AUTO_TEST_SUITE(ports_messages)

// linux/wireguard.h: the numbers of commands and attributes; the host is little-endian.
BOOST_AUTO_TEST_CASE(a_device_gets_its_key_and_port) {
    Batch batch;
    std::array<std::uint8_t, WireguardKey::kBytes> secret{};
    secret.fill(0x77);
    encode_wireguard_device({batch, kWireguardNumber}, 22, secret, 51820);
    BOOST_TEST(
        only_message(batch, kWireguardNumber) == "01010000 "          // SET_DEVICE, version 1
                                                 "08000100 16000000 " // IFINDEX
                                                 "24000300 " +        // PRIVATE_KEY
                                                     repeated("77777777 ", 8) +
                                                     "06000600 6cca0000 "); // LISTEN_PORT
}

BOOST_AUTO_TEST_CASE(a_peer_is_added_and_removed) {
    Batch batch;
    encode_wireguard_peer({batch, kWireguardNumber}, 22, some_peer());
    BOOST_TEST(
        only_message(batch, kWireguardNumber) ==
        "01010000 "
        "08000100 16000000 " // IFINDEX
        "98000880 "          // PEERS
        "94000080 "          // the first
        "24000100 " +        // PUBLIC_KEY
            repeated("11111111 ", 8) +
            "08000300 02000000 "                            // FLAGS: REPLACE_ALLOWEDIPS
            "06000500 00000000 "                            // PERSISTENT_KEEPALIVE_INTERVAL
            "14000400 0200ca6c ac120003 00000000 00000000 " // ENDPOINT: sockaddr_in
            "48000980 "                                     // ALLOWEDIPS
            "1c000080 06000100 02000000 08000200 0af40200 05000300 18000000 "
            "28000080 06000100 0a000000 14000200 fd000010 02440002 00000000 00000000 "
            "05000300 40000000 ");
    Batch removal;
    encode_remove_wireguard_peer({removal, kWireguardNumber}, 22, some_peer().key);
    BOOST_TEST(
        only_message(removal, kWireguardNumber) ==
        "01010000 08000100 16000000 34000880 30000080 24000100 " + repeated("11111111 ", 8) +
            "08000300 01000000 "); // FLAGS: REMOVE_ME
}

BOOST_AUTO_TEST_CASE(a_peer_is_kept_alive) {
    Batch batch;
    encode_wireguard_keepalive({batch, kWireguardNumber}, 22, some_peer().key, 25);
    BOOST_TEST(
        only_message(batch, kWireguardNumber) ==
        "01010000 08000100 16000000 3c000880 38000080 24000100 " + repeated("11111111 ", 8) +
            "08000300 04000000 "   // FLAGS: UPDATE_ONLY
            "06000500 19000000 "); // PERSISTENT_KEEPALIVE_INTERVAL
}

BOOST_AUTO_TEST_CASE(what_was_written_is_read_and_a_peer_may_go_on_in_the_next_message) {
    Batch batch;
    encode_wireguard_peer({batch, kWireguardNumber}, 22, some_peer());
    WireguardSpec device;
    decode_wireguard(as_message(batch), device);
    BOOST_REQUIRE(device.peers.size() == 1U);
    BOOST_TEST((device.peers[0] == some_peer()));
    auto rest = some_peer();
    rest.allowed = {*IpPrefix::parse("10.244.7.0/24")};
    Batch next;
    encode_wireguard_peer({next, kWireguardNumber}, 22, rest);
    decode_wireguard(as_message(next), device);
    BOOST_REQUIRE(device.peers.size() == 1U);
    BOOST_TEST(device.peers[0].allowed.size() == 3U);
}

// linux/if_bridge.h, as `bridge vlan add` and `bridge vlan delete` send it.
BOOST_AUTO_TEST_CASE(a_port_joins_and_leaves_networks) {
    Batch batch;
    encode_join_vlans(batch, 101, {{10, true, true}, {20, false, false}});
    BOOST_TEST(
        only_message(batch, 19) == "07000000 65000000 00000000 00000000 " // SETLINK, AF_BRIDGE
                                   "14001a00 "                            // AF_SPEC
                                   "08000200 06000a00 "                   // PVID and UNTAGGED
                                   "08000200 00001400 ");
    Batch removal;
    encode_leave_vlans(removal, 101, {10});
    BOOST_TEST(
        only_message(removal, 17) == "07000000 65000000 00000000 00000000 " // DELLINK
                                     "0c001a00 08000200 00000a00 ");
    const auto read = decode_port_vlans(as_message(batch));
    BOOST_REQUIRE(read.has_value());
    BOOST_TEST(read->link_index == 101U);
    BOOST_TEST((read->vlans == std::vector<PortVlan>{{10, true, true}, {20, false, false}}));
}

BOOST_AUTO_TEST_SUITE_END()
