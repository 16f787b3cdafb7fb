#include "mesh/istio/outliers.h"

#include <algorithm>

namespace mesh::istio {

namespace {

constexpr int kAnyServerError = 500;
constexpr int kGatewayLowest = 502;
constexpr int kGatewayHighest = 504;
constexpr std::size_t kPercent = 100;

bool is_gateway_error(int status) {
    return status == 0 || (status >= kGatewayLowest && status <= kGatewayHighest);
}

} // namespace

bool Outliers::note(
    const OutlierDetection& rules,
    const std::string& endpoint,
    int status,
    std::size_t all,
    Time now) {
    auto& host = hosts_[endpoint];
    if (host.until > now) {
        return true; // a request that was under way already
    }
    const bool server_error = status == 0 || status >= kAnyServerError;
    host.server_errors = server_error ? host.server_errors + 1 : 0;
    host.gateway_errors = is_gateway_error(status) ? host.gateway_errors + 1 : 0;
    const auto reached = [](std::uint32_t count, std::uint32_t limit) {
        return limit != 0 && count >= limit;
    };
    if (!reached(host.server_errors, rules.consecutive_5xx) &&
        !reached(host.gateway_errors, rules.consecutive_gateway)) {
        return false;
    }
    host.server_errors = host.gateway_errors = 0;
    const auto out = ejected(now);
    if (out > 0 && (out + 1) * kPercent > all * rules.max_percent) {
        return false;
    }
    const auto well_for =
        host.times == 0 || now < host.until ? Time::duration::zero() : now - host.until;
    const auto intervals = rules.interval.count() == 0 ? 0 : well_for / rules.interval;
    host.times -= static_cast<std::uint32_t>(std::min<std::int64_t>(host.times, intervals));
    ++host.times;
    host.until = now + rules.base_ejection * host.times;
    return true;
}

bool Outliers::is_ejected(const std::string& endpoint, Time now) const {
    const auto found = hosts_.find(endpoint);
    return found != hosts_.end() && found->second.until > now;
}

std::size_t Outliers::ejected(Time now) const {
    return static_cast<std::size_t>(
        std::count_if(hosts_.begin(), hosts_.end(), [now](const auto& entry) {
            return entry.second.until > now;
        }));
}

} // namespace mesh::istio
