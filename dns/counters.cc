#include "dns/counters.h"

#include <algorithm>
#include <cstdio>

namespace dns {
namespace {

/// Upper limits of the buckets: 0.25 ms doubling, as coredns' plugin.TimeBuckets begins.
constexpr std::array<double, 12> kTimeLimits{
    0.00025, 0.0005, 0.001, 0.002, 0.004, 0.008, 0.016, 0.032, 0.064, 0.128, 0.512, 2.048};
constexpr std::array<double, 12> kSizeLimits{
    0, 100, 200, 300, 400, 511, 1023, 2047, 4095, 8291, 16000, 32000};

constexpr std::array<std::string_view, 4> kWays{
    "proto=\"udp\",family=\"1\"",
    "proto=\"udp\",family=\"2\"",
    "proto=\"tcp\",family=\"1\"",
    "proto=\"tcp\",family=\"2\""};

void append_sample(
    std::string& out, std::string_view name, const std::string& labels, std::uint64_t value) {
    out.append(name).append("{").append(labels).append("} ").append(std::to_string(value)) += '\n';
}

void append_head(std::string& out, std::string_view name, std::string_view type) {
    out.append("# TYPE ").append(name).append(" ").append(type) += '\n';
}

std::string limit_text(double limit) {
    std::array<char, 32> text{};
    (void)std::snprintf(text.data(), text.size(), "%g", limit);
    return text.data();
}

template <typename Histogram>
void append_histogram(
    std::string& out,
    std::string_view name,
    const std::string& labels,
    const Histogram& histogram,
    const std::array<double, 12>& limits) {
    append_head(out, name, "histogram");
    const auto bucket = std::string(name) + "_bucket";
    std::uint64_t sum = 0;
    for (std::size_t i = 0; i < limits.size(); ++i) {
        sum += histogram.buckets.at(i);
        append_sample(out, bucket, labels + ",le=\"" + limit_text(limits.at(i)) + "\"", sum);
    }
    append_sample(out, bucket, labels + ",le=\"+Inf\"", histogram.count);
    out.append(name).append("_sum{").append(labels).append("} ");
    out += limit_text(histogram.sum) + "\n";
    append_sample(out, std::string(name) + "_count", labels, histogram.count);
}

std::size_t bucket_of(const std::array<double, 12>& limits, double value) {
    return static_cast<std::size_t>(
        std::lower_bound(limits.begin(), limits.end(), value) - limits.begin());
}

} // namespace

void Counters::request(Transport transport, bool v6, std::uint16_t type, std::size_t bytes) {
    const auto way = (transport == Transport::Tcp ? 2U : 0U) + (v6 ? 1U : 0U);
    ++requests_;
    ++by_type_[way][std::min<std::size_t>(type, kTypes - 1)]; // NOLINT: within both
    add_size(request_sizes_, bytes);
}

void Counters::response(Rcode rcode, std::size_t bytes) {
    ++by_rcode_[std::min<std::size_t>(static_cast<std::size_t>(rcode), kRcodes - 1)]; // NOLINT
    add_size(response_sizes_, bytes);
}

void Counters::add_size(Histogram& histogram, std::size_t bytes) {
    // The same limits as kSizeLimits, without a search: most messages are below 512.
    constexpr std::size_t kSmall = 400;
    const auto bucket =
        bytes <= kSmall ? (bytes + 99) / 100 : bucket_of(kSizeLimits, static_cast<double>(bytes));
    ++histogram.buckets[bucket]; // NOLINT: 13 of them
    ++histogram.count;
    histogram.sum += static_cast<double>(bytes);
}

void Counters::duration(std::chrono::nanoseconds time, std::uint64_t count) {
    const auto seconds = std::chrono::duration<double>(time).count();
    durations_.buckets.at(bucket_of(kTimeLimits, seconds)) += count;
    durations_.count += count;
    durations_.sum += seconds * static_cast<double>(count);
}

void Counters::cache(bool hit, bool denial) {
    if (hit) {
        ++hits_.at(denial ? 1 : 0);
    } else {
        ++misses_;
    }
}

std::uint64_t Counters::responses(Rcode rcode) const {
    const auto code = static_cast<std::size_t>(rcode);
    return code < kRcodes ? by_rcode_.at(code) : 0;
}

void Counters::requests_text(std::string& out, std::string_view server) const {
    constexpr std::string_view kName = "coredns_dns_requests_total";
    const auto label = "server=\"" + std::string(server) + "\",zone=\".\",view=\"\"";
    append_head(out, kName, "counter");
    for (std::size_t way = 0; way < kWays.size(); ++way) {
        for (std::size_t type = 0; type < kTypes; ++type) {
            const auto count = by_type_.at(way).at(type);
            if (count > 0) {
                const auto name =
                    type + 1 == kTypes ? "other" : type_text(static_cast<std::uint16_t>(type));
                append_sample(
                    out,
                    kName,
                    label + "," + std::string(kWays.at(way)) + ",type=\"" + name + "\"",
                    count);
            }
        }
    }
}

std::string Counters::text(std::string_view server) const {
    std::string out;
    const auto label = "server=\"" + std::string(server) + "\"";
    const auto in_zone = label + ",zone=\".\",view=\"\"";
    requests_text(out, server);
    append_head(out, "coredns_dns_responses_total", "counter");
    for (std::size_t code = 0; code < kRcodes; ++code) {
        if (by_rcode_.at(code) > 0) {
            append_sample(
                out,
                "coredns_dns_responses_total",
                in_zone + ",rcode=\"" + rcode_text(static_cast<Rcode>(code)) + "\"",
                by_rcode_.at(code));
        }
    }
    append_histogram(out, "coredns_dns_request_duration_seconds", in_zone, durations_, kTimeLimits);
    append_histogram(out, "coredns_dns_request_size_bytes", in_zone, request_sizes_, kSizeLimits);
    append_histogram(out, "coredns_dns_response_size_bytes", in_zone, response_sizes_, kSizeLimits);
    append_head(out, "coredns_cache_entries", "gauge");
    append_sample(out, "coredns_cache_entries", label, cache_entries);
    append_head(out, "coredns_cache_hits_total", "counter");
    append_sample(out, "coredns_cache_hits_total", label + ",type=\"success\"", hits_[0]);
    append_sample(out, "coredns_cache_hits_total", label + ",type=\"denial\"", hits_[1]);
    append_head(out, "coredns_cache_misses_total", "counter");
    append_sample(out, "coredns_cache_misses_total", label, misses_);
    append_head(out, "coredns_forward_requests_total", "counter");
    append_sample(out, "coredns_forward_requests_total", label, forwarded);
    append_head(out, "coredns_forward_max_concurrent_rejects_total", "counter");
    append_sample(out, "coredns_forward_max_concurrent_rejects_total", label, forward_refused);
    return out;
}

} // namespace dns
