#include "netemu/model/impairment.h"

#include <array>

namespace netemu {

namespace {

std::string time_text(std::uint32_t microseconds) {
    constexpr std::uint32_t kMilli = 1000;
    return microseconds % kMilli == 0 ? std::to_string(microseconds / kMilli) + "ms"
                                      : std::to_string(microseconds) + "us";
}

std::string rate_text(std::uint64_t bits) {
    constexpr std::array<std::pair<std::uint64_t, const char*>, 3> kUnits{{
        {1'000'000'000, "gbit"},
        {1'000'000, "mbit"},
        {1'000, "kbit"},
    }};
    for (const auto& [unit, name] : kUnits) {
        if (bits % unit == 0) {
            return std::to_string(bits / unit) + name;
        }
    }
    return std::to_string(bits) + "bit";
}

} // namespace

Impairment shaped_by(Shaper shaper, const Impairment& impairment) {
    if (shaper == Shaper::Netem) {
        return impairment;
    }
    Impairment part;
    if (shaper == Shaper::Tbf) {
        part.rate_bps = impairment.rate_bps;
        part.queue = impairment.queue;
    }
    return part;
}

std::string share_text(std::uint32_t share) {
    constexpr std::uint32_t kPercent = kWholeShare / 100;
    auto text = std::to_string(share / kPercent);
    if (const auto rest = share % kPercent; rest != 0) {
        auto digits = std::to_string(kPercent + rest).substr(1);
        digits.erase(digits.find_last_not_of('0') + 1);
        text += "." + digits;
    }
    return text + "%";
}

std::string to_text(const Impairment& impairment) {
    std::string text;
    const auto add = [&](const std::string& words) { text += (text.empty() ? "" : " ") + words; };
    if (impairment.delay_us != 0) {
        add("delay " + time_text(impairment.delay_us));
    }
    if (impairment.jitter_us != 0) {
        add((impairment.delay_us == 0 ? "delay 0ms " : "") + time_text(impairment.jitter_us));
    }
    for (const auto& [share, name] :
         {std::pair{impairment.loss, "loss"},
          std::pair{impairment.duplicate, "duplicate"},
          std::pair{impairment.reorder, "reorder"},
          std::pair{impairment.corrupt, "corrupt"}}) {
        if (share != 0) {
            add(std::string(name) + " " + share_text(share));
        }
    }
    if (impairment.rate_bps != 0) {
        add("rate " + rate_text(impairment.rate_bps));
    }
    if (impairment.queue != 0) {
        add("limit " + std::to_string(impairment.queue));
    }
    return text;
}

} // namespace netemu
