#include "netemu/model/impairment.h"

#include <array>
#include <utility>

#include "netemu/base/text.h"

namespace netemu {

namespace {

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

std::string to_text(const Impairment& impairment) {
    std::string text;
    const auto add = [&](const std::string& words) { text += (text.empty() ? "" : " ") + words; };
    if (impairment.delay_us != 0) {
        add("delay " + plain_duration(impairment.delay_us));
    }
    if (impairment.jitter_us != 0) {
        add((impairment.delay_us == 0 ? "delay 0ms " : "") + plain_duration(impairment.jitter_us));
    }
    for (const auto& [share, name] :
         {std::pair{impairment.loss, "loss"},
          std::pair{impairment.duplicate, "duplicate"},
          std::pair{impairment.reorder, "reorder"},
          std::pair{impairment.corrupt, "corrupt"}}) {
        if (share != 0) {
            add(std::string(name) + " " + percent_text(share));
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
