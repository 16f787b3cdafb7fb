#include <algorithm>
#include <cmath>
#include <functional>
#include <vector>

#include <netinet/in.h>

#include <boost/test/unit_test.hpp>

#include "labctl/dataplane/link_frame.h"
#include "labctl/dataplane/link_queue.h"
#include "labctl/dataplane/link_wire.h"

using namespace labctl::dataplane;
using namespace std::chrono_literals;
using netemu::Impairment;

namespace {

using Time = LinkQueue::Time;
constexpr std::uint64_t kSeed = 20260101;
constexpr std::uint32_t kPercentShare = netemu::kWholeShare / 100;

Time at(std::chrono::nanoseconds since) {
    return Time(since);
}

/// A frame that can be told from others.
LinkFrame numbered(std::uint32_t number, std::uint32_t size = 64) {
    LinkFrame frame;
    frame.bytes.assign(kVnetHeader + size, 0);
    std::copy_n(
        reinterpret_cast<const std::uint8_t*>(&number), 4, frame.bytes.begin() + kVnetHeader);
    frame.wire_bytes = size;
    return frame;
}

std::uint32_t number_of(const LinkFrame& frame) {
    std::uint32_t number = 0;
    std::copy_n(frame.bytes.begin() + kVnetHeader, 4, reinterpret_cast<std::uint8_t*>(&number));
    return number;
}

struct Arrival {
    std::uint32_t number = 0;
    Time when;
    std::vector<std::uint8_t> bytes;
};

/// One way of a link on a clock that only this moves.
struct Wire {
    explicit Wire(const Impairment& impairment, std::uint64_t seed = kSeed) : queue(seed, memory) {
        queue.set(impairment);
    }

    /// Sends `count` frames, one each `gap`, and takes what is due in between.
    void send(std::uint32_t count, std::chrono::nanoseconds gap, std::uint32_t size = 64) {
        for (std::uint32_t i = 0; i < count; ++i) {
            queue.push(numbered(sent++, size), now);
            now += gap;
            drain(now);
        }
    }
    void drain(Time until) {
        while (queue.next() && *queue.next() <= until) {
            const auto due = *queue.next();
            BOOST_REQUIRE(!queue.pop(due - 1ns).has_value());
            auto frame = queue.pop(due);
            arrived.push_back({number_of(*frame), due, frame->bytes});
        }
    }
    void finish() { drain(Time::max()); }

    LinkMemory memory;
    LinkQueue queue;
    Time now = at(1s);
    std::uint32_t sent = 0;
    std::vector<Arrival> arrived;
};

Impairment with(const std::function<void(Impairment&)>& change) {
    Impairment impairment;
    change(impairment);
    return impairment;
}

/// Whether `seen` of `count` is what a share makes, within five standard deviations.
bool is_share(std::uint64_t seen, std::uint64_t count, double share) {
    const auto mean = static_cast<double>(count) * share;
    const auto deviation = std::sqrt(mean * (1 - share));
    return std::abs(static_cast<double>(seen) - mean) <= 5 * deviation;
}

} // namespace

BOOST_AUTO_TEST_SUITE(dataplane_links)

BOOST_AUTO_TEST_CASE(nothing_to_do) {
    Wire wire({});
    BOOST_TEST(wire.queue.is_clear());
    BOOST_TEST(!wire.queue.wants_pieces(65535));
    wire.send(3, 1ms);
    BOOST_REQUIRE(wire.arrived.size() == 3U);
    BOOST_TEST((wire.arrived[2].when == at(1s + 2ms)));
}

BOOST_AUTO_TEST_CASE(delay_is_exact) {
    Wire wire(with([](auto& each) { each.delay_us = 20'000; }));
    BOOST_TEST(!wire.queue.is_clear());
    BOOST_TEST(!wire.queue.wants_pieces(65535));
    wire.send(100, 1ms);
    wire.finish();
    BOOST_REQUIRE(wire.arrived.size() == 100U);
    for (std::uint32_t i = 0; i < 100; ++i) {
        BOOST_REQUIRE(wire.arrived[i].number == i);
        BOOST_REQUIRE((wire.arrived[i].when == at(1s + i * 1ms + 20ms)));
    }
    BOOST_TEST(wire.memory.used == 0U);
}

BOOST_AUTO_TEST_CASE(jitter_is_even_and_lets_packets_overtake) {
    Wire wire(with([](auto& each) {
        each.delay_us = 10'000;
        each.jitter_us = 4'000;
    }));
    wire.send(40'000, 100us);
    wire.finish();
    BOOST_REQUIRE(wire.arrived.size() == 40'000U);
    constexpr std::size_t kCells = 16;
    std::vector<std::uint64_t> cells(kCells);
    std::size_t overtaken = 0;
    for (std::size_t i = 0; i < wire.arrived.size(); ++i) {
        const auto& each = wire.arrived[i];
        const auto took = each.when - at(1s + each.number * 100us);
        BOOST_REQUIRE((took >= 6ms && took < 14ms));
        ++cells[static_cast<std::size_t>((took - 6ms) / 500us)];
        overtaken += i > 0 && each.number < wire.arrived[i - 1].number ? 1 : 0;
    }
    // Chi-square with 15 degrees of freedom: 37.7 is passed once in a thousand times.
    double chi = 0;
    for (const auto cell : cells) {
        const auto off = static_cast<double>(cell) - 2500;
        chi += off * off / 2500;
    }
    BOOST_TEST(chi < 37.7);
    BOOST_TEST(overtaken > 1000U);
}

BOOST_AUTO_TEST_CASE(rate_is_exact) {
    Wire wire(with([](auto& each) { each.rate_bps = 8'000'000; })); // a byte in a microsecond
    wire.send(10, 0ns, 1000);
    wire.finish();
    BOOST_REQUIRE(wire.arrived.size() == 10U);
    for (std::uint32_t i = 0; i < 10; ++i) {
        BOOST_TEST((wire.arrived[i].when == at(1s + (i + 1) * 1ms)));
    }
    wire.now = at(2s); // an idle link owes nothing
    wire.send(1, 0ns, 500);
    wire.finish();
    BOOST_TEST((wire.arrived.back().when == at(2s + 500us)));
}

BOOST_AUTO_TEST_CASE(delay_goes_on_while_the_rate_holds_back) {
    Wire wire(with([](auto& each) {
        each.rate_bps = 8'000'000;
        each.delay_us = 5'000;
    }));
    wire.send(3, 0ns, 1000);
    wire.finish();
    for (std::uint32_t i = 0; i < 3; ++i) {
        BOOST_TEST((wire.arrived.at(i).when == at(1s + 5ms + (i + 1) * 1ms)));
    }
}

BOOST_AUTO_TEST_CASE(large_packets_at_a_rate) {
    Wire wire(with([](auto& each) { each.rate_bps = 1'000'000'000; }));
    BOOST_TEST(wire.queue.wants_pieces(65535));   // half a millisecond
    BOOST_TEST(!wire.queue.wants_pieces(30'000)); // less than a quarter
    LinkFrame large = numbered(0, 1000);
    large.packets = 20;
    large.wire_bytes = 25'000;
    wire.queue.push(std::move(large), at(1s));
    BOOST_TEST((*wire.queue.next() == at(1s + 200us)));
    BOOST_TEST(wire.queue.packets() == 20U);
}

BOOST_AUTO_TEST_CASE(shares) {
    constexpr std::uint32_t kMany = 100'000;
    for (const auto share : {1U, 10U, 50U}) {
        Wire lossy(with([&](auto& each) { each.loss = share * kPercentShare; }));
        lossy.send(kMany, 1us);
        lossy.finish();
        BOOST_TEST(is_share(lossy.queue.counters().lost, kMany, share / 100.0), share);
        BOOST_TEST(lossy.arrived.size() + lossy.queue.counters().lost == kMany);
        Wire twice(with([&](auto& each) { each.duplicate = share * kPercentShare; }));
        twice.send(kMany, 1us);
        twice.finish();
        BOOST_TEST(is_share(twice.queue.counters().duplicated, kMany, share / 100.0), share);
        BOOST_TEST(twice.arrived.size() == kMany + twice.queue.counters().duplicated);
    }
    Wire none(with([](auto& each) { each.loss = netemu::kWholeShare; }));
    none.send(1000, 1us);
    none.finish();
    BOOST_TEST(none.arrived.empty());
    BOOST_TEST(none.queue.counters().lost == 1000U);
}

BOOST_AUTO_TEST_CASE(losses_are_independent) {
    constexpr std::uint32_t kMany = 200'000;
    Wire wire(with([](auto& each) { each.loss = 20 * kPercentShare; }));
    wire.send(kMany, 1us);
    wire.finish();
    // Of pairs of neighbours, 64 in a hundred arrive both.
    std::uint64_t both = 0;
    for (std::size_t i = 1; i < wire.arrived.size(); ++i) {
        both += wire.arrived[i].number == wire.arrived[i - 1].number + 1 ? 1 : 0;
    }
    BOOST_TEST(is_share(both, kMany - 1, 0.64));
}

BOOST_AUTO_TEST_CASE(doubled_and_lost_is_one) {
    Wire wire(with([](auto& each) {
        each.duplicate = netemu::kWholeShare;
        each.loss = netemu::kWholeShare;
    }));
    wire.send(100, 1us);
    wire.finish();
    BOOST_TEST(wire.arrived.size() == 100U); // as with netem: it takes away one of two
    BOOST_TEST(wire.queue.counters().lost == 0U);
}

BOOST_AUTO_TEST_CASE(reordered_packets_do_not_wait) {
    Wire wire(with([](auto& each) {
        each.delay_us = 10'000;
        each.reorder = 25 * kPercentShare;
    }));
    wire.send(20'000, 100us);
    wire.finish();
    BOOST_REQUIRE(wire.arrived.size() == 20'000U);
    std::uint64_t early = 0;
    for (const auto& each : wire.arrived) {
        const auto took = each.when - at(1s + each.number * 100us);
        BOOST_REQUIRE((took == 0ns || took == 10ms));
        early += took == 0ns ? 1 : 0;
    }
    BOOST_TEST(early == wire.queue.counters().reordered);
    BOOST_TEST(is_share(early, 20'000, 0.25));
}

BOOST_AUTO_TEST_CASE(corrupt_changes_one_bit) {
    Wire wire(with([](auto& each) { each.corrupt = netemu::kWholeShare; }));
    wire.send(2000, 1us);
    wire.finish();
    BOOST_REQUIRE(wire.arrived.size() == 2000U);
    std::vector<bool> places(64);
    std::uint32_t number = 0;
    for (const auto& each : wire.arrived) {
        const auto clean = numbered(number++).bytes;
        int bits = 0;
        for (std::size_t i = 0; i < clean.size(); ++i) {
            const auto changed = static_cast<unsigned>(clean[i] ^ each.bytes[i]);
            bits += __builtin_popcount(changed);
            if (changed != 0) {
                BOOST_REQUIRE(i >= kVnetHeader);
                places[i - kVnetHeader] = true;
            }
        }
        BOOST_REQUIRE(bits == 1);
    }
    BOOST_TEST(std::count(places.begin(), places.end(), true) == 64);
}

BOOST_AUTO_TEST_CASE(the_queue_has_an_end) {
    Wire wire(with([](auto& each) { each.delay_us = 100'000; }));
    wire.send(1500, 1us);
    BOOST_TEST(wire.queue.packets() == 1000U);
    BOOST_TEST(wire.queue.counters().queue_drops == 500U);
    wire.finish();
    BOOST_TEST(wire.arrived.size() == 1000U);
    Wire small(with([](auto& each) {
        each.delay_us = 100'000;
        each.queue = 10;
    }));
    BOOST_TEST(small.queue.wants_pieces(1));
    small.send(30, 1us);
    BOOST_TEST(small.queue.counters().queue_drops == 20U);
    small.finish();
    small.send(5, 1us);
    BOOST_TEST(small.queue.counters().queue_drops == 20U);
}

BOOST_AUTO_TEST_CASE(memory_is_shared_and_given_back) {
    LinkMemory memory;
    memory.used = LinkMemory::kBytesMax - 150;
    {
        LinkQueue queue(kSeed, memory);
        queue.set(with([](auto& each) { each.delay_us = 1; }));
        queue.push(numbered(0), at(1s));
        queue.push(numbered(1), at(1s));
        queue.push(numbered(2), at(1s)); // 74 bytes each
        BOOST_TEST(queue.packets() == 2U);
        BOOST_TEST(queue.counters().queue_drops == 1U);
    }
    BOOST_TEST(memory.used == LinkMemory::kBytesMax - 150);
}

BOOST_AUTO_TEST_CASE(a_change_holds_from_now_on) {
    Wire wire(with([](auto& each) { each.delay_us = 50'000; }));
    wire.send(1, 1ms);
    wire.queue.set({});
    BOOST_TEST(!wire.queue.is_clear()); // one still waits
    wire.send(1, 0ns);
    wire.finish();
    BOOST_REQUIRE(wire.arrived.size() == 2U);
    BOOST_TEST(wire.arrived[0].number == 1U);
    BOOST_TEST((wire.arrived[1].when == at(1s + 50ms)));
    BOOST_TEST(wire.queue.is_clear());
}

BOOST_AUTO_TEST_CASE(one_seed_one_fate) {
    const auto lossy = with([](auto& each) {
        each.loss = 30 * kPercentShare;
        each.delay_us = 100;
        each.jitter_us = 100;
    });
    std::vector<std::vector<std::uint32_t>> orders;
    for (const auto seed : {kSeed, kSeed, kSeed + 1}) {
        Wire wire(lossy, seed);
        wire.send(500, 1us);
        wire.finish();
        auto& order = orders.emplace_back();
        for (const auto& each : wire.arrived) {
            order.push_back(each.number);
        }
    }
    BOOST_TEST((orders[0] == orders[1]));
    BOOST_TEST((orders[0] != orders[2]));
}

// --- frames

namespace {

/// TCP over IPv4 in Ethernet, `payload` bytes in one, to be cut into pieces of `piece`.
std::vector<std::uint8_t> large_frame(std::size_t payload, std::uint16_t piece, bool vlan = false) {
    const std::size_t link = vlan ? 18 : 14;
    std::vector<std::uint8_t> bytes(kVnetHeader + link + 40 + payload);
    VnetHeader vnet;
    vnet.needs_checksum = true;
    vnet.cut = VnetHeader::Cut::Tcp4;
    vnet.piece_size = piece;
    vnet.checksum_start = static_cast<std::uint16_t>(link + 20);
    vnet.checksum_offset = 16;
    write_vnet(vnet, bytes.data());
    auto* ethernet = bytes.data() + kVnetHeader;
    ethernet[12] = vlan ? 0x81 : 0x08;
    if (vlan) {
        ethernet[15] = 7;
        ethernet[16] = 0x08;
    }
    auto* packet = ethernet + link;
    packet[0] = 0x45;
    packet[2] = static_cast<std::uint8_t>((40 + payload) >> 8U);
    packet[3] = static_cast<std::uint8_t>(40 + payload);
    packet[9] = IPPROTO_TCP;
    packet[12] = packet[16] = 10;
    packet[15] = 1;
    packet[19] = 2;
    packet[32] = 0x50;
    for (std::size_t i = 0; i < payload; ++i) {
        packet[40 + i] = static_cast<std::uint8_t>(i * 7);
    }
    return bytes;
}

/// What the receiver computes over header and payload of TCP: zero if the checksum holds.
std::uint16_t tcp_check(std::span<const std::uint8_t> frame, std::size_t link) {
    const auto packet = frame.subspan(kVnetHeader + link);
    const auto inner = *read_inner(packet);
    const auto transport = packet.subspan(inner.transport);
    return static_cast<std::uint16_t>(
        ~checksum_fold(checksum_add(transport, pseudo_sum(inner, transport.size()))));
}

} // namespace

BOOST_AUTO_TEST_CASE(shapes) {
    const auto large = large_frame(4000, 1448);
    const auto shape = shape_of(large);
    BOOST_TEST(shape.packets == 3U);
    BOOST_TEST(shape.wire_bytes == 4000U + 3 * 54);
    BOOST_TEST(shape.link == 14U);
    BOOST_TEST(shape_of(large_frame(4000, 1448, true)).wire_bytes == 4000U + 3 * 58);
    std::vector<std::uint8_t> arp(kVnetHeader + 42);
    arp[kVnetHeader + 12] = 0x08;
    arp[kVnetHeader + 13] = 0x06;
    BOOST_TEST(shape_of(arp).packets == 1U);
    BOOST_TEST(shape_of(arp).wire_bytes == 42U);
    BOOST_TEST(!shape_of(arp).inner.has_value());
    for (std::size_t size = 0; size < large.size(); size += 3) { // whatever comes
        const auto cut = std::span(large).first(size);
        std::size_t pieces = 0;
        cut_frame(cut, shape_of(cut), [&](const LinkFrame&) { ++pieces; });
        BOOST_TEST(pieces >= 1U);
    }
}

BOOST_AUTO_TEST_CASE(large_frames_are_cut_as_the_stack_would) {
    for (const bool vlan : {false, true}) {
        const auto large = large_frame(4000, 1448, vlan);
        const auto shape = shape_of(large);
        std::vector<LinkFrame> pieces;
        cut_frame(large, shape, [&](LinkFrame piece) { pieces.push_back(std::move(piece)); });
        BOOST_REQUIRE(pieces.size() == 3U);
        std::vector<std::uint8_t> joined;
        std::uint32_t wire = 0;
        for (auto& piece : pieces) {
            BOOST_TEST(is_sound(piece.bytes));
            finish_frame(piece.bytes);
            BOOST_TEST(tcp_check(piece.bytes, shape.link) == 0);
            BOOST_TEST(!is_sound(piece.bytes)); // whoever receives it verifies
            BOOST_TEST(shape_of(piece.bytes).packets == 1U);
            const auto payload = kVnetHeader + shape.link + 40;
            joined.insert(
                joined.end(),
                piece.bytes.begin() + static_cast<std::ptrdiff_t>(payload),
                piece.bytes.end());
            wire += piece.wire_bytes;
        }
        BOOST_TEST(wire == shape.wire_bytes);
        BOOST_TEST(std::equal(joined.begin(), joined.end(), large.end() - 4000));
    }
}

BOOST_AUTO_TEST_CASE(damage_is_found_out) {
    // As the stack leaves it: one packet, the sum of its pseudo header where the checksum goes.
    auto frame = large_frame(100, 1448);
    auto vnet = read_vnet(frame);
    vnet.cut = VnetHeader::Cut::No;
    write_vnet(vnet, frame.data());
    auto* checksum = frame.data() + kVnetHeader + 14 + 20 + 16;
    const auto inner = *read_inner(std::span(frame).subspan(kVnetHeader + 14));
    const auto pseudo = checksum_fold(pseudo_sum(inner, 120));
    std::copy_n(reinterpret_cast<const std::uint8_t*>(&pseudo), 2, checksum);
    BOOST_TEST(is_sound(frame));
    auto finished = frame;
    finish_frame(finished);
    BOOST_TEST(tcp_check(finished, 14) == 0);
    BOOST_TEST(!is_sound(finished));
    Wire wire(with([](auto& each) { each.corrupt = netemu::kWholeShare; }));
    std::size_t found = 0;
    for (int i = 0; i < 500; ++i) {
        wire.queue.push({frame, 1, 154}, wire.now);
        const auto damaged = wire.queue.pop(wire.now);
        BOOST_REQUIRE(damaged.has_value());
        const auto differs =
            std::mismatch(damaged->bytes.begin(), damaged->bytes.end(), finished.begin());
        const auto place =
            differs.first - damaged->bytes.begin() - static_cast<std::ptrdiff_t>(kVnetHeader);
        if (place >= 34) { // in what TCP's checksum is about
            BOOST_REQUIRE(tcp_check(damaged->bytes, 14) != 0);
            ++found;
        }
    }
    BOOST_TEST(found > 300U);
}

BOOST_AUTO_TEST_CASE(records) {
    const auto wanted = with([](auto& each) { each = {1, 2, 3, 4, 5, 6, 100'000'000'000, 7}; });
    WireWriter writer;
    write_impairment(writer, wanted);
    LinkCounters counters;
    std::uint64_t next = std::uint64_t{1} << 33U;
    counters.each([&](std::uint64_t& number) { number = next++; });
    write_counters(writer, counters);
    WireReader reader(writer.bytes());
    BOOST_TEST((read_impairment(reader) == wanted));
    BOOST_TEST((read_counters(reader) == counters));
    BOOST_TEST(reader.done());
}

BOOST_AUTO_TEST_SUITE_END()
