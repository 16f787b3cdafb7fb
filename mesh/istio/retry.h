#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>

/// When a request is sent once more. Source: envoy docs router_filter.rst, istio/istio
/// pilot/pkg/networking/core/route/retry/retry.go (reference mesh.md 6.2). Pure.
namespace mesh::istio {

inline constexpr std::string_view kDefaultRetryOn =
    "connect-failure,refused-stream,unavailable,cancelled";
inline constexpr std::chrono::milliseconds kBackoffBase{25};
inline constexpr int kBackoffCap = 10; // times the base

/// What `retryOn` says, as far as it can come to pass here.
struct RetryConditions {
    bool any_5xx = false;
    bool gateway_error = false; // 502 to 504
    bool reset = false;
    bool reset_before_request = false;
    bool connect_failure = false;
    bool refused_stream = false;
    bool retriable_4xx = false; // 409
    std::set<int> statuses{};
    std::set<int> grpc{}; // grpc-status
    bool operator==(const RetryConditions&) const = default;
};
/// Words that it does not know are none; "": kDefaultRetryOn.
[[nodiscard]] RetryConditions read_retry_conditions(std::string_view text);
/// Whether it is a word for a condition, or a status.
[[nodiscard]] bool is_retry_condition(std::string_view word);

/// What became of one try.
struct TryOutcome {
    enum class Kind : std::uint8_t {
        Answer,
        ConnectFailure, // nothing has been sent
        Reset,          // the connection broke, or what came was no answer
        Timeout,        // of this try
        Refused,        // the stream of HTTP/2 was, and nothing has been done
    };
    Kind kind = Kind::Answer;
    int status = 0; // of an answer
    std::optional<int> grpc_status{};
};
[[nodiscard]] bool is_retriable(const RetryConditions& conditions, const TryOutcome& outcome);

/// How long the n-th retry waits at most; it waits a random part of that. n is 1 or more.
[[nodiscard]] std::chrono::milliseconds
backoff_max(std::uint32_t retry, std::chrono::milliseconds base = kBackoffBase);

} // namespace mesh::istio
