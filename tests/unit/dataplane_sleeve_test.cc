#include <vector>

#include <netinet/in.h>

#include <boost/test/unit_test.hpp>

#include "labctl/dataplane/sleeve_framing.h"
#include "services/identity_network.h"

using namespace labctl::dataplane;
using netemu::IpAddress;
using netemu::IpPrefix;

namespace {

using Octets = std::vector<std::uint8_t>;

constexpr netemu::MacAddress kFirst{{0x0a, 0x58, 10, 244, 1, 1}};
constexpr netemu::MacAddress kSecond{{0x0a, 0x58, 10, 244, 2, 1}};
constexpr netemu::MacAddress kThird{{0x0a, 0x58, 10, 244, 3, 1}};

/// A UDP datagram from 10.244.1.2 to an address, with `payload` bytes.
Octets inner_of(const char* to, std::size_t payload = 4) {
    Octets bytes(28 + payload);
    bytes[0] = 0x45;
    bytes[2] = static_cast<std::uint8_t>(bytes.size() >> 8U);
    bytes[3] = static_cast<std::uint8_t>(bytes.size());
    bytes[8] = 64;
    bytes[9] = IPPROTO_UDP;
    std::copy_n(IpAddress::parse("10.244.1.2")->bytes(), 4, bytes.begin() + 12);
    std::copy_n(IpAddress::parse(to)->bytes(), 4, bytes.begin() + 16);
    return bytes;
}

void append(Octets& to, const Octets& more) {
    to.insert(to.end(), more.begin(), more.end());
}

void append(Octets& to, const netemu::MacAddress& name) {
    to.insert(to.end(), name.bytes.begin(), name.bytes.end());
}

/// A frame as weave's AppendFrame makes it, written out by hand.
Octets
frame_by_hand(const netemu::MacAddress& from, const netemu::MacAddress& to, const Octets& packet) {
    Octets frame;
    append(frame, from);
    append(frame, to);
    const auto length = packet.size() + 14;
    append(
        frame, Octets{static_cast<std::uint8_t>(length >> 8U), static_cast<std::uint8_t>(length)});
    append(frame, to);
    append(frame, from);
    append(frame, Octets{0x08, 0x00});
    append(frame, packet);
    return frame;
}

struct Noted : TunnelSink {
    void deliver(const InnerPacket& inner, std::span<const std::uint8_t> packet) override {
        text += inner.destination.to_string() + " " + std::to_string(packet.size()) + "; ";
    }
    void drop(
        TunnelDrop reason,
        std::uint32_t /*identity*/,
        std::span<const std::uint8_t> /*packet*/) override {
        text += std::string(to_text(reason)) + "; ";
    }
    std::string text;
};

/// Two nodes; the second receives.
struct Peers {
    Peers() : framing(begin()) {
        add(1, "172.18.0.2", "10.244.1.0/24", kFirst);
        add(2, "172.18.0.3", "10.244.2.0/24", kSecond);
        add(3, "172.18.0.4", "10.244.3.0/24", kThird);
    }

    std::unique_ptr<TunnelFraming> begin() {
        WireWriter record;
        record.u8(static_cast<std::uint8_t>(services::TunnelFormat::Sleeve)).u32(0).u8(0);
        WireReader reader(record.bytes());
        return TunnelFraming::begin(reader, flows);
    }

    void
    add(std::uint32_t tunnel,
        const char* local,
        const char* range,
        const netemu::MacAddress& name) {
        const auto prefix = *IpPrefix::parse(range);
        WireWriter record;
        record.u32(tunnel).endpoint({*IpAddress::parse(local), 0});
        record.u32(1).endpoint({prefix.address, prefix.length}).u32(0);
        for (const auto byte : name.bytes) {
            record.u8(byte);
        }
        WireReader reader(record.bytes());
        framing->fill(Op::TunnelNodeTable, reader);
    }

    std::string receive(const Octets& datagram, const char* from = "172.18.0.2") {
        Noted noted;
        framing->receive(*framing->nodes().node(2), *IpAddress::parse(from), datagram, noted);
        return noted.text;
    }

    FlowMemory flows;
    std::unique_ptr<TunnelFraming> framing;
};

/// What the first node sends to the second.
Octets datagram_of(Peers& peers, const Octets& packet) {
    const auto inner = read_inner(packet);
    const auto head = peers.framing->head_of(
        *peers.framing->nodes().node(1), *peers.framing->nodes().node(2), *inner);
    Octets datagram(head.size + packet.size());
    head.write(packet.size(), datagram.data());
    std::copy(
        packet.begin(), packet.end(), datagram.begin() + static_cast<std::ptrdiff_t>(head.size));
    return datagram;
}

} // namespace

BOOST_FIXTURE_TEST_SUITE(sleeve, Peers)

BOOST_AUTO_TEST_CASE(a_datagram_is_as_weave_makes_it) {
    const auto packet = inner_of("10.244.2.2", 300);
    Octets wanted;
    append(wanted, kFirst);
    append(wanted, frame_by_hand(kFirst, kSecond, packet));
    BOOST_TEST(datagram_of(*this, packet) == wanted, boost::test_tools::per_element());
    BOOST_TEST(framing->port() == 6783);
    BOOST_TEST(receive(wanted) == "10.244.2.2 328; ");
}

BOOST_AUTO_TEST_CASE(a_datagram_holds_any_number_of_frames) {
    Octets datagram;
    append(datagram, kFirst);
    append(datagram, frame_by_hand(kFirst, kSecond, inner_of("10.244.2.2")));
    append(datagram, frame_by_hand(kFirst, kSecond, inner_of("10.244.2.3", 10)));
    BOOST_TEST(receive(datagram) == "10.244.2.2 32; 10.244.2.3 38; ");
    datagram.push_back(0); // trailing garbage, as Weave calls it
    BOOST_TEST(receive(datagram) == "10.244.2.2 32; 10.244.2.3 38; bad-frame; ");
}

BOOST_AUTO_TEST_CASE(padding_is_not_delivered) {
    auto packet = inner_of("10.244.2.2");
    packet.resize(packet.size() + 9); // as a short Ethernet frame has it
    Octets datagram;
    append(datagram, kFirst);
    append(datagram, frame_by_hand(kFirst, kSecond, packet));
    BOOST_TEST(receive(datagram) == "10.244.2.2 32; ");
}

BOOST_AUTO_TEST_CASE(only_peers_are_heard_and_only_what_is_for_this_one) {
    const auto whole = datagram_of(*this, inner_of("10.244.2.2"));
    BOOST_TEST(receive(whole, "172.18.0.4") == "unknown-peer; "); // the name is another's
    auto other = whole;
    other[5] = 9; // a name that nobody has
    BOOST_TEST(receive(other) == "unknown-peer; ");
    other = whole;
    other[11] = 9; // a frame of another peer, which nobody relays
    BOOST_TEST(receive(other) == "unknown-peer; ");
    Octets elsewhere;
    append(elsewhere, kFirst);
    append(elsewhere, frame_by_hand(kFirst, kThird, inner_of("10.244.3.2")));
    BOOST_TEST(receive(elsewhere) == "not-here; ");
    BOOST_TEST(receive(datagram_of(*this, inner_of("10.244.3.2"))) == "not-here; ");
}

BOOST_AUTO_TEST_CASE(whatever_is_cut_short_or_no_packet_is_dropped) {
    const auto whole = datagram_of(*this, inner_of("10.244.2.2"));
    for (std::size_t size = 0; size < whole.size(); ++size) {
        BOOST_TEST(
            receive(Octets(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size))) ==
            "bad-frame; ");
    }
    auto arp = whole;
    arp[33] = 0x06;
    BOOST_TEST(receive(arp) == "bad-frame; ");
}

BOOST_AUTO_TEST_CASE(a_frame_is_remembered_for_one_turn) {
    Octets bytes;
    append(bytes, kFirst);
    append(bytes, frame_by_hand(kFirst, kSecond, inner_of("10.244.2.2")));
    const auto from = *IpAddress::parse("172.18.0.2");
    LastFrame last(kSleeveLengthAt, kSleeveEthernet);
    BOOST_TEST(last.take(2, from, bytes).empty()); // nothing was looked at
    const auto inner = read_whole(std::span(bytes).subspan(kSleeveHead));
    BOOST_REQUIRE(inner.has_value());
    BOOST_TEST(last.note(2, from, bytes, kSleeveHead, *inner));
    BOOST_TEST(last.take(2, from, bytes).size() == 32U);
    BOOST_TEST(last.take(2, from, bytes).size() == 32U);
    BOOST_TEST(last.take(3, from, bytes).empty()); // another tunnel
    last.forget();
    BOOST_TEST(last.take(2, from, bytes).empty());
}

BOOST_AUTO_TEST_CASE(what_is_like_the_last_one_is_let_in_and_what_is_not_is_looked_at) {
    Peers peers;
    const auto datagram = [&](const Octets& packet) {
        Octets bytes;
        append(bytes, kFirst);
        append(bytes, frame_by_hand(kFirst, kSecond, packet));
        return bytes;
    };
    auto right = datagram(inner_of("10.244.2.2"));
    for (int i = 0; i < 200; ++i) {
        BOOST_TEST(peers.receive(right) == "10.244.2.2 32; ");
    }
    BOOST_TEST(peers.receive(datagram(inner_of("10.244.2.2", 900))) == "10.244.2.2 928; ");
    BOOST_TEST(peers.receive(right, "172.18.0.4") == "unknown-peer; ");
    BOOST_TEST(peers.receive(right) == "10.244.2.2 32; ");
    BOOST_TEST(peers.receive(datagram(inner_of("10.244.3.2"))) == "not-here; ");
    BOOST_TEST(peers.receive(right) == "10.244.2.2 32; ");
    Octets forged(right);
    forged[0] ^= 1U; // the name of the sender
    BOOST_TEST(peers.receive(forged) == "unknown-peer; ");
    forged = right;
    forged[kSleeveLengthAt + 1] += 1; // more than there is
    BOOST_TEST(peers.receive(forged) == "bad-frame; ");
    forged = right;
    forged[kSleeveHead + 3] += 1; // the packet's own
    BOOST_TEST(peers.receive(forged) == "bad-frame; ");
    auto two = right; // another frame behind it
    append(two, frame_by_hand(kFirst, kSecond, inner_of("10.244.3.2")));
    BOOST_TEST(peers.receive(two) == "10.244.2.2 32; not-here; ");
    for (std::size_t size = 0; size < right.size(); ++size) {
        const Octets cut(right.begin(), right.begin() + static_cast<std::ptrdiff_t>(size));
        BOOST_TEST(peers.receive(cut).find("10.244.2.2") == std::string::npos);
        BOOST_TEST(peers.receive(right) == "10.244.2.2 32; ");
    }
}

BOOST_AUTO_TEST_CASE(plain_datagrams_of_one_flow_are_known_without_reading_them) {
    const auto first = inner_of("10.244.2.2", 8);
    const auto known = *read_inner(first);
    BOOST_TEST(is_plain_udp_of(known, first));
    BOOST_TEST(is_plain_udp_of(known, inner_of("10.244.2.2", 600)));
    for (const std::size_t at : {0U, 6U, 7U, 9U, 12U, 15U, 16U, 19U, 20U, 21U, 22U, 23U}) {
        auto other = first;
        other[at] ^= at == 6 ? 0x20U : 1U;
        BOOST_TEST(!is_plain_udp_of(known, other), "byte " << at);
    }
    for (std::size_t size = 0; size < 28; ++size) {
        BOOST_TEST(!is_plain_udp_of(known, std::span(first).first(size)));
    }
    auto fragment = known;
    fragment.begins = false; // a later one has no ports
    BOOST_TEST(!is_plain_udp_of(fragment, first));
}

BOOST_AUTO_TEST_SUITE_END()
