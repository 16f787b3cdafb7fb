#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>

#include "labctl/dataplane/link_counters.h"
#include "labctl/dataplane/link_frame.h"
#include "netemu/base/event_loop.h"
#include "netemu/model/impairment.h"

namespace labctl::dataplane {

/// Bytes that wait on all links of a lab; what comes beyond finds its queue full.
struct LinkMemory {
    static constexpr std::size_t kBytesMax = 256U << 20U;
    std::size_t used = 0;
};

/// What happens on one way of a link: packets are lost, doubled, damaged, delayed and overtaken as
/// tc-netem(8) has it, in the same order of steps as sch_netem.c of Linux, so that a lab behaves
/// alike with either. Pure: it knows no clock and no device. Where netem takes a large packet of
/// TCP (GSO) as one, this wants it cut up, see `wants_pieces`; its queue counts packets of the
/// wire.
class LinkQueue {
public:
    using Time = netemu::Clock::time_point;
    static constexpr std::uint32_t kUsualLimit = 1000; // packets; that of netem
    /// A large packet is sent as one if it is on the wire no longer than that.
    static constexpr std::chrono::microseconds kWholeTimeMax{250};

    /// `memory` is shared, and outlives this. Two queues with one seed do the same.
    LinkQueue(std::uint64_t seed, LinkMemory& memory) : memory_(memory), random_(seed) {}
    LinkQueue(const LinkQueue&) = delete;
    LinkQueue& operator=(const LinkQueue&) = delete;
    ~LinkQueue();

    /// From now on; what waits keeps its time.
    void set(const netemu::Impairment& impairment) { impairment_ = impairment; }

    /// Whether packets go straight through: nothing is to be done to them, and none waits.
    [[nodiscard]] bool is_clear() const { return waiting_.empty() && !impairment_.any(); }
    /// Whether each packet of a large one has its own fate, or its own time.
    [[nodiscard]] bool wants_pieces(std::uint32_t wire_bytes) const;

    /// A packet leaves the sender.
    void push(LinkFrame frame, Time now) { take(std::move(frame), now, true); }
    /// When the next one is due; none waits: nullopt.
    [[nodiscard]] std::optional<Time> next() const;
    /// The next one that is due by then.
    [[nodiscard]] std::optional<LinkFrame> pop(Time now);

    /// Of what happened in here; the rest is for whoever delivers.
    [[nodiscard]] LinkCounters& counters() { return counters_; }
    [[nodiscard]] std::size_t packets() const { return packets_; }

private:
    void take(LinkFrame frame, Time now, bool may_double);
    void damage(LinkFrame& frame);
    [[nodiscard]] Time due_of(const LinkFrame& frame, Time now);
    [[nodiscard]] std::uint64_t draw();
    [[nodiscard]] bool happens(std::uint32_t share);

    LinkMemory& memory_;
    std::uint64_t random_;
    netemu::Impairment impairment_;
    std::multimap<Time, LinkFrame> waiting_; // of one time in the order in which they came
    std::size_t packets_ = 0;                // that wait
    Time last_;                              // due time of the one that leaves last
    LinkCounters counters_;
};

} // namespace labctl::dataplane
