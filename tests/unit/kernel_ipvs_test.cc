#define BOOST_TEST_MODULE kernel_codec
#include <array>
#include <cstring>

#include <linux/netlink.h>

#include <boost/test/unit_test.hpp>

#include "netemu/kernel/ipvs_codec.h"

using namespace netemu;

namespace {

constexpr std::uint16_t kFamilyNumber = 0x20;

Endpoint at(const char* text) {
    return *Endpoint::parse(text);
}

/// A line for each message: what follows its netlink header, four bytes at a time.
std::string words_of(const Batch& batch) {
    constexpr const char* kDigits = "0123456789abcdef";
    std::string text;
    const auto bytes = batch.bytes();
    for (std::size_t at = 0; at < bytes.size();) {
        nlmsghdr header{};
        std::memcpy(&header, bytes.data() + at, sizeof header);
        BOOST_TEST(header.nlmsg_type == kFamilyNumber);
        for (std::size_t i = sizeof header; i < header.nlmsg_len; ++i) {
            const auto byte = static_cast<unsigned char>(bytes[at + i]);
            text += kDigits[byte / 16];
            text += kDigits[byte % 16];
            text += i % 4 == 3 ? " " : "";
        }
        text += "\n";
        at += NLMSG_ALIGN(header.nlmsg_len);
    }
    return text;
}

VirtualServer sticky() {
    return {{at("10.96.0.1:80"), 6}, "rr", 10800, {}};
}

/// Reads what was written, as if the kernel had sent it.
template <class Decode>
auto read_back(const Batch& batch, const Decode& decode) {
    return decode(reinterpret_cast<const nlmsghdr*>(batch.bytes().data()));
}

} // namespace

BOOST_AUTO_TEST_SUITE(ipvs_messages)

// linux/ip_vs.h: the numbers of commands and attributes; the host is little-endian.
BOOST_AUTO_TEST_CASE(a_virtual_server_is_added) {
    Batch batch;
    encode_virtual_server({batch, kFamilyNumber}, IpvsChange::Add, sticky());
    BOOST_TEST(
        words_of(batch) == "01010000 "                                     // NEW_SERVICE, version 1
                           "54000100 "                                     // SERVICE, 84 bytes
                           "06000100 02000000 "                            // AF: AF_INET
                           "06000200 06000000 "                            // PROTOCOL: TCP
                           "14000300 0a600001 00000000 00000000 00000000 " // ADDR
                           "06000400 00500000 "                            // PORT
                           "07000600 72720000 "                            // SCHED_NAME: "rr"
                           "0c000700 01000000 ffffffff " // FLAGS: persistent, all of them
                           "08000800 302a0000 "          // TIMEOUT: 10800
                           "08000900 ffffffff \n");      // NETMASK
}

BOOST_AUTO_TEST_CASE(a_virtual_server_of_ipv6_is_deleted) {
    Batch batch;
    const VirtualServer server{{at("[fd00::1]:53"), 17}, "rr", 0, {}};
    encode_virtual_server({batch, kFamilyNumber}, IpvsChange::Delete, server);
    BOOST_TEST(
        words_of(batch) == "03010000 "
                           "30000100 "
                           "06000100 0a000000 "
                           "06000200 11000000 "
                           "14000300 fd000000 00000000 00000000 00000001 "
                           "06000400 00350000 \n");
}

BOOST_AUTO_TEST_CASE(a_real_server_changes_its_weight) {
    Batch batch;
    encode_real_server(
        {batch, kFamilyNumber}, IpvsChange::Change, sticky().key, {at("10.244.1.2:8080"), 0});
    BOOST_TEST(
        words_of(batch) == "06010000 "                                     // SET_DEST
                           "30000100 06000100 02000000 06000200 06000000 " // SERVICE
                           "14000300 0a600001 00000000 00000000 00000000 06000400 00500000 "
                           "40000200 "                                     // DEST
                           "14000100 0af40102 00000000 00000000 00000000 " // ADDR
                           "06000200 1f900000 "                            // PORT
                           "08000300 00000000 "                       // FWD_METHOD: masquerading
                           "08000400 00000000 "                       // WEIGHT
                           "08000500 00000000 08000600 00000000 \n"); // thresholds: none
}

BOOST_AUTO_TEST_CASE(what_is_written_is_read) {
    Batch batch;
    encode_virtual_server({batch, kFamilyNumber}, IpvsChange::Add, sticky());
    BOOST_CHECK(read_back(batch, decode_virtual_server) == sticky());

    batch.clear();
    const RealServer real{at("[fd00::2]:8080"), 3};
    encode_real_server({batch, kFamilyNumber}, IpvsChange::Add, {at("[fd00::1]:80"), 6}, real);
    const auto info = read_back(
        batch, [](const nlmsghdr* message) { return decode_real_server(message, Family::V6); });
    BOOST_REQUIRE(info.has_value());
    BOOST_CHECK(info->server == real);
    BOOST_TEST(info->connections == 0U);
}

BOOST_AUTO_TEST_CASE(what_is_no_address_is_left_out) {
    Batch batch;
    encode_dump_virtual_servers({batch, kFamilyNumber});
    BOOST_CHECK(!read_back(batch, decode_virtual_server).has_value());
    BOOST_CHECK(!read_back(batch, [](const nlmsghdr* message) {
                     return decode_real_server(message, Family::V4);
                 }).has_value());
}

BOOST_AUTO_TEST_SUITE_END()
