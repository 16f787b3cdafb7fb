#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "dns/types.h"

namespace dns {

enum class Transport : std::uint8_t { Udp, Tcp };

/// What a server has done, in coredns' names (plugin/metrics, plugin/cache, plugin/forward).
/// Incremented by the thread that answers; plain numbers, so that reading costs nothing.
class Counters {
public:
    void request(Transport transport, bool v6, std::uint16_t type, std::size_t bytes);
    void response(Rcode rcode, std::size_t bytes);
    /// `count` requests that took `time` each.
    void duration(std::chrono::nanoseconds time, std::uint64_t count);
    void cache(bool hit, bool denial);

    [[nodiscard]] std::uint64_t requests() const { return requests_; }
    [[nodiscard]] std::uint64_t responses(Rcode rcode) const;
    [[nodiscard]] std::uint64_t cache_hits() const { return hits_[0] + hits_[1]; }

    std::uint64_t dropped = 0;         // no query, or more than may wait
    std::uint64_t rate_limited = 0;    // dropped or cut by the rate limit
    std::uint64_t forwarded = 0;       // sent upstream
    std::uint64_t forward_failed = 0;  // no upstream answered
    std::uint64_t forward_refused = 0; // more than max_concurrent at a time
    std::uint64_t tcp_connections = 0;
    std::uint64_t tcp_refused = 0; // over the limit of connections
    std::uint64_t cache_entries = 0;

    /// The text format of Prometheus. `server` is coredns' label, for example "dns://:53".
    [[nodiscard]] std::string text(std::string_view server) const;

private:
    static constexpr std::size_t kTypes = 260;
    static constexpr std::size_t kRcodes = 24;
    static constexpr std::size_t kTimeBuckets = 12;
    static constexpr std::size_t kSizeBuckets = 12;

    struct Histogram {
        std::array<std::uint64_t, kTimeBuckets + 1> buckets{};
        double sum = 0;
        std::uint64_t count = 0;
    };

    void add_size(Histogram& histogram, std::size_t bytes);
    void requests_text(std::string& out, std::string_view server) const;

    std::uint64_t requests_ = 0;
    /// By transport and family, then by type; the last stands for all that are above.
    std::array<std::array<std::uint64_t, kTypes>, 4> by_type_{};
    std::array<std::uint64_t, kRcodes> by_rcode_{};
    Histogram durations_;
    Histogram request_sizes_;
    Histogram response_sizes_;
    std::array<std::uint64_t, 2> hits_{}; // success, denial
    std::uint64_t misses_ = 0;
};

} // namespace dns
