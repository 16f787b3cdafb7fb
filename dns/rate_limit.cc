#include "dns/rate_limit.h"

#include <algorithm>

namespace dns {

RateLimit::RateLimit(std::uint32_t per_second, std::uint32_t slip)
    : per_second_(per_second), slip_(slip) {
    if (per_second > 0) {
        buckets_.resize(kBuckets);
    }
}

RateLimit::Verdict RateLimit::take(const netemu::IpAddress& client, netemu::Clock::time_point now) {
    constexpr std::size_t kV4Bytes = 3; // of the client's network
    constexpr std::size_t kV6Bytes = 7;
    constexpr std::uint32_t kPrime = 16777619;
    if (!on()) {
        return Verdict::Answer;
    }
    std::uint32_t hash = client.is_v4() ? 2166136261U : 97U;
    for (std::size_t i = 0; i < (client.is_v4() ? kV4Bytes : kV6Bytes); ++i) {
        hash = (hash ^ client.bytes()[i]) * kPrime;
    }
    auto& bucket = buckets_.at((hash ^ hash >> 16U) % kBuckets);
    const auto since = std::chrono::duration<double>(now - bucket.last).count();
    const auto rate = static_cast<double>(per_second_);
    bucket.tokens = std::min(rate, bucket.tokens + since * rate);
    bucket.last = now;
    if (bucket.tokens >= 1) {
        bucket.tokens -= 1;
        return Verdict::Answer;
    }
    ++bucket.above;
    return slip_ > 0 && bucket.above % slip_ == 0 ? Verdict::Slip : Verdict::Drop;
}

} // namespace dns
