#include <cstring>
#include <limits>

#include <netinet/in.h>

#include <boost/test/unit_test.hpp>

#include "netemu/base/address.h"

using namespace netemu;

BOOST_AUTO_TEST_SUITE(address)

BOOST_AUTO_TEST_CASE(ip_text_round_trip) {
    for (const auto* text :
         {"0.0.0.0",
          "10.244.1.5",
          "255.255.255.255",
          "::",
          "::1",
          "fd00:172:18::2",
          "2001:db8::a:b"}) {
        const auto address = IpAddress::parse(text);
        BOOST_REQUIRE_MESSAGE(address, text);
        BOOST_TEST(address->to_string() == text);
    }
    BOOST_TEST(IpAddress::parse("FD00:0:0:0::1")->to_string() == "fd00::1");
}

BOOST_AUTO_TEST_CASE(ip_refuses_what_is_no_address) {
    const std::string with_zero("10.0.0.1\0", 9);
    for (const std::string& text :
         {std::string(""),
          std::string("10.0.0"),
          std::string("10.0.0.256"),
          std::string("010.0.0.1"),
          std::string("10.0.0.1 "),
          std::string("10.0.0.1/8"),
          std::string(":::"),
          std::string("fe80::1%eth0"),
          std::string("[::1]"),
          with_zero}) {
        BOOST_TEST(!IpAddress::parse(text), text);
    }
}

BOOST_AUTO_TEST_CASE(ip_arithmetic) {
    const auto v4 = *IpAddress::parse("10.0.0.250");
    BOOST_TEST(v4.plus(10).to_string() == "10.0.1.4");
    BOOST_TEST(IpAddress::v4(0xffffffff).plus(1).to_string() == "0.0.0.0");
    BOOST_TEST(v4.plus(70000).distance_from(v4) == 70000U);
    const auto v6 = *IpAddress::parse("fd00::ffff:ffff");
    BOOST_TEST(v6.plus(1).to_string() == "fd00::1:0:0");
    BOOST_TEST(v6.plus(1).distance_from(v6) == 1U);
    BOOST_TEST(v6.distance_from(*IpAddress::parse("fd00::")) == 0xffffffffU);
    const auto far = *IpAddress::parse("fd01::");
    BOOST_TEST(far.distance_from(v6) == std::numeric_limits<std::uint64_t>::max());
    const auto top = *IpAddress::parse("::ffff:ffff:ffff:ffff");
    BOOST_TEST(
        top.distance_from(*IpAddress::parse("::")) == std::numeric_limits<std::uint64_t>::max());
}

BOOST_AUTO_TEST_CASE(ip_families_and_classes) {
    BOOST_TEST(IpAddress::parse("127.3.2.1")->is_loopback());
    BOOST_TEST(IpAddress::parse("::1")->is_loopback());
    BOOST_TEST(!IpAddress::parse("::2")->is_loopback());
    BOOST_TEST(!IpAddress::parse("128.0.0.1")->is_loopback());
    BOOST_TEST(IpAddress{}.is_unspecified());
    BOOST_TEST(IpAddress::parse("::")->is_unspecified());
    BOOST_TEST((IpAddress{} != *IpAddress::parse("::")));
    BOOST_TEST((*IpAddress::parse("255.0.0.0") < *IpAddress::parse("::")));
}

BOOST_AUTO_TEST_CASE(prefix_parts) {
    const auto prefix = *IpPrefix::parse("10.244.1.5/22");
    BOOST_TEST(prefix.to_string() == "10.244.1.5/22");
    BOOST_TEST(prefix.network().to_string() == "10.244.0.0/22");
    BOOST_TEST(prefix.last().to_string() == "10.244.3.255");
    BOOST_TEST(prefix.size() == 1024U);
    BOOST_TEST(IpPrefix::parse("0.0.0.0/0")->size() == (std::uint64_t{1} << 32U));
    BOOST_TEST(IpPrefix::parse("0.0.0.0/0")->last().to_string() == "255.255.255.255");
    BOOST_TEST(IpPrefix::host(prefix.address).to_string() == "10.244.1.5/32");
    const auto v6 = *IpPrefix::parse("fd00:1:2:3:4::9/66");
    BOOST_TEST(v6.network().to_string() == "fd00:1:2:3::/66");
    BOOST_TEST(v6.last().to_string() == "fd00:1:2:3:3fff:ffff:ffff:ffff");
    BOOST_TEST(v6.size() == (std::uint64_t{1} << 62U));
    BOOST_TEST(IpPrefix::parse("::/64")->size() == std::numeric_limits<std::uint64_t>::max());
}

BOOST_AUTO_TEST_CASE(prefix_refuses_what_is_no_prefix) {
    for (const auto* text :
         {"10.0.0.0",
          "10.0.0.0/",
          "10.0.0.0/33",
          "::/129",
          "10.0.0.0/-1",
          "10.0.0.0/8x",
          "/8",
          "10.0.0.0/ 8",
          "10.0.0.0/4294967297"}) {
        BOOST_TEST(!IpPrefix::parse(text), text);
    }
}

BOOST_AUTO_TEST_CASE(prefix_membership) {
    const auto range = *IpPrefix::parse("10.244.1.0/24");
    BOOST_TEST(range.contains(*IpAddress::parse("10.244.1.255")));
    BOOST_TEST(!range.contains(*IpAddress::parse("10.244.2.0")));
    BOOST_TEST(!range.contains(*IpAddress::parse("::")));
    BOOST_TEST(IpPrefix::parse("::/0")->contains(*IpAddress::parse("fd00::1")));
    BOOST_TEST(range.overlaps(*IpPrefix::parse("10.0.0.0/8")));
    BOOST_TEST(IpPrefix::parse("10.0.0.0/8")->overlaps(range));
    BOOST_TEST(!range.overlaps(*IpPrefix::parse("10.244.0.0/24")));
    BOOST_TEST(!range.overlaps(*IpPrefix::parse("::/0")));
}

BOOST_AUTO_TEST_CASE(mac) {
    const auto parsed = MacAddress::parse("0A:58:0a:f4:01:05");
    BOOST_REQUIRE(parsed);
    BOOST_TEST(parsed->to_string() == "0a:58:0a:f4:01:05");
    BOOST_TEST((*parsed == MacAddress::for_ip(*IpAddress::parse("10.244.1.5"))));
    BOOST_TEST(
        MacAddress::for_ip(*IpAddress::parse("fd00::1:2:3")).to_string() == "0a:58:00:02:00:03");
    for (const auto* text :
         {"",
          "0a:58:0a:f4:01",
          "0a-58-0a-f4-01-05",
          "0a:58:0a:f4:01:0g",
          "0a:58:0a:f4:01:5 ",
          "-a:58:0a:f4:01:05",
          "0a:58:0a:f4:01:055"}) {
        BOOST_TEST(!MacAddress::parse(text), text);
    }
}

BOOST_AUTO_TEST_CASE(endpoint_text) {
    BOOST_TEST(Endpoint::parse("10.0.0.1:80")->to_string() == "10.0.0.1:80");
    BOOST_TEST(Endpoint::parse("[fd00::1]:65535")->to_string() == "[fd00::1]:65535");
    for (const auto* text :
         {"",
          ":80",
          "10.0.0.1",
          "10.0.0.1:",
          "10.0.0.1:65536",
          "fd00::1:80",
          "[10.0.0.1]:80",
          "[]:80",
          "[fd00::1]",
          "host:80",
          "10.0.0.1:+1"}) {
        BOOST_TEST(!Endpoint::parse(text), text);
    }
}

BOOST_AUTO_TEST_CASE(endpoint_socket_address_round_trip) {
    for (const auto* text : {"10.0.0.1:80", "[fd00::1]:65535"}) {
        const auto endpoint = *Endpoint::parse(text);
        sockaddr_storage storage{};
        const auto length = endpoint.to_sockaddr(storage);
        BOOST_TEST(
            length == (endpoint.address.is_v4() ? sizeof(sockaddr_in) : sizeof(sockaddr_in6)));
        BOOST_TEST((Endpoint::from_sockaddr(storage) == endpoint));
    }
}

BOOST_AUTO_TEST_CASE(endpoint_of_a_mapped_address_is_ipv4) {
    sockaddr_storage storage{};
    Endpoint{*IpAddress::parse("::ffff:10.0.0.1"), 80}.to_sockaddr(storage);
    BOOST_TEST(Endpoint::from_sockaddr(storage).to_string() == "10.0.0.1:80");
}

BOOST_AUTO_TEST_SUITE_END()
