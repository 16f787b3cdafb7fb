#pragma once

#include <cstdint>
#include <initializer_list>

namespace labctl::dataplane {

/// What has become of the packets that left by one end of a link in userspace. A large packet of
/// TCP or UDP counts as the packets that it would be on a wire.
struct LinkCounters {
    std::uint64_t delivered = 0;       // at the other end
    std::uint64_t delivered_bytes = 0; // with their Ethernet headers
    std::uint64_t lost = 0;
    std::uint64_t duplicated = 0;
    std::uint64_t reordered = 0;
    std::uint64_t corrupted = 0;
    std::uint64_t queue_drops = 0; // found the queue full
    std::uint64_t undelivered = 0; // the device at the other end was down, or did not take them
    bool operator==(const LinkCounters&) const = default;

    /// Calls `use` with each of the numbers, always in the same order.
    template <typename Use>
    void each(const Use& use) {
        for (auto* number :
             {&delivered,
              &delivered_bytes,
              &lost,
              &duplicated,
              &reordered,
              &corrupted,
              &queue_drops,
              &undelivered}) {
            use(*number);
        }
    }
};

/// How many numbers that are.
inline constexpr std::uint32_t kLinkCounterNumbers = 8;

} // namespace labctl::dataplane
