#include "mesh/istio/retry.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

#include "netemu/base/text.h"

namespace mesh::istio {

namespace {

struct FlagWord {
    std::string_view word;
    bool RetryConditions::*flag; // null: it cannot happen here
};
constexpr std::array kFlagWords{
    FlagWord{"5xx", &RetryConditions::any_5xx},
    FlagWord{"gateway-error", &RetryConditions::gateway_error},
    FlagWord{"reset", &RetryConditions::reset},
    FlagWord{"reset-before-request", &RetryConditions::reset_before_request},
    FlagWord{"connect-failure", &RetryConditions::connect_failure},
    FlagWord{"retriable-4xx", &RetryConditions::retriable_4xx},
    FlagWord{"refused-stream", &RetryConditions::refused_stream},
    FlagWord{"http3-post-connect-failure", nullptr},
    FlagWord{"envoy-ratelimited", nullptr},
    FlagWord{"retriable-headers", nullptr},
    FlagWord{"retriable-status-codes", nullptr}};

constexpr std::array<std::pair<std::string_view, int>, 5> kGrpcWords{
    {{"cancelled", 1},
     {"deadline-exceeded", 4},
     {"resource-exhausted", 8},
     {"internal", 13},
     {"unavailable", 14}}};

constexpr int kStatusLowest = 100;
constexpr int kStatusHighest = 599;

std::optional<int> status_word(std::string_view word) {
    int status = 0;
    const auto [end, problem] = std::from_chars(word.data(), word.data() + word.size(), status);
    const bool fine = problem == std::errc{} && end == word.data() + word.size() &&
                      status >= kStatusLowest && status <= kStatusHighest;
    return fine ? std::optional(status) : std::nullopt;
}

std::optional<int> grpc_word(std::string_view word) {
    const auto* const found = std::find_if(
        kGrpcWords.begin(), kGrpcWords.end(), [&](const auto& each) { return each.first == word; });
    return found == kGrpcWords.end() ? std::nullopt : std::optional(found->second);
}

std::string_view without_spaces(std::string_view word) {
    while (word.starts_with(' ')) {
        word.remove_prefix(1);
    }
    while (word.ends_with(' ')) {
        word.remove_suffix(1);
    }
    return word;
}

} // namespace

RetryConditions read_retry_conditions(std::string_view text) {
    RetryConditions conditions;
    for (const auto part : netemu::split(text.empty() ? kDefaultRetryOn : text, ',')) {
        const auto word = without_spaces(part);
        for (const auto& known : kFlagWords) {
            if (known.word == word && known.flag != nullptr) {
                conditions.*known.flag = true;
            }
        }
        if (const auto status = status_word(word)) {
            conditions.statuses.insert(*status);
        } else if (const auto code = grpc_word(word)) {
            conditions.grpc.insert(*code);
        }
    }
    return conditions;
}

bool is_retry_condition(std::string_view word) {
    word = without_spaces(word);
    return status_word(word) || grpc_word(word) ||
           std::any_of(kFlagWords.begin(), kFlagWords.end(), [&](const auto& known) {
               return known.word == word;
           });
}

bool is_retriable(const RetryConditions& conditions, const TryOutcome& outcome) {
    constexpr int kConflict = 409;
    constexpr int kServerError = 500;
    constexpr int kBadGateway = 502;
    constexpr int kGatewayTimeout = 504;
    const bool any_reset = conditions.reset || conditions.any_5xx || conditions.gateway_error;
    switch (outcome.kind) {
    case TryOutcome::Kind::ConnectFailure:
        return any_reset || conditions.connect_failure || conditions.reset_before_request;
    case TryOutcome::Kind::Reset:
    case TryOutcome::Kind::Timeout:
        return any_reset;
    case TryOutcome::Kind::Refused:
        return any_reset || conditions.refused_stream;
    case TryOutcome::Kind::Answer:
        break;
    }
    const int status = outcome.status;
    return (conditions.any_5xx && status >= kServerError) ||
           (conditions.gateway_error && status >= kBadGateway && status <= kGatewayTimeout) ||
           (conditions.retriable_4xx && status == kConflict) ||
           conditions.statuses.contains(status) ||
           (outcome.grpc_status && conditions.grpc.contains(*outcome.grpc_status));
}

std::chrono::milliseconds backoff_max(std::uint32_t retry, std::chrono::milliseconds base) {
    constexpr std::uint32_t kDoublingsMax = 10; // the cap is reached long before
    const auto factor = (std::int64_t{1} << std::min(retry, kDoublingsMax)) - 1;
    return std::min(base * factor, base * kBackoffCap);
}

} // namespace mesh::istio
