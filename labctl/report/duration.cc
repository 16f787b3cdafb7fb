#include "labctl/report/duration.h"

#include <array>
#include <charconv>
#include <chrono>
#include <cstdio>

namespace labctl::report {

namespace {

using namespace std::chrono;

constexpr std::int64_t kHour = 3600;
constexpr std::int64_t kDay = 24 * kHour;
constexpr std::int64_t kYear = 365 * kDay;

std::string with_unit(std::int64_t value, char unit) {
    return std::to_string(value) + unit;
}

/// "3m20s", without the second part when it is zero.
std::string two_units(std::int64_t first, char first_unit, std::int64_t second, char second_unit) {
    return with_unit(first, first_unit) + (second == 0 ? "" : with_unit(second, second_unit));
}

std::optional<int> digits(std::string_view text, std::size_t at, std::size_t count) {
    if (at + count > text.size()) {
        return std::nullopt;
    }
    int value = 0;
    const auto* first = text.data() + at;
    const auto parsed = std::from_chars(first, first + count, value);
    return parsed.ec == std::errc{} && parsed.ptr == first + count && *first != '-'
               ? std::optional(value)
               : std::nullopt;
}

/// The zone at the end: "Z" or "+02:00"; in seconds east of Greenwich.
std::optional<std::int64_t> zone_offset(std::string_view text) {
    if (text == "Z" || text == "z") {
        return 0;
    }
    const auto hours = digits(text, 1, 2);
    const auto minutes = digits(text, 4, 2);
    if (text.size() != 6 || (text[0] != '+' && text[0] != '-') || text[3] != ':' || !hours ||
        !minutes) {
        return std::nullopt;
    }
    const auto seconds = *hours * kHour + std::int64_t{60} * *minutes;
    return text[0] == '-' ? -seconds : seconds;
}

} // namespace

std::string human_duration(std::int64_t seconds) {
    const auto minutes = seconds / 60;
    const auto hours = seconds / 3600;
    const auto days = hours / 24;
    if (seconds < -1) {
        return "<invalid>";
    }
    if (seconds < 0) {
        return "0s";
    }
    if (seconds < 120) {
        return with_unit(seconds, 's');
    }
    if (minutes < 10) {
        return two_units(minutes, 'm', seconds % 60, 's');
    }
    if (minutes < 180) {
        return with_unit(minutes, 'm');
    }
    if (hours < 8) {
        return two_units(hours, 'h', minutes % 60, 'm');
    }
    if (hours < 48) {
        return with_unit(hours, 'h');
    }
    if (seconds < 8 * kDay) {
        return two_units(days, 'd', hours % 24, 'h');
    }
    if (seconds < 2 * kYear) {
        return with_unit(days, 'd');
    }
    if (seconds < 8 * kYear) {
        return two_units(days / 365, 'y', days % 365, 'd');
    }
    return with_unit(days / 365, 'y');
}

std::optional<std::int64_t> parse_time(std::string_view text) {
    const auto year = digits(text, 0, 4);
    const auto month_number = digits(text, 5, 2);
    const auto day_number = digits(text, 8, 2);
    const auto hour = digits(text, 11, 2);
    const auto minute = digits(text, 14, 2);
    const auto second = digits(text, 17, 2);
    if (!year || !month_number || !day_number || !hour || !minute || !second || text[4] != '-' ||
        text[7] != '-' || (text[10] != 'T' && text[10] != 't') || text[13] != ':' ||
        text[16] != ':') {
        return std::nullopt;
    }
    const year_month_day date{
        std::chrono::year(*year),
        std::chrono::month(static_cast<unsigned>(*month_number)),
        std::chrono::day(static_cast<unsigned>(*day_number))};
    auto zone = text.substr(19);
    if (zone.starts_with('.')) {
        zone.remove_prefix(std::min(zone.find_first_not_of("0123456789", 1), zone.size()));
    }
    const auto offset = zone_offset(zone);
    if (!date.ok() || *hour > 23 || *minute > 59 || *second > 60 || !offset) {
        return std::nullopt;
    }
    const std::int64_t day_count = sys_days(date).time_since_epoch().count();
    return day_count * kDay + *hour * kHour + std::int64_t{60} * *minute + *second - *offset;
}

std::string age(std::string_view timestamp, std::int64_t now) {
    const auto then = parse_time(timestamp);
    return then ? human_duration(now - *then) : "<unknown>";
}

std::string rfc1123(std::int64_t seconds) {
    static constexpr std::array<const char*, 7> kDays{
        "Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    static constexpr std::array<const char*, 12> kMonths{
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    const sys_seconds time{std::chrono::seconds(seconds)};
    const auto day = floor<days>(time);
    const year_month_day date(day);
    const hh_mm_ss clock(time - day);
    std::array<char, 64> buffer{};
    std::snprintf(
        buffer.data(),
        buffer.size(),
        "%s, %02u %s %04d %02d:%02d:%02d +0000",
        kDays.at(weekday(day).c_encoding()),
        static_cast<unsigned>(date.day()),
        kMonths.at(static_cast<unsigned>(date.month()) - 1),
        static_cast<int>(date.year()),
        static_cast<int>(clock.hours().count()),
        static_cast<int>(clock.minutes().count()),
        static_cast<int>(clock.seconds().count()));
    return buffer.data();
}

} // namespace labctl::report
