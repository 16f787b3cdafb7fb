#include "labctl/dataplane/sleeve_frame.h"

#include <algorithm>

namespace labctl::dataplane {
namespace {

constexpr std::uint16_t kSleeveIpv4 = 0x0800;
constexpr std::uint16_t kSleeveIpv6 = 0x86dd;
constexpr std::size_t kTypeAt = 12; // in an Ethernet header

std::uint16_t sleeve_half(std::span<const std::uint8_t> bytes, std::size_t at) {
    return static_cast<std::uint16_t>(bytes[at] << 8U | bytes[at + 1]);
}

netemu::MacAddress name_at(std::span<const std::uint8_t> bytes, std::size_t at) {
    netemu::MacAddress name;
    std::copy_n(bytes.begin() + static_cast<std::ptrdiff_t>(at), kSleeveName, name.bytes.begin());
    return name;
}

} // namespace

void write_sleeve(
    const netemu::MacAddress& from, const netemu::MacAddress& to, bool ipv6, std::uint8_t* bytes) {
    std::fill_n(bytes, kSleeveHead, std::uint8_t{0});
    auto* const ethernet = bytes + kSleeveName + kSleeveFrame;
    for (auto* const place : {bytes, bytes + kSleeveName, ethernet + kSleeveName}) {
        std::copy(from.bytes.begin(), from.bytes.end(), place);
    }
    for (auto* const place : {bytes + 2 * kSleeveName, ethernet}) {
        std::copy(to.bytes.begin(), to.bytes.end(), place);
    }
    const auto type = ipv6 ? kSleeveIpv6 : kSleeveIpv4;
    ethernet[kTypeAt] = static_cast<std::uint8_t>(type >> 8U);
    ethernet[kTypeAt + 1] = static_cast<std::uint8_t>(type);
}

std::optional<netemu::MacAddress> sleeve_sender(std::span<const std::uint8_t> datagram) {
    return datagram.size() < kSleeveName ? std::nullopt : std::optional(name_at(datagram, 0));
}

std::optional<SleeveFrame> next_sleeve_frame(std::span<const std::uint8_t>& rest) {
    if (rest.size() < kSleeveFrame) {
        return std::nullopt;
    }
    SleeveFrame frame;
    frame.source = name_at(rest, 0);
    frame.destination = name_at(rest, kSleeveName);
    const std::size_t length = sleeve_half(rest, 2 * kSleeveName);
    if (rest.size() < kSleeveFrame + length) {
        return std::nullopt;
    }
    const auto ethernet = rest.subspan(kSleeveFrame, length);
    rest = rest.subspan(kSleeveFrame + length);
    if (ethernet.size() <= kSleeveEthernet) {
        return frame;
    }
    const auto type = sleeve_half(ethernet, kTypeAt);
    const auto packet = ethernet.subspan(kSleeveEthernet);
    if ((type == kSleeveIpv4 && packet[0] >> 4U == 4) ||
        (type == kSleeveIpv6 && packet[0] >> 4U == 6)) {
        frame.packet = packet;
    }
    return frame;
}

} // namespace labctl::dataplane
