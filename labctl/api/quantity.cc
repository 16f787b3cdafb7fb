#include "labctl/api/quantity.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

namespace labctl::api {

namespace {

struct Suffix {
    std::string_view text;
    long double factor;
};

constexpr std::array kSuffixes{
    Suffix{"", 1},
    Suffix{"n", 1e-9L},
    Suffix{"u", 1e-6L},
    Suffix{"m", 1e-3L},
    Suffix{"k", 1e3L},
    Suffix{"M", 1e6L},
    Suffix{"G", 1e9L},
    Suffix{"T", 1e12L},
    Suffix{"P", 1e15L},
    Suffix{"E", 1e18L},
    Suffix{"Ki", 0x1p10L},
    Suffix{"Mi", 0x1p20L},
    Suffix{"Gi", 0x1p30L},
    Suffix{"Ti", 0x1p40L},
    Suffix{"Pi", 0x1p50L},
    Suffix{"Ei", 0x1p60L},
};

bool is_exponent(std::string_view suffix) {
    if (suffix.size() < 2 || (suffix.front() != 'e' && suffix.front() != 'E')) {
        return false;
    }
    suffix.remove_prefix(suffix[1] == '+' || suffix[1] == '-' ? 2 : 1);
    return !suffix.empty() && suffix.find_first_not_of("0123456789") == suffix.npos;
}

} // namespace

bool parse_quantity(std::string_view text, long double& value) {
    const bool negative = text.starts_with('-');
    text.remove_prefix(negative || text.starts_with('+') ? 1 : 0);
    const auto digits = std::min(text.find_first_not_of("0123456789."), text.size());
    const auto number = text.substr(0, digits);
    const auto suffix = text.substr(digits);
    const bool one_point = std::count(number.begin(), number.end(), '.') <= 1;
    if (number.empty() || number == "." || !one_point) {
        return false;
    }
    long double amount = 0;
    const auto end = number.data() + number.size();
    if (std::from_chars(number.data(), end, amount).ptr != end) {
        return false;
    }
    if (is_exponent(suffix)) {
        int exponent = 0;
        const auto start = suffix.data() + (suffix[1] == '+' ? 2 : 1);
        std::from_chars(start, suffix.data() + suffix.size(), exponent);
        amount *= std::pow(10.0L, static_cast<long double>(exponent));
    } else {
        const auto* found = std::find_if(
            kSuffixes.begin(), kSuffixes.end(), [&](const Suffix& s) { return s.text == suffix; });
        if (found == kSuffixes.end()) {
            return false;
        }
        amount *= found->factor;
    }
    value = std::round(amount * 1e9L) * (negative ? -1.0L : 1.0L);
    return true;
}

} // namespace labctl::api
