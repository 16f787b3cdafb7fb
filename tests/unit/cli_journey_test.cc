#define BOOST_TEST_MODULE cli_journey
#include <netinet/in.h>

#include <boost/test/unit_test.hpp>

#include "labctl/cli/journey.h"

using namespace netemu;
using namespace labctl::cli;
using nlohmann::json;

namespace {

using Bytes = std::vector<std::uint8_t>;

constexpr const char* kClient = "10.244.1.2";
constexpr const char* kService = "10.96.0.100";
constexpr const char* kServer = "10.244.2.2";
constexpr std::uint8_t kSynAck = tcp_flags::kSyn | tcp_flags::kAck;

enum Place : std::size_t { ClientPod, Veth, NodeOne, NodeTwo, ServerPod };

std::vector<CapturePlace> places() {
    std::vector<CapturePlace> made(5);
    made[ClientPod].name = "default/client:eth0";
    made[Veth].name = "node/node-1:veth1";
    made[NodeOne].name = "node/node-1:eth0";
    made[NodeTwo].name = "node/node-2:eth0";
    made[ServerPod].name = "default/server:eth0";
    return made;
}

void put(Bytes& bytes, std::uint64_t value, int size) {
    for (int i = size - 1; i >= 0; --i) {
        bytes.push_back(static_cast<std::uint8_t>(value >> (8 * i)));
    }
}

void put(Bytes& bytes, const char* address) {
    const auto parsed = *IpAddress::parse(address);
    bytes.insert(bytes.end(), parsed.bytes(), parsed.bytes() + 4);
}

Bytes ethernet_ip(
    std::uint8_t protocol, const char* from, const char* to, std::uint8_t ttl, const Bytes& rest) {
    Bytes bytes(12, 2);
    put(bytes, 0x0800, 2);
    put(bytes, 0x4500, 2);
    put(bytes, 20 + rest.size(), 2);
    put(bytes, 0, 4);
    put(bytes, ttl, 1);
    put(bytes, protocol, 1);
    put(bytes, 0, 2);
    put(bytes, from);
    put(bytes, to);
    bytes.insert(bytes.end(), rest.begin(), rest.end());
    return bytes;
}

struct Ends {
    const char* from = kClient;
    std::uint16_t from_port = 40000;
    const char* to = kService;
    std::uint16_t to_port = 80;
    std::uint8_t ttl = 64;
};

Bytes tcp(const Ends& ends, std::uint8_t flags, std::uint32_t sequence, std::uint32_t ack = 0) {
    Bytes rest;
    put(rest, ends.from_port, 2);
    put(rest, ends.to_port, 2);
    put(rest, sequence, 4);
    put(rest, ack, 4);
    put(rest, 0x50, 1);
    put(rest, flags, 1);
    put(rest, 0, 6);
    return ethernet_ip(IPPROTO_TCP, ends.from, ends.to, ends.ttl, rest);
}

Bytes udp(const Ends& ends, const std::string& payload) {
    Bytes rest;
    put(rest, ends.from_port, 2);
    put(rest, ends.to_port, 2);
    put(rest, 8 + payload.size(), 2);
    put(rest, 0, 2);
    rest.insert(rest.end(), payload.begin(), payload.end());
    return ethernet_ip(IPPROTO_UDP, ends.from, ends.to, ends.ttl, rest);
}

Bytes in_vxlan(const Bytes& inner) {
    Bytes rest;
    put(rest, 50000, 2);
    put(rest, 4789, 2);
    put(rest, 16 + inner.size(), 2);
    put(rest, 0, 2);
    put(rest, 0x08000000, 4);
    put(rest, 0x100, 4);
    rest.insert(rest.end(), inner.begin(), inner.end());
    return ethernet_ip(IPPROTO_UDP, "172.18.0.2", "172.18.0.3", 64, rest);
}

/// A packet so many microseconds after the beginning.
CapturedPacket
at(std::uint64_t micros, Place place, PacketDirection direction, const Bytes& bytes) {
    CapturedPacket packet;
    packet.place = place;
    packet.time_ns = 1'700'000'000'000'000'000 + micros * 1000;
    packet.direction = direction;
    packet.size = static_cast<std::uint32_t>(bytes.size());
    packet.bytes = bytes;
    return packet;
}

JourneyQuestion question(std::uint8_t protocol) {
    return {protocol, Endpoint{*IpAddress::parse(kService), 80}, IpAddress::parse(kClient)};
}

const AddressNames kNames{
    {kServer, "default/server"}, {kClient, "default/client"}, {"172.18.0.3", "node/node-2"}};

json journey(const std::vector<CapturedPacket>& packets, std::uint8_t protocol = IPPROTO_TCP) {
    return find_journey(packets, places(), question(protocol), kNames);
}

std::string where(const json& steps) {
    std::string text;
    for (const auto& step : steps) {
        text += (text.empty() ? "" : " ") + step.at("place").get<std::string>() + "/" +
                step.at("direction").get<std::string>();
    }
    return text;
}

constexpr auto kIn = PacketDirection::In;
constexpr auto kOut = PacketDirection::Out;
const Ends kTranslated{kClient, 40000, kServer, 8080, 63};
const Ends kReply{kServer, 8080, kClient, 40000, 64};
const Ends kReplyTranslated{kService, 80, kClient, 40000, 63};

} // namespace

BOOST_AUTO_TEST_SUITE(journey_of_a_packet)

BOOST_AUTO_TEST_CASE(a_connection_is_followed_through_translation_and_a_tunnel) {
    const auto syn = tcp(kTranslated, tcp_flags::kSyn, 100);
    const auto answer = tcp(kReply, kSynAck, 500, 101);
    const auto found = journey({
        at(0, ClientPod, kOut, tcp({}, tcp_flags::kSyn, 100)),
        at(2, Veth, kIn, tcp({}, tcp_flags::kSyn, 100)),
        at(3, Veth, kIn, tcp({kClient, 40001}, tcp_flags::kSyn, 777)), // somebody else's
        at(5, NodeOne, kOut, in_vxlan(syn)),
        at(9, ServerPod, kIn, syn),
        at(12, ServerPod, kOut, answer),
        at(15, NodeOne, kIn, in_vxlan(answer)),
        at(20, ClientPod, kIn, tcp(kReplyTranslated, kSynAck, 500, 101)),
        at(25, ClientPod, kOut, tcp({}, tcp_flags::kAck, 101, 501)),
        at(1'000'000, ClientPod, kOut, tcp({}, tcp_flags::kSyn, 100)), // sent once more
    });
    const auto& there = found.at("there");
    BOOST_TEST(
        where(there) == "default/client:eth0/out node/node-1:veth1/in node/node-1:eth0/out "
                        "default/server:eth0/in");
    BOOST_TEST(there[0].at("notes").empty());
    BOOST_TEST(there[1].at("notes").empty());
    BOOST_TEST(
        there[2].at("notes") == json(
                                    {"destination translated to 10.244.2.2:8080 (default/server)",
                                     "routed, TTL now 63",
                                     "wrapped in VXLAN 1 to 172.18.0.3 (node/node-2)"}));
    BOOST_TEST(there[3].at("notes") == json({"unwrapped"}));
    BOOST_TEST(there[3].at("micros") == 9);
    const auto& back = found.at("back");
    BOOST_TEST(where(back) == "default/server:eth0/out node/node-1:eth0/in default/client:eth0/in");
    BOOST_TEST(
        back[2].at("notes") ==
        json({"source translated to 10.96.0.100:80", "routed, TTL now 63", "unwrapped"}));
}

BOOST_AUTO_TEST_CASE(what_gets_no_answer_ends_where_it_was_seen_last) {
    const auto found = journey(
        {at(0, ClientPod, kOut, tcp({}, tcp_flags::kSyn, 100)),
         at(2, Veth, kIn, tcp({}, tcp_flags::kSyn, 100))});
    BOOST_TEST(where(found.at("there")) == "default/client:eth0/out node/node-1:veth1/in");
    BOOST_TEST(found.at("back").empty());
}

BOOST_AUTO_TEST_CASE(a_refusal_is_an_answer) {
    const auto found = journey(
        {at(0, ClientPod, kOut, tcp({}, tcp_flags::kSyn, 100)),
         at(9, ClientPod, kIn, tcp(kReplyTranslated, tcp_flags::kRst | tcp_flags::kAck, 0, 101))});
    BOOST_TEST(where(found.at("back")) == "default/client:eth0/in");
    Bytes error;
    put(error, 0x0303, 2); // port unreachable
    put(error, 0, 6);
    const auto icmp = journey(
        {at(0, ClientPod, kOut, tcp({}, tcp_flags::kSyn, 100)),
         at(9, ClientPod, kIn, ethernet_ip(IPPROTO_ICMP, "10.244.1.1", kClient, 64, error))});
    BOOST_TEST(where(icmp.at("back")) == "default/client:eth0/in");
}

BOOST_AUTO_TEST_CASE(a_datagram_is_known_by_its_payload) {
    const auto found = journey(
        {at(0, ClientPod, kOut, udp({}, "ping 1")),
         at(1, ClientPod, kOut, udp({kClient, 40001}, "ping 2")),
         at(4, ServerPod, kIn, udp({"172.18.0.2", 61000, kServer, 8080, 62}, "ping 1")),
         at(6, ServerPod, kOut, udp({kServer, 8080, "172.18.0.2", 61000}, "pong 1")),
         at(9, ClientPod, kIn, udp(kReplyTranslated, "pong 1"))},
        IPPROTO_UDP);
    BOOST_TEST(where(found.at("there")) == "default/client:eth0/out default/server:eth0/in");
    BOOST_TEST(
        found.at("there")[1].at("notes") ==
        json(
            {"destination translated to 10.244.2.2:8080 (default/server)",
             "source translated to 172.18.0.2:61000",
             "routed, TTL now 62"}));
    BOOST_TEST(where(found.at("back")) == "default/server:eth0/out default/client:eth0/in");
}

BOOST_AUTO_TEST_CASE(others_and_rubbish_are_nobodys_journey) {
    const auto found = journey(
        {at(0, ClientPod, kOut, Bytes(3, 0)),
         at(1, ClientPod, kOut, tcp({"10.244.1.9"}, tcp_flags::kSyn, 100)),
         at(2, ClientPod, kOut, tcp({kClient, 40000, kService, 81}, tcp_flags::kSyn, 100)),
         at(3, ClientPod, kOut, tcp({}, tcp_flags::kAck, 100)),
         at(4, ClientPod, kOut, udp({}, "x"))});
    BOOST_TEST(found.at("there").empty());
    BOOST_TEST(found.at("back").empty());
}

BOOST_AUTO_TEST_SUITE_END()
