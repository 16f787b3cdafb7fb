#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

/// Ages and times as kubectl writes them. Times are seconds since 1970, UTC.
namespace labctl::report {

/// "45s", "3m20s", "12m", "5h30m", "2d4h", "400d", "3y20d": duration.HumanDuration of
/// k8s.io/apimachinery.
/// "<invalid>" when it is negative by more than a second.
std::string human_duration(std::int64_t seconds);

/// RFC 3339 with any offset; a fraction of a second is dropped. nullopt when malformed.
std::optional<std::int64_t> parse_time(std::string_view text);

/// The age of an RFC 3339 time at `now`; "<unknown>" when there is none.
std::string age(std::string_view timestamp, std::int64_t now);

/// "Mon, 02 Jan 2006 15:04:05 +0000": RFC 1123 with a numeric zone, as `kubectl describe` writes
/// times.
std::string rfc1123(std::int64_t seconds);

} // namespace labctl::report
