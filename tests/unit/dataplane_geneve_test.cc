#include <cstring>
#include <vector>

#include <netinet/in.h>
#include <sys/socket.h>

#include <boost/test/unit_test.hpp>

#include "labctl/dataplane/geneve_tables.h"
#include "labctl/dataplane/tun_packet.h"
#include "labctl/dataplane/tun_writer.h"
#include "netemu/base/process.h"

using namespace labctl::dataplane;
using netemu::IpAddress;
using netemu::IpPrefix;

namespace {

using Bytes = std::vector<std::uint8_t>;

IpAddress address(const char* text) {
    return *IpAddress::parse(text);
}

/// A packet of TCP or UDP over IPv4 with `payload` bytes behind its headers.
Bytes packet_of(
    const char* from,
    const char* to,
    std::uint8_t protocol,
    std::uint8_t flags = 0x02,
    std::size_t payload = 0) {
    const std::size_t header = protocol == IPPROTO_TCP ? 20 : 8;
    Bytes bytes(20 + header + payload);
    bytes[0] = 0x45;
    bytes[2] = static_cast<std::uint8_t>(bytes.size() >> 8U);
    bytes[3] = static_cast<std::uint8_t>(bytes.size());
    bytes[8] = 64;
    bytes[9] = protocol;
    std::copy_n(address(from).bytes(), 4, bytes.begin() + 12);
    std::copy_n(address(to).bytes(), 4, bytes.begin() + 16);
    bytes[20] = 0x9c; // port 40000
    bytes[21] = 0x40;
    bytes[22] = 0x1f; // port 8080
    bytes[23] = 0x90;
    if (protocol == IPPROTO_TCP) {
        bytes[32] = 0x50;
        bytes[33] = flags;
    } else {
        bytes[24] = static_cast<std::uint8_t>((8 + payload) >> 8U);
        bytes[25] = static_cast<std::uint8_t>(8 + payload);
    }
    for (std::size_t i = 0; i < payload; ++i) {
        bytes[20 + header + i] = static_cast<std::uint8_t>(i * 7);
    }
    return bytes;
}

Bytes frame_of(std::uint32_t vni, std::uint32_t identity, const Bytes& packet) {
    GeneveHead head;
    head.vni = vni;
    head.identity = identity;
    head.source = netemu::MacAddress::for_ip(address("172.18.0.2"));
    head.destination = netemu::MacAddress::for_ip(address("172.18.0.3"));
    Bytes bytes(kGeneveHead + packet.size());
    write_geneve(head, bytes.data());
    std::copy(packet.begin(), packet.end(), bytes.begin() + kGeneveHead);
    return bytes;
}

/// Two nodes; on the first 10.244.1.2 (256), on the second 10.244.2.2 (257), which lets in 256 on
/// TCP and UDP 8080, and 10.244.2.3 (258), which lets in everybody.
struct World {
    World() {
        tables.set_network(2, false);
        tables.add_node(
            {1,
             address("172.18.0.2"),
             {*IpPrefix::parse("10.244.1.0/24")},
             {address("172.18.0.2"), address("10.244.1.0")}});
        tables.add_node(
            {2,
             address("172.18.0.3"),
             {*IpPrefix::parse("10.244.2.0/24")},
             {address("172.18.0.3"), address("10.244.2.0")}});
        for (const std::uint32_t identity : {256U, 257U, 258U}) {
            tables.add_identity(identity);
        }
        tables.add_endpoint({address("10.244.1.2"), 1, 256, 0});
        tables.add_endpoint({address("10.244.2.2"), 2, 257, 1});
        tables.add_endpoint({address("10.244.2.3"), 2, 258, 0});
        tables.add_map(
            1,
            {{256, IPPROTO_TCP, 8080, 8080, services::MapVerdict::Allow},
             {256, IPPROTO_UDP, 8080, 8080, services::MapVerdict::Allow}});
    }

    std::string
    verdict(const Bytes& datagram, std::uint32_t tunnel = 2, const char* from = "172.18.0.2") {
        const auto frame = read_geneve(datagram);
        const auto inner = frame ? read_inner(frame->packet) : std::nullopt;
        if (!inner) {
            return to_text(TunnelDrop::BadFrame);
        }
        const auto reason = tables.verify(tunnel, address(from), *frame, *inner, flows);
        return reason ? to_text(*reason) : "ok";
    }

    GeneveTables tables;
    FlowMemory flows;
};

const Bytes kSyn = packet_of("10.244.1.2", "10.244.2.2", IPPROTO_TCP);

} // namespace

BOOST_AUTO_TEST_SUITE(geneve)

BOOST_AUTO_TEST_CASE(a_frame_is_as_the_rfc_has_it) {
    const auto frame = frame_of(2, 0x01020304, kSyn);
    const Bytes wanted{
        0x02, 0x40, 0x65, 0x58, 0x00, 0x00, 0x02, 0x00, // version, options; critical; VNI
        0xff, 0x01, 0x81, 0x01, 0x01, 0x02, 0x03, 0x04, // the option
        0x0a, 0x58, 0xac, 0x12, 0x00, 0x03,             // to
        0x0a, 0x58, 0xac, 0x12, 0x00, 0x02,             // from
        0x08, 0x00};
    BOOST_TEST(
        Bytes(frame.begin(), frame.begin() + kGeneveHead) == wanted,
        boost::test_tools::per_element());
    const auto read = read_geneve(frame);
    BOOST_REQUIRE(read.has_value());
    BOOST_TEST(read->vni == 2U);
    BOOST_TEST(read->identity.value_or(0) == 0x01020304U);
    BOOST_TEST(
        Bytes(read->packet.begin(), read->packet.end()) == kSyn, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(a_packet_without_ethernet_is_read_too) {
    auto frame = frame_of(2, 256, kSyn);
    frame[2] = 0x08;
    frame[3] = 0x00;
    frame.erase(frame.begin() + 16, frame.begin() + 30);
    const auto read = read_geneve(frame);
    BOOST_REQUIRE(read.has_value());
    BOOST_TEST(read->packet.size() == kSyn.size());
}

BOOST_AUTO_TEST_CASE(whatever_is_cut_short_is_no_frame) {
    const auto whole = frame_of(2, 256, kSyn);
    for (std::size_t size = 0; size < kGeneveHead; ++size) {
        BOOST_TEST(!read_geneve(std::span(whole).first(size)).has_value());
    }
    auto other = whole;
    other[0] |= 0x40U; // version 1
    BOOST_TEST(!read_geneve(other).has_value());
    other = whole;
    other[1] |= 0x80U; // a control packet
    BOOST_TEST(!read_geneve(other).has_value());
    other = whole;
    other[11] = 2; // an option longer than all of them
    BOOST_TEST(!read_geneve(other).has_value());
    other = whole;
    other[28] = 0x86; // says IPv6, and is not
    other[29] = 0xdd;
    BOOST_TEST(!read_geneve(other).has_value());
}

BOOST_AUTO_TEST_CASE(what_is_right_is_let_in) {
    World world;
    BOOST_TEST(world.verdict(frame_of(2, 256, kSyn)) == "ok");
    // From outside by the other node, and from that node itself.
    const auto outside = packet_of("172.18.0.100", "10.244.2.3", IPPROTO_TCP);
    BOOST_TEST(world.verdict(frame_of(2, services::kIdentityWorld, outside)) == "ok");
    const auto node = packet_of("10.244.1.0", "10.244.2.3", IPPROTO_TCP);
    BOOST_TEST(world.verdict(frame_of(2, services::kIdentityRemoteNode, node)) == "ok");
    // To the node itself.
    const auto to_node = packet_of("10.244.1.2", "10.244.2.0", IPPROTO_TCP);
    BOOST_TEST(world.verdict(frame_of(2, 256, to_node)) == "ok");
}

BOOST_AUTO_TEST_CASE(each_reason_to_drop) {
    World world;
    BOOST_TEST(world.verdict(frame_of(3, 256, kSyn)) == "other-vni");
    BOOST_TEST(world.verdict(frame_of(2, 256, kSyn), 2, "172.18.0.9") == "unknown-peer");
    BOOST_TEST(world.verdict(frame_of(2, 256, kSyn), 2, "172.18.0.3") == "unknown-peer");
    BOOST_TEST(world.verdict(frame_of(2, 999, kSyn)) == "unknown-identity");
    BOOST_TEST(world.verdict(frame_of(2, services::kIdentityHost, kSyn)) == "unknown-identity");
    BOOST_TEST(world.verdict(frame_of(2, 258, kSyn)) == "forged-identity");
    BOOST_TEST(world.verdict(frame_of(2, 2, kSyn)) == "forged-identity");
    const auto gone = packet_of("10.244.1.77", "10.244.2.3", IPPROTO_TCP);
    BOOST_TEST(world.verdict(frame_of(2, 256, gone)) == "unknown-source");
    const auto elsewhere = packet_of("10.244.1.2", "10.244.2.99", IPPROTO_TCP);
    BOOST_TEST(world.verdict(frame_of(2, 256, elsewhere)) == "not-here");
    const auto stolen = packet_of("10.244.2.3", "10.244.2.2", IPPROTO_TCP);
    BOOST_TEST(world.verdict(frame_of(2, 258, stolen)) == "forged-identity");
    auto without = frame_of(2, 256, kSyn);
    without[9] = 0x02; // of another class
    BOOST_TEST(world.verdict(without) == "critical-option");
    without[10] = 0x01; // and not critical
    BOOST_TEST(world.verdict(without) == "no-identity");
}

BOOST_AUTO_TEST_CASE(the_map_decides_who_may_begin) {
    World world;
    auto other_port = kSyn;
    other_port[23] = 0x91;
    BOOST_TEST(world.verdict(frame_of(2, 256, other_port)) == "policy-denied");
    // What is no beginning is for connection tracking to judge.
    other_port[33] = 0x10;
    BOOST_TEST(world.verdict(frame_of(2, 256, other_port)) == "ok");
    const auto ping = [] {
        auto packet = packet_of("10.244.1.2", "10.244.2.2", IPPROTO_ICMP);
        packet[20] = 8;
        return packet;
    }();
    BOOST_TEST(world.verdict(frame_of(2, 256, ping)) == "policy-denied");
}

BOOST_AUTO_TEST_CASE(an_answer_is_let_in_where_a_question_is_not) {
    World world;
    const auto reply = packet_of("10.244.1.2", "10.244.2.2", IPPROTO_UDP);
    auto asked = reply;
    asked[22] = 0x00; // port 53 of 257 is not open
    asked[23] = 0x35;
    BOOST_TEST(world.verdict(frame_of(2, 256, asked)) == "policy-denied");
    auto question = packet_of("10.244.2.2", "10.244.1.2", IPPROTO_UDP);
    question[20] = 0x00; // from its port 53
    question[21] = 0x35;
    question[22] = 0x9c;
    question[23] = 0x40;
    world.flows.remember(FlowMemory::of(2, *read_inner(question)));
    BOOST_TEST(world.verdict(frame_of(2, 256, asked)) == "ok");
}

BOOST_AUTO_TEST_CASE(the_sender_says_who_it_is) {
    const World world;
    BOOST_TEST(world.tables.identity_of(1, address("10.244.1.2")) == 256U);
    BOOST_TEST(world.tables.identity_of(2, address("10.244.1.2")) == services::kIdentityWorld);
    BOOST_TEST(world.tables.identity_of(1, address("10.244.1.0")) == services::kIdentityRemoteNode);
    BOOST_TEST(world.tables.identity_of(1, address("172.18.0.100")) == services::kIdentityWorld);
    BOOST_TEST(world.tables.owner_of(address("10.244.2.200"))->tunnel == 2U);
    BOOST_TEST(world.tables.owner_of(address("172.18.0.3"))->tunnel == 2U);
    BOOST_TEST((world.tables.owner_of(address("10.244.3.1")) == nullptr));
}

BOOST_AUTO_TEST_CASE(flows_are_forgotten_when_they_are_silent) {
    FlowMemory flows;
    const auto start = netemu::Clock::now() + std::chrono::hours(24);
    flows.age(start);
    const auto flow =
        FlowMemory::of(1, *read_inner(packet_of("10.0.0.1", "10.0.0.2", IPPROTO_UDP)));
    flows.remember(flow);
    flows.age(start + FlowMemory::kFlowIdle);
    BOOST_TEST(flows.knows(flow)); // and thereby is young again
    flows.age(start + 2 * FlowMemory::kFlowIdle);
    flows.age(start + 3 * FlowMemory::kFlowIdle);
    BOOST_TEST(!flows.knows(flow));
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(tun_packets)

namespace {

/// Whether the checksums of a packet of IPv4 are right: sums over everything are all ones.
bool is_sound(std::span<const std::uint8_t> packet) {
    const auto inner = read_inner(packet);
    const auto transport = packet.subspan(inner->transport);
    return checksum_fold(checksum_add(packet.first(20))) == 0xffff &&
           checksum_fold(checksum_add(transport, pseudo_sum(*inner, transport.size()))) == 0xffff;
}

} // namespace

BOOST_AUTO_TEST_CASE(a_large_packet_becomes_small_ones) {
    constexpr std::size_t kPiece = 1000;
    for (const auto protocol : std::array<std::uint8_t, 2>{IPPROTO_TCP, IPPROTO_UDP}) {
        const std::size_t header = protocol == IPPROTO_TCP ? 40 : 28;
        const auto large = packet_of("10.244.1.2", "10.244.2.2", protocol, 0x18, 2500);
        const auto inner = *read_inner(large);
        VnetHeader vnet;
        vnet.cut = protocol == IPPROTO_TCP ? VnetHeader::Cut::Tcp4 : VnetHeader::Cut::Udp;
        vnet.piece_size = kPiece;
        const auto cutter = PacketCutter::make(vnet, inner, large);
        BOOST_REQUIRE(cutter.has_value());
        BOOST_TEST(cutter->pieces() == 3U);
        Bytes joined;
        for (std::size_t i = 0; i < cutter->pieces(); ++i) {
            Bytes piece(cutter->size_of(i));
            cutter->write(i, piece.data());
            BOOST_TEST(is_sound(piece));
            BOOST_TEST((piece[2] << 8U | piece[3]) == static_cast<int>(piece.size()));
            if (protocol == IPPROTO_TCP) {
                BOOST_TEST((piece[26] << 8U | piece[27]) == static_cast<int>(i * kPiece));
                BOOST_TEST((piece[33] & 0x08U) == (i == 2 ? 0x08U : 0U)); // PSH
            } else {
                BOOST_TEST((piece[24] << 8U | piece[25]) == static_cast<int>(piece.size() - 20));
            }
            joined.insert(
                joined.end(), piece.begin() + static_cast<std::ptrdiff_t>(header), piece.end());
        }
        BOOST_TEST(
            joined == Bytes(large.begin() + static_cast<std::ptrdiff_t>(header), large.end()),
            boost::test_tools::per_element());
    }
}

BOOST_AUTO_TEST_CASE(a_checksum_is_finished) {
    auto packet = packet_of("10.244.1.2", "10.244.2.2", IPPROTO_UDP, 0, 33);
    const auto inner = *read_inner(packet);
    const auto pseudo = checksum_fold(pseudo_sum(inner, packet.size() - 20));
    std::memcpy(&packet[26], &pseudo, sizeof pseudo);
    BOOST_TEST(finish_checksum(packet, 20, 6));
    const auto transport = std::span<const std::uint8_t>(packet).subspan(20);
    BOOST_TEST(
        checksum_fold(checksum_add(transport, pseudo_sum(inner, transport.size()))) == 0xffff);
    BOOST_TEST(!finish_checksum(packet, packet.size() - 1, 6));
}

BOOST_AUTO_TEST_CASE(a_vnet_header_that_lies_cuts_nothing) {
    const auto small = packet_of("10.244.1.2", "10.244.2.2", IPPROTO_TCP);
    const auto inner = *read_inner(small);
    VnetHeader vnet;
    vnet.cut = VnetHeader::Cut::Tcp4;
    vnet.piece_size = 100;
    BOOST_TEST(!PacketCutter::make(vnet, inner, small).has_value()); // there is no payload
    vnet.cut = VnetHeader::Cut::Udp;
    BOOST_TEST(!PacketCutter::make(vnet, inner, small).has_value());
    vnet.cut = VnetHeader::Cut::Unknown;
    BOOST_TEST(!PacketCutter::make(vnet, inner, small).has_value());
}

namespace {

/// What a TunWriter has written to its device, packet by packet with their vnet headers.
struct Written {
    Written() : pair(SOCK_DGRAM) {}
    void take(const Bytes& packet) { writer.write(pair.first.get(), *read_inner(packet), packet); }
    Bytes next() {
        Bytes bytes(kVnetHeader + kTunPacketMax);
        const auto size = ::recv(pair.second.get(), bytes.data(), bytes.size(), MSG_DONTWAIT);
        bytes.resize(size < 0 ? 0 : static_cast<std::size_t>(size));
        return bytes;
    }
    netemu::SocketPair pair;
    TunWriter writer;
};

Bytes numbered_datagram(std::size_t payload) {
    auto packet = packet_of("10.244.1.2", "10.244.2.2", IPPROTO_UDP, 0, payload);
    packet[26] = 1; // it has a checksum
    return packet;
}

Bytes segment_at(std::uint8_t sequence, std::uint8_t flags, std::size_t payload) {
    auto packet = packet_of("10.244.1.2", "10.244.2.2", IPPROTO_TCP, flags, payload);
    packet[27] = sequence;
    return packet;
}

} // namespace

BOOST_AUTO_TEST_CASE(what_follows_each_other_is_written_together) {
    Written written;
    written.take(segment_at(0, 0x10, 50));
    written.take(segment_at(50, 0x10, 50));
    written.take(segment_at(100, 0x18, 20)); // short, and pushed: the last
    const auto tcp = written.next();
    BOOST_REQUIRE_EQUAL(tcp.size(), kVnetHeader + 40 + 120);
    auto vnet = read_vnet(tcp);
    BOOST_TEST((vnet.cut == VnetHeader::Cut::Tcp4));
    BOOST_TEST(vnet.piece_size == 50);
    BOOST_TEST(vnet.needs_checksum);
    BOOST_TEST((tcp[12] << 8U | tcp[13]) == 160);
    BOOST_TEST(int{tcp[kVnetHeader + 33]} == 0x18);
    for (int i = 0; i < 3; ++i) {
        written.take(numbered_datagram(64));
    }
    BOOST_TEST(written.next().empty()); // more might follow
    written.writer.flush();
    const auto udp = written.next();
    BOOST_REQUIRE_EQUAL(udp.size(), kVnetHeader + 28 + std::size_t{3} * 64);
    vnet = read_vnet(udp);
    BOOST_TEST((vnet.cut == VnetHeader::Cut::Udp));
    BOOST_TEST(vnet.piece_size == 64);
    // Cut again they are what they were.
    auto whole = Bytes(udp.begin() + kVnetHeader, udp.end());
    const auto inner = *read_inner(whole);
    const auto cutter = PacketCutter::make(vnet, inner, whole);
    BOOST_REQUIRE(cutter.has_value());
    BOOST_TEST(cutter->pieces() == 3U);
}

BOOST_AUTO_TEST_CASE(what_does_not_follow_is_written_alone) {
    Written written;
    written.take(segment_at(0, 0x10, 50));
    written.take(segment_at(60, 0x10, 50));  // ten bytes are missing
    written.take(segment_at(110, 0x11, 50)); // a FIN
    written.take(numbered_datagram(64));
    auto other = numbered_datagram(64);
    other[23] = 0x91; // another port
    written.take(other);
    written.take(packet_of("10.244.1.2", "10.244.2.2", IPPROTO_UDP, 0, 64)); // no checksum
    written.writer.flush();
    for (int i = 0; i < 6; ++i) {
        const auto packet = written.next();
        BOOST_REQUIRE_GT(packet.size(), kVnetHeader);
        BOOST_TEST((read_vnet(packet).cut == VnetHeader::Cut::No), "packet " << i);
    }
    BOOST_TEST(written.next().empty());
}

BOOST_AUTO_TEST_CASE(packets_that_are_garbage_are_not_read_beyond_their_end) {
    const auto whole = packet_of("10.244.1.2", "10.244.2.2", IPPROTO_TCP);
    for (std::size_t size = 0; size <= whole.size(); ++size) {
        const Bytes cut(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size));
        BOOST_TEST(read_inner(cut).has_value() == (size >= 20));
    }
    Bytes v6(48);
    v6[0] = 0x60;
    v6[6] = 0; // hop-by-hop, longer than the packet
    v6[41] = 255;
    BOOST_TEST(read_inner(v6).has_value());
}

BOOST_AUTO_TEST_SUITE_END()
