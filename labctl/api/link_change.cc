#include "labctl/api/link_change.h"

#include <array>
#include <charconv>
#include <limits>
#include <stdexcept>

#include "netemu/base/text.h"

namespace labctl::api {

namespace {

constexpr std::uint32_t kWhole = 1'000'000;
constexpr std::uint32_t kPercent = kWhole / 100;
constexpr std::uint64_t kDelayMaxUs = 60'000'000;
constexpr std::uint64_t kRateMinBps = 8'000; // tc counts in bytes
constexpr std::uint64_t kRateMaxBps = 100'000'000'000;
constexpr std::uint64_t kQueueMax = 1'000'000;
constexpr std::uint64_t kLinkMtuLeast = 576;
constexpr std::uint64_t kLinkMtuMost = 65535;

constexpr std::array<std::pair<const char*, std::optional<std::uint32_t> LinkChange::*>, 4> kShares{
    {
        {"loss", &LinkChange::loss},
        {"duplicate", &LinkChange::duplicate},
        {"reorder", &LinkChange::reorder},
        {"corrupt", &LinkChange::corrupt},
    }};

std::optional<std::uint64_t> count_of(std::string_view text) {
    std::uint64_t value = 0;
    const auto parsed = std::from_chars(text.data(), text.data() + text.size(), value);
    return text.empty() || parsed.ec != std::errc{} || parsed.ptr != text.data() + text.size()
               ? std::nullopt
               : std::optional(value);
}

/// "1%", "0.05%", "12.5": at most four digits behind the point, which is one millionth.
std::optional<std::uint32_t> share_of(std::string_view text) {
    if (text.ends_with('%')) {
        text.remove_suffix(1);
    }
    const auto point = text.find('.');
    const auto whole = count_of(text.substr(0, point));
    auto digits =
        point == std::string_view::npos ? std::string("0") : std::string(text.substr(point + 1));
    constexpr std::size_t kDigits = 4;
    if (!whole || digits.empty() || digits.size() > kDigits || *whole > 100) {
        return std::nullopt;
    }
    digits.resize(kDigits, '0');
    const auto rest = count_of(digits);
    const auto share = rest ? *whole * kPercent + *rest : kWhole + std::uint64_t{1};
    return share > kWhole ? std::nullopt : std::optional(static_cast<std::uint32_t>(share));
}

/// "10mbit", "1gbit", "64kbit", "9600bit", with "/s" or without; a plain number is in bits.
std::optional<std::uint64_t> rate_of(const std::string& text) {
    auto word = netemu::to_lower(text);
    if (word.ends_with("/s")) {
        word.resize(word.size() - 2);
    }
    constexpr std::array<std::pair<const char*, std::uint64_t>, 5> kUnits{{
        {"kbit", 1'000},
        {"mbit", 1'000'000},
        {"gbit", 1'000'000'000},
        {"bit", 1},
        {"", 1},
    }};
    for (const auto& [unit, factor] : kUnits) {
        if (!word.ends_with(unit)) {
            continue;
        }
        word.resize(word.size() - std::string_view(unit).size());
        const auto count = count_of(word);
        if (!count || *count > kRateMaxBps / factor || *count * factor < kRateMinBps) {
            return std::nullopt;
        }
        return *count * factor / 8 * 8;
    }
    return std::nullopt;
}

std::string set_time(std::optional<std::uint32_t>& field, const std::string& text) {
    const auto value = netemu::parse_duration_us(text);
    if (!value || *value > kDelayMaxUs) {
        return "is no time of at most a minute, such as 50ms or 300us";
    }
    field = static_cast<std::uint32_t>(*value);
    return {};
}

std::string set_count(
    std::optional<std::uint32_t>& field,
    const std::string& text,
    std::uint64_t least,
    std::uint64_t most) {
    const auto value = count_of(text);
    if (!value || *value < least || *value > most) {
        return "is no number from " + std::to_string(least) + " to " + std::to_string(most);
    }
    field = static_cast<std::uint32_t>(*value);
    return {};
}

std::string plain_time(std::uint32_t microseconds) {
    constexpr std::uint32_t kMilli = 1000;
    return microseconds % kMilli == 0 ? std::to_string(microseconds / kMilli) + "ms"
                                      : std::to_string(microseconds) + "us";
}

std::string plain_share(std::uint32_t share) {
    auto text = std::to_string(share / kPercent);
    if (const auto rest = share % kPercent; rest != 0) {
        auto digits = std::to_string(kPercent + rest).substr(1);
        digits.erase(digits.find_last_not_of('0') + 1);
        text += "." + digits;
    }
    return text + "%";
}

} // namespace

bool is_link_value(std::string_view name) {
    for (const auto* known :
         {"delay", "jitter", "loss", "duplicate", "reorder", "corrupt", "rate", "queue", "mtu"}) {
        if (name == known) {
            return true;
        }
    }
    return false;
}

std::string set_link_value(LinkChange& change, std::string_view name, const std::string& text) {
    if (name == "delay" || name == "jitter") {
        return set_time(name == "delay" ? change.delay_us : change.jitter_us, text);
    }
    for (const auto& [known, field] : kShares) {
        if (name == known) {
            const auto share = share_of(text);
            change.*field = share;
            return share ? "" : "is no share from 0% to 100%, such as 1% or 0.05%";
        }
    }
    if (name == "rate") {
        change.rate_bps = rate_of(text);
        return change.rate_bps ? "" : "is no rate from 8kbit to 100gbit, such as 10mbit";
    }
    if (name == "queue") {
        return set_count(change.queue, text, 1, kQueueMax);
    }
    if (name == "mtu") {
        return set_count(change.mtu, text, kLinkMtuLeast, kLinkMtuMost);
    }
    throw std::logic_error("no value of a link: " + std::string(name));
}

std::string link_flags(const LinkChange& change) {
    std::string text;
    const auto add = [&](const char* name, const std::string& value) {
        text += std::string(" --") + name + " " + value;
    };
    if (change.delay_us) {
        add("delay", plain_time(*change.delay_us));
    }
    if (change.jitter_us) {
        add("jitter", plain_time(*change.jitter_us));
    }
    for (const auto& [name, field] : kShares) {
        if (change.*field) {
            add(name, plain_share(*(change.*field)));
        }
    }
    if (change.rate_bps) {
        constexpr std::uint64_t kKilo = 1000;
        add("rate",
            *change.rate_bps % kKilo == 0 ? std::to_string(*change.rate_bps / kKilo) + "kbit"
                                          : std::to_string(*change.rate_bps) + "bit");
    }
    if (change.queue) {
        add("queue", std::to_string(*change.queue));
    }
    if (change.mtu) {
        add("mtu", std::to_string(*change.mtu));
    }
    return text;
}

} // namespace labctl::api
