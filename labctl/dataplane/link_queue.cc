#include "labctl/dataplane/link_queue.h"

#include <algorithm>
#include <utility>

namespace labctl::dataplane {
namespace {

using std::chrono::nanoseconds;

constexpr std::uint64_t kNanosPerMicro = 1000;

/// How long so many bytes are on a wire.
nanoseconds wire_time(std::uint64_t bytes, std::uint64_t rate_bps) {
    constexpr std::uint64_t kBitNanos = 8'000'000'000; // bits of a byte, times those of a second
    return nanoseconds(bytes * kBitNanos / rate_bps);
}

} // namespace

LinkQueue::~LinkQueue() {
    for (const auto& [due, frame] : waiting_) {
        memory_.used -= frame.bytes.size();
    }
}

bool LinkQueue::wants_pieces(std::uint32_t wire_bytes) const {
    const auto& wanted = impairment_;
    const bool own_fate = wanted.loss != 0 || wanted.duplicate != 0 || wanted.reorder != 0 ||
                          wanted.corrupt != 0 || wanted.jitter_us != 0 || wanted.queue != 0;
    return own_fate ||
           (wanted.rate_bps != 0 && wire_time(wire_bytes, wanted.rate_bps) > kWholeTimeMax);
}

/// SplitMix64 (Steele, Lea, Flood: Fast splittable pseudorandom number generators, 2014).
std::uint64_t LinkQueue::draw() {
    random_ += 0x9e3779b97f4a7c15U;
    auto mixed = random_;
    mixed = (mixed ^ mixed >> 30U) * 0xbf58476d1ce4e5b9U;
    mixed = (mixed ^ mixed >> 27U) * 0x94d049bb133111ebU;
    return mixed ^ mixed >> 31U;
}

bool LinkQueue::happens(std::uint32_t share) {
    return share != 0 && draw() % netemu::kWholeShare < share;
}

/// netem_enqueue, step by step. A packet that is both doubled and lost is one packet.
void LinkQueue::take(LinkFrame frame, Time now, bool may_double) {
    bool twice = may_double && happens(impairment_.duplicate);
    if (happens(impairment_.loss)) {
        if (!twice) {
            counters_.lost += frame.packets;
            return;
        }
        twice = false;
    }
    std::optional<LinkFrame> copy;
    if (twice) {
        copy = frame;
    }
    if (happens(impairment_.corrupt)) {
        damage(frame);
    }
    const std::size_t limit = impairment_.queue != 0 ? impairment_.queue : kUsualLimit;
    if (packets_ >= limit || memory_.used + frame.bytes.size() > LinkMemory::kBytesMax) {
        counters_.queue_drops += frame.packets;
        return;
    }
    if (copy) {
        ++counters_.duplicated;
        take(std::move(*copy), now, false);
    }
    const auto due = due_of(frame, now);
    packets_ += frame.packets;
    memory_.used += frame.bytes.size();
    waiting_.emplace_hint(waiting_.end(), due, std::move(frame));
}

LinkQueue::Time LinkQueue::due_of(const LinkFrame& frame, Time now) {
    const auto& wanted = impairment_;
    if (happens(wanted.reorder)) {
        ++counters_.reordered;
        return now;
    }
    const std::uint64_t jitter = wanted.jitter_us * kNanosPerMicro;
    std::uint64_t delay = wanted.delay_us * kNanosPerMicro;
    if (jitter != 0) { // evenly between delay - jitter and delay + jitter
        delay = std::max(delay, jitter) - jitter + draw() % (2 * jitter);
    }
    auto due = now + nanoseconds(delay);
    if (wanted.rate_bps != 0) { // behind whatever leaves last
        due = std::max(due, waiting_.empty() ? due : last_);
        due += wire_time(frame.wire_bytes, wanted.rate_bps);
    }
    last_ = waiting_.empty() ? due : std::max(last_, due);
    return due;
}

/// Any one bit, after the checksum is made: whoever receives it finds that out.
void LinkQueue::damage(LinkFrame& frame) {
    finish_frame(frame.bytes);
    if (frame.bytes.size() > kVnetHeader) {
        const auto at = kVnetHeader + draw() % (frame.bytes.size() - kVnetHeader);
        frame.bytes[at] ^= static_cast<std::uint8_t>(1U << (draw() % 8));
        ++counters_.corrupted;
    }
}

std::optional<LinkQueue::Time> LinkQueue::next() const {
    return waiting_.empty() ? std::nullopt : std::optional(waiting_.begin()->first);
}

std::optional<LinkFrame> LinkQueue::pop(Time now) {
    if (waiting_.empty() || waiting_.begin()->first > now) {
        return std::nullopt;
    }
    auto node = waiting_.extract(waiting_.begin());
    packets_ -= node.mapped().packets;
    memory_.used -= node.mapped().bytes.size();
    return std::move(node.mapped());
}

} // namespace labctl::dataplane
