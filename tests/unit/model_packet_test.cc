#include <random>

#include <boost/test/unit_test.hpp>

#include "netemu/base/error.h"
#include "netemu/model/packet.h"
#include "netemu/model/packet_filter.h"
#include "netemu/model/pcapng.h"

using namespace netemu;

namespace {

using Bytes = std::vector<std::uint8_t>;

/// "00 01 ab" or "0001ab".
Bytes from_hex(std::string_view text) {
    Bytes bytes;
    std::string digits;
    for (const char c : text) {
        if (c != ' ') {
            digits += c;
        }
    }
    for (std::size_t i = 0; i + 1 < digits.size(); i += 2) {
        bytes.push_back(static_cast<std::uint8_t>(std::stoul(digits.substr(i, 2), nullptr, 16)));
    }
    return bytes;
}

std::string to_hex(std::string_view bytes) {
    static constexpr const char* kDigits = "0123456789abcdef";
    std::string text;
    for (const char c : bytes) {
        const auto byte = static_cast<unsigned char>(c);
        text += {kDigits[byte >> 4U], kDigits[byte & 0xfU]};
    }
    return text;
}

Bytes join(const Bytes& a, const Bytes& b) {
    Bytes result = a;
    result.insert(result.end(), b.begin(), b.end());
    return result;
}

std::vector<PacketLevel> decode(const Bytes& bytes) {
    return decode_packet(bytes.data(), bytes.size());
}

std::string summary(const Bytes& bytes) {
    return packet_summary(decode(bytes));
}

/// 10.244.1.2:40000 > 10.244.2.2:8080, SYN.
const Bytes& syn() {
    static const Bytes kFrame = from_hex("0a580af40101 0a580af40102 0800"
                                         "4500 0028 0001 4000 40 06 0000 0af40102 0af40202"
                                         "9c40 1f90 00000064 00000000 50 02 ffff 0000 0000");
    return kFrame;
}

/// The same in VXLAN 1 from 172.18.0.2 to 172.18.0.3.
Bytes tunnelled(const Bytes& inner) {
    auto frame = from_hex("0a58ac120003 0a58ac120002 0800"
                          "4500 0000 0001 0000 40 11 0000 ac120002 ac120003"
                          "c000 12b5 0000 0000"
                          "08000000 00000100");
    frame = join(frame, inner);
    const auto total = frame.size() - 14;
    frame[16] = static_cast<std::uint8_t>(total >> 8U);
    frame[17] = static_cast<std::uint8_t>(total);
    const auto datagram = total - 20;
    frame[38] = static_cast<std::uint8_t>(datagram >> 8U);
    frame[39] = static_cast<std::uint8_t>(datagram);
    return frame;
}

bool matches(const char* filter, const Bytes& bytes) {
    const auto lookup = [](const std::string& word) {
        return word == "web-1" ? std::vector{*IpAddress::parse("10.244.2.2")}
                               : std::vector<IpAddress>{};
    };
    return PacketFilter::parse(filter, lookup).matches(decode(bytes));
}

std::string refusal(const char* filter) {
    try {
        (void)PacketFilter::parse(filter);
    } catch (const UsageError& error) {
        return error.what();
    }
    return "(taken)";
}

} // namespace

BOOST_AUTO_TEST_SUITE(packets)

BOOST_AUTO_TEST_CASE(tcp_is_read_with_its_flags) {
    BOOST_TEST(summary(syn()) == "10.244.1.2:40000 > 10.244.2.2:8080 TCP SYN");
    const auto levels = decode(syn());
    BOOST_REQUIRE_EQUAL(levels.size(), 1U);
    BOOST_TEST(levels[0].source_mac.to_string() == "0a:58:0a:f4:01:02");
    BOOST_TEST(int{levels[0].ip->hops} == 64);
    BOOST_TEST(levels[0].transport->sequence == 100U);
}

BOOST_AUTO_TEST_CASE(a_request_line_is_shown) {
    auto frame = syn();
    const std::string text = "GET /hostname HTTP/1.1\r\nhost: x\r\n\r\n";
    frame.insert(frame.end(), text.begin(), text.end());
    frame[17] = static_cast<std::uint8_t>(40 + text.size());
    frame[47] = 0x18;
    BOOST_TEST(
        summary(frame) == "10.244.1.2:40000 > 10.244.2.2:8080 TCP PSH,ACK 35 bytes "
                          "\"GET /hostname HTTP/1.1\"");
}

BOOST_AUTO_TEST_CASE(a_tunnel_shows_both_levels) {
    BOOST_TEST(
        summary(tunnelled(syn())) == "172.18.0.2 > 172.18.0.3 VXLAN 1 | 10.244.1.2:40000 > "
                                     "10.244.2.2:8080 TCP SYN");
    BOOST_TEST(decode(tunnelled(syn()))[0].tunnel_id == 1U);
}

BOOST_AUTO_TEST_CASE(vxlan_is_weave_s_on_its_port_too) {
    auto frame = tunnelled(syn());
    frame[36] = 0x1a; // UDP port 6784
    frame[37] = 0x80;
    frame[47] = 0x30; // VNI 12289: peers 1 and 3
    BOOST_TEST(summary(frame).starts_with("172.18.0.2 > 172.18.0.3 VXLAN 12289 | 10.244.1.2"));
}

BOOST_AUTO_TEST_CASE(sleeve_names_its_peers) {
    auto frame = tunnelled(syn());
    frame[36] = 0x1a; // UDP port 6783
    frame[37] = 0x7f;
    const auto header =
        from_hex("0a580af40101 0a580af40101 0a580af40201 0036"); // sender; from, to, length
    frame.erase(frame.begin() + 42, frame.begin() + 50);
    frame.insert(frame.begin() + 42, header.begin(), header.end());
    frame[17] = static_cast<std::uint8_t>(frame[17] + 12);
    frame[39] = static_cast<std::uint8_t>(frame[39] + 12);
    BOOST_TEST(
        summary(frame) == "172.18.0.2 > 172.18.0.3 Sleeve 0a:58:0a:f4:01:01 > 0a:58:0a:f4:02:01 | "
                          "10.244.1.2:40000 > 10.244.2.2:8080 TCP SYN");
    BOOST_TEST(matches("sleeve", frame));
    BOOST_TEST(!matches("vxlan", frame));
    frame.resize(50);
    BOOST_TEST(decode(frame).size() == 1U);
}

BOOST_AUTO_TEST_CASE(ip_in_ip_has_no_ethernet_inside) {
    const auto& inner = syn();
    auto frame = from_hex("0a58ac120003 0a58ac120002 0800"
                          "4500 003c 0001 4000 40 04 0000 ac120002 ac120003");
    frame.insert(frame.end(), inner.begin() + 14, inner.end());
    BOOST_TEST(
        summary(frame) == "172.18.0.2 > 172.18.0.3 IPIP | 10.244.1.2:40000 > 10.244.2.2:8080 "
                          "TCP SYN");
    BOOST_TEST(matches("ipip and port 8080", frame));
    frame.resize(34);
    BOOST_TEST(!matches("port 8080", frame));
}

BOOST_AUTO_TEST_CASE(geneve_is_read_behind_its_options) {
    auto frame = tunnelled(syn());
    frame[36] = 0x17; // UDP port 6081
    frame[37] = 0xc1;
    const auto header = from_hex("0200 6558 00000700 0102 8001 deadbeef");
    frame.erase(frame.begin() + 42, frame.begin() + 50);
    frame.insert(frame.begin() + 42, header.begin(), header.end());
    frame[17] = static_cast<std::uint8_t>(frame[17] + 8);
    frame[39] = static_cast<std::uint8_t>(frame[39] + 8);
    BOOST_TEST(summary(frame).starts_with("172.18.0.2 > 172.18.0.3 Geneve 7 | 10.244.1.2:40000"));
    BOOST_TEST(!decode(frame)[0].identity.has_value());
    const auto option = from_hex("ff01 8101 00000103"); // the sender's identity
    std::copy(option.begin(), option.end(), frame.begin() + 50);
    BOOST_TEST(summary(frame).starts_with(
        "172.18.0.2 > 172.18.0.3 Geneve 7 identity 259 | 10.244.1.2:40000"));
    frame[53] = 31; // longer than all options: whatever is cut short is left out
    BOOST_TEST(!decode(frame)[0].identity.has_value());
}

BOOST_AUTO_TEST_CASE(arp_icmp_and_vlan) {
    const auto arp = from_hex("ffffffffffff 0a580af40102 0806"
                              "0001 0800 06 04 0001 0a580af40102 0af40102 000000000000 0af40101");
    BOOST_TEST(summary(arp) == "ARP who has 10.244.1.1? tell 10.244.1.2");
    const auto echo = from_hex("0a580af40101 0a580af40102 8100 0064 0800"
                               "4500 001c 0001 4000 40 01 0000 0af40102 0af40202"
                               "08 00 0000 0007 0003");
    BOOST_TEST(summary(echo) == "VLAN 100 10.244.1.2 > 10.244.2.2 ICMP echo request id 7 seq 3");
}

BOOST_AUTO_TEST_CASE(ipv6_behind_extension_headers) {
    const auto frame = from_hex(
        "0a580af40101 0a580af40102 86dd"
        "60000000 0010 00 40 fd000000000000000000000000000001 fd000000000000000000000000000002"
        "11 00 01040000 0000" // hop-by-hop, then UDP
        "0035 9c40 0008 0000");
    BOOST_TEST(summary(frame) == "[fd00::1]:53 > [fd00::2]:40000 UDP 0 bytes");
}

BOOST_AUTO_TEST_CASE(dns_questions_and_answers) {
    const auto message = from_hex("0001 8183 0001 0000 0000 0000"
                                  "03 776562 07 64656661756c74 00 0001 0001");
    auto frame = from_hex("0a580af40101 0a580af40102 0800"
                          "4500 0000 0001 4000 40 11 0000 0af40102 0af40202"
                          "0035 9c40 0000 0000");
    frame[17] = static_cast<std::uint8_t>(28 + message.size());
    frame[39] = static_cast<std::uint8_t>(8 + message.size());
    BOOST_TEST(
        summary(join(frame, message)) ==
        "10.244.1.2:53 > 10.244.2.2:40000 DNS answer A web.default. NXDOMAIN, 0 records");
}

BOOST_AUTO_TEST_CASE(every_beginning_of_a_packet_is_read_without_harm) {
    const auto whole = tunnelled(syn());
    for (std::size_t size = 0; size <= whole.size(); ++size) {
        const Bytes part(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size));
        const auto levels = decode(part); // the sanitizers watch
        BOOST_TEST(!levels.empty());
        BOOST_TEST(!packet_summary(levels).empty());
    }
    BOOST_TEST(summary(Bytes(whole.begin(), whole.begin() + 30)).ends_with("cut short"));
}

BOOST_AUTO_TEST_CASE(noise_is_read_without_harm) {
    std::mt19937 random(7); // NOLINT(cert-msc51-cpp): the same noise on every run
    auto frame = tunnelled(syn());
    for (int round = 0; round < 20000; ++round) {
        auto noisy = frame;
        for (int change = 0; change < 4; ++change) {
            noisy[random() % noisy.size()] = static_cast<std::uint8_t>(random());
        }
        noisy.resize(1 + random() % noisy.size());
        (void)packet_summary(decode_packet(noisy.data(), noisy.size(), kLinkTypeEthernet));
        (void)packet_summary(decode_packet(noisy.data(), noisy.size(), kLinkTypeRawIp));
    }
}

BOOST_AUTO_TEST_CASE(a_filter_looks_at_every_level) {
    const auto inside = tunnelled(syn());
    for (const auto* filter :
         {"",
          "tcp",
          "host 10.244.1.2",
          "src host 10.244.1.2 and dst port 8080",
          "dst 10.244.2.2",
          "host web-1",
          "net 10.244.2.0/24",
          "tcp port 8000-8100",
          "not arp and not port 53",
          "udp or arp"}) {
        BOOST_TEST(matches(filter, inside), filter);
    }
    BOOST_TEST(matches("vxlan and tcp", inside));
    BOOST_TEST(matches("vni 1 (tcp or udp)", inside));
    for (const auto* filter :
         {"not tcp",
          "udp port 8080", // the outer UDP and the inner port are no one packet
          "dst host 10.244.1.2",
          "not vxlan",
          "vni 2",
          "geneve",
          "icmp",
          "ip6"}) {
        BOOST_TEST(!matches(filter, inside), filter);
    }
    BOOST_TEST(!matches("vxlan", syn()));
}

BOOST_AUTO_TEST_CASE(a_wrong_filter_is_refused_by_its_word) {
    BOOST_TEST(
        refusal("prt 80").find("'prt' is not known; did you mean 'port'?") != std::string::npos);
    BOOST_TEST(refusal("port http").find("'http' is no port") != std::string::npos);
    BOOST_TEST(refusal("port 90-80").find("'90-80'") != std::string::npos);
    BOOST_TEST(refusal("host nowhere").find("'nowhere' is no address") != std::string::npos);
    BOOST_TEST(refusal("10.0.0.1").find("say 'host 10.0.0.1'") != std::string::npos);
    BOOST_TEST(refusal("(tcp").find("'(' is not closed") != std::string::npos);
    BOOST_TEST(refusal("tcp and").find("it ends where") != std::string::npos);
    BOOST_TEST(refusal("tcp )").find("one too many") != std::string::npos);
    BOOST_TEST(refusal(std::string(100, '(').c_str()).find("too deeply") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(pcapng_is_byte_for_byte_as_the_format_says) {
    CapturePlace place;
    place.name = "n:eth0";
    const auto head = pcapng_head({.comment = "lab demo"}, {place});
    BOOST_TEST(
        to_hex(head) == "0a0d0d0a"
                        "2c000000"
                        "4d3c2b1a"
                        "0100"
                        "0000"
                        "ffffffffffffffff"
                        "0100"
                        "0800"
                        "6c61622064656d6f"
                        "00000000"
                        "2c000000"
                        "01000000"
                        "2c000000"
                        "0100"
                        "0000"
                        "00000400"
                        "0200"
                        "0600"
                        "6e3a65746830"
                        "0000"
                        "0900"
                        "0100"
                        "09000000"
                        "00000000"
                        "2c000000");
    CapturedPacket packet;
    packet.time_ns = 0x0000000102030405;
    packet.direction = PacketDirection::Out;
    packet.size = 60;
    packet.bytes = {1, 2, 3};
    BOOST_TEST(
        to_hex(pcapng_packet(packet)) == "06000000"
                                         "30000000"
                                         "00000000"
                                         "01000000"
                                         "05040302"
                                         "03000000"
                                         "3c000000"
                                         "01020300"
                                         "0200"
                                         "0400"
                                         "06000000"
                                         "00000000"
                                         "30000000");
    BOOST_TEST(
        to_hex(pcapng_names({{*IpAddress::parse("10.0.0.1"), "ns/pod"}})) == "04000000"
                                                                             "20000000"
                                                                             "0100"
                                                                             "0b00"
                                                                             "0a000001"
                                                                             "6e732f706f6400"
                                                                             "00"
                                                                             "0000"
                                                                             "0000"
                                                                             "20000000");
    BOOST_TEST(pcapng_names({}).empty());
    const auto statistics = pcapng_statistics({0, 0, 5, 1});
    BOOST_TEST(
        to_hex(statistics) == "05000000"
                              "34000000"
                              "00000000"
                              "00000000"
                              "00000000"
                              "0400"
                              "0800"
                              "0500000000000000"
                              "0500"
                              "0800"
                              "0100000000000000"
                              "00000000"
                              "34000000");
}

BOOST_AUTO_TEST_SUITE_END()
