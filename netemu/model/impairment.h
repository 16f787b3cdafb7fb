#pragma once

#include <cstdint>
#include <string>

/// What a link does to the packets that leave by it, as a value.
namespace netemu {

inline constexpr std::uint32_t kWholeShare = 1'000'000; // shares are in millionths

/// What people ask for. Zero everywhere: nothing. See tc-netem(8) for the words.
struct Impairment {
    std::uint32_t delay_us = 0;
    std::uint32_t jitter_us = 0; // at most the delay; each packet's own, so they overtake
    std::uint32_t loss = 0;      // of kWholeShare, like those that follow
    std::uint32_t duplicate = 0;
    std::uint32_t reorder = 0; // sent at once, past those that are delayed
    std::uint32_t corrupt = 0; // one bit
    std::uint64_t rate_bps = 0;
    std::uint32_t queue = 0; // packets that wait at most; 0: 1000

    [[nodiscard]] bool any() const { return *this != Impairment{}; }
    /// Whether nothing but netem does this.
    [[nodiscard]] bool needs_netem() const {
        return delay_us != 0 || jitter_us != 0 || duplicate != 0 || reorder != 0 || corrupt != 0;
    }
    bool operator==(const Impairment&) const = default;
};

/// How the kernel does it: tc-netem(8) does all of it, tc-tbf(8) the rate and the queue.
enum class Shaper : std::uint8_t { None, Tbf, Netem };

/// What of it such a queueing discipline does.
Impairment shaped_by(Shaper shaper, const Impairment& impairment);

/// "delay 50ms 10ms loss 1% rate 10mbit", in the words of tc-netem(8); empty for nothing.
std::string to_text(const Impairment& impairment);
/// "1%", "0.05%".
std::string share_text(std::uint32_t share);

} // namespace netemu
