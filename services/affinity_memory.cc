#include "services/affinity_memory.h"

#include <charconv>
#include <optional>
#include <string>

#include "netemu/base/error.h"
#include "netemu/base/text.h"

namespace services {
namespace {

constexpr std::size_t kIpvsColumns = 9; // before those of persistence engines

std::vector<std::string_view> words_of(std::string_view line) {
    auto words = netemu::split(line, ' ');
    std::erase_if(words, [](std::string_view word) { return word.empty(); });
    return words;
}

template <typename Number>
std::optional<Number> whole_number(std::string_view text, int base) {
    Number value{};
    const auto* end = text.data() + text.size();
    const auto read = std::from_chars(text.data(), end, value, base);
    if (text.empty() || read.ec != std::errc{} || read.ptr != end) {
        return std::nullopt;
    }
    return value;
}

/// The word behind "NAME:".
std::string_view word_behind(const std::vector<std::string_view>& words, std::string_view name) {
    for (std::size_t i = 0; i + 1 < words.size(); ++i) {
        if (words[i] == name) {
            return words[i + 1];
        }
    }
    return {};
}

/// "0AF40102" or "fd00:0000:...".
std::optional<IpAddress> ipvs_address(std::string_view text) {
    if (text.find(':') != std::string_view::npos) {
        return IpAddress::parse(text);
    }
    const auto number = whole_number<std::uint32_t>(text, 16);
    return number ? std::optional(IpAddress::v4(*number)) : std::nullopt;
}

std::optional<netemu::Endpoint> ipvs_endpoint(std::string_view address, std::string_view port) {
    const auto read = ipvs_address(address);
    const auto number = whole_number<std::uint16_t>(port, 16);
    return read && number ? std::optional(netemu::Endpoint{*read, *number}) : std::nullopt;
}

template <typename Take>
void each_line(std::string_view text, const Take& take) {
    for (const auto line : netemu::split(text, '\n')) {
        const auto words = words_of(line);
        if (!words.empty() && !take(words)) {
            throw netemu::Error("the kernel's list has a strange line: " + std::string(line));
        }
    }
}

} // namespace

std::vector<RecentClient> parse_recent_list(std::string_view text) {
    constexpr std::string_view kSource = "src=";
    std::vector<RecentClient> clients;
    each_line(text, [&](const std::vector<std::string_view>& words) {
        if (!words.front().starts_with(kSource)) {
            return false;
        }
        const auto address = IpAddress::parse(words.front().substr(kSource.size()));
        const auto seen = whole_number<std::uint64_t>(word_behind(words, "last_seen:"), 10);
        if (address && seen) {
            clients.push_back({*address, *seen});
        }
        return address && seen;
    });
    return clients;
}

std::int64_t seconds_left(std::uint64_t since, std::uint32_t seconds, const KernelTicks& now) {
    // The kernel's moment may be a tick after ours.
    const auto ticks = now.jiffies > since ? now.jiffies - since : 0;
    return static_cast<std::int64_t>(seconds) -
           static_cast<std::int64_t>((ticks + now.per_second - 1) / now.per_second);
}

std::vector<IpvsTemplate> parse_ipvs_templates(std::string_view text) {
    std::vector<IpvsTemplate> templates;
    each_line(text, [&](const std::vector<std::string_view>& words) {
        if (words.front() == "Pro") {
            return true; // the heading
        }
        if (words.size() < kIpvsColumns) {
            return false;
        }
        const auto protocol = parse_protocol(words[0]);
        const auto client = ipvs_endpoint(words[1], words[2]);
        const auto to = ipvs_endpoint(words[3], words[4]);
        const auto real = ipvs_endpoint(words[5], words[6]);
        const auto left = whole_number<std::uint32_t>(words[8], 10);
        if (!client || !to || !real || !left) {
            return false;
        }
        if (protocol && client->port == 0) { // others than ours are by firewall mark
            templates.push_back({*protocol, client->address, *to, *real, *left});
        }
        return true;
    });
    return templates;
}

} // namespace services
