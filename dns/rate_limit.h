#pragma once

#include <cstdint>
#include <vector>

#include "netemu/base/address.h"
#include "netemu/base/event_loop.h"

namespace dns {

/// Response rate limit: so many UDP answers per second for each client network (/24, /56), as a
/// token bucket that holds one second's worth. A table of fixed size; two networks in one bucket
/// share it. The idea is that of BIND's and Knot's RRL: a victim of forged queries gets few bytes.
class RateLimit {
public:
    enum class Verdict : std::uint8_t {
        Answer,
        Slip, // answer with TC and nothing else: a real client comes again over TCP
        Drop,
    };
    /// `per_second` 0: no limit. Every `slip`-th answer above the limit slips; 0: never.
    RateLimit(std::uint32_t per_second, std::uint32_t slip);

    [[nodiscard]] bool on() const { return per_second_ > 0; }
    Verdict take(const netemu::IpAddress& client, netemu::Clock::time_point now);

private:
    struct Bucket {
        netemu::Clock::time_point last;
        double tokens = 0;
        std::uint32_t above = 0;
    };
    static constexpr std::size_t kBuckets = 4096;

    std::uint32_t per_second_;
    std::uint32_t slip_;
    std::vector<Bucket> buckets_;
};

} // namespace dns
