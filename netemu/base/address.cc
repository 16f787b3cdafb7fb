#include "netemu/base/address.h"

#include <algorithm>
#include <charconv>
#include <cstring>
#include <limits>

#include <arpa/inet.h>
#include <netinet/in.h>

namespace netemu {

namespace {

template <typename T>
std::optional<T> parse_unsigned(std::string_view text, T max) {
    T value = 0;
    const auto* end = text.data() + text.size();
    const auto result = std::from_chars(text.data(), end, value);
    if (text.empty() || result.ec != std::errc{} || result.ptr != end || value > max) {
        return std::nullopt;
    }
    return value;
}

/// The mask byte at `index` of a prefix of `length` bits.
std::uint8_t mask_byte(unsigned length, std::size_t index) {
    const auto start = static_cast<unsigned>(index) * 8;
    if (length >= start + 8) {
        return 0xff;
    }
    if (length <= start) {
        return 0;
    }
    return static_cast<std::uint8_t>(0xff << (start + 8 - length));
}

} // namespace

IpAddress IpAddress::v4(std::uint32_t host_order) {
    IpAddress result;
    for (std::size_t i = 0; i < 4; ++i) {
        result.bytes_.at(i) = static_cast<std::uint8_t>(host_order >> (24 - 8 * i));
    }
    return result;
}

IpAddress IpAddress::from_bytes(Family family, const std::uint8_t* bytes) {
    IpAddress result;
    result.family_ = family;
    std::copy_n(bytes, result.size(), result.bytes_.begin());
    return result;
}

std::optional<IpAddress> IpAddress::parse(std::string_view text) {
    const std::string copy(text);
    std::array<std::uint8_t, 16> bytes{};
    if (copy.find('\0') != std::string::npos) {
        return std::nullopt;
    }
    if (::inet_pton(AF_INET, copy.c_str(), bytes.data()) == 1) {
        return from_bytes(Family::V4, bytes.data());
    }
    if (::inet_pton(AF_INET6, copy.c_str(), bytes.data()) == 1) {
        return from_bytes(Family::V6, bytes.data());
    }
    return std::nullopt;
}

std::string IpAddress::to_string() const {
    std::array<char, INET6_ADDRSTRLEN> buffer{};
    return ::inet_ntop(af(), bytes_.data(), buffer.data(), buffer.size());
}

IpAddress IpAddress::plus(std::uint64_t offset) const {
    IpAddress result = *this;
    std::uint64_t carry = offset;
    for (std::size_t i = size(); i-- > 0 && carry != 0;) {
        const std::uint64_t sum = (carry & 0xff) + result.bytes_.at(i);
        result.bytes_.at(i) = static_cast<std::uint8_t>(sum);
        carry = (carry >> 8) + (sum >> 8);
    }
    return result;
}

std::uint64_t IpAddress::distance_from(const IpAddress& base) const {
    std::uint64_t result = 0;
    int borrow = 0;
    std::array<std::uint8_t, 16> difference{};
    for (std::size_t i = size(); i-- > 0;) {
        int value = bytes_.at(i) - base.bytes_.at(i) - borrow;
        borrow = value < 0 ? 1 : 0;
        difference.at(i) = static_cast<std::uint8_t>(value + 256 * borrow);
    }
    for (std::size_t i = 0; i < size(); ++i) {
        if ((result >> 56) != 0) {
            return std::numeric_limits<std::uint64_t>::max();
        }
        result = (result << 8) | difference.at(i);
    }
    return result;
}

bool IpAddress::is_unspecified() const noexcept {
    return std::all_of(bytes_.begin(), bytes_.end(), [](auto byte) { return byte == 0; });
}

bool IpAddress::is_loopback() const noexcept {
    if (is_v4()) {
        return bytes_[0] == 127;
    }
    return std::all_of(bytes_.begin(), bytes_.end() - 1, [](auto b) { return b == 0; }) &&
           bytes_[15] == 1;
}

std::optional<IpPrefix> IpPrefix::parse(std::string_view text) {
    const auto slash = text.find('/');
    if (slash == std::string_view::npos) {
        return std::nullopt;
    }
    const auto address = IpAddress::parse(text.substr(0, slash));
    if (!address) {
        return std::nullopt;
    }
    const auto length = parse_unsigned<unsigned>(text.substr(slash + 1), address->bits());
    if (!length) {
        return std::nullopt;
    }
    return IpPrefix{*address, static_cast<std::uint8_t>(*length)};
}

IpPrefix IpPrefix::host(const IpAddress& address) {
    return {address, static_cast<std::uint8_t>(address.bits())};
}

IpPrefix IpPrefix::network() const {
    std::array<std::uint8_t, 16> bytes{};
    for (std::size_t i = 0; i < address.size(); ++i) {
        bytes.at(i) = static_cast<std::uint8_t>(address.bytes()[i] & mask_byte(length, i));
    }
    return {IpAddress::from_bytes(address.family(), bytes.data()), length};
}

IpAddress IpPrefix::last() const {
    std::array<std::uint8_t, 16> bytes{};
    for (std::size_t i = 0; i < address.size(); ++i) {
        bytes.at(i) = static_cast<std::uint8_t>(address.bytes()[i] | (0xff ^ mask_byte(length, i)));
    }
    return IpAddress::from_bytes(address.family(), bytes.data());
}

bool IpPrefix::contains(const IpAddress& candidate) const {
    return candidate.family() == address.family() &&
           IpPrefix{candidate, length}.network().address == network().address;
}

bool IpPrefix::overlaps(const IpPrefix& other) const {
    return contains(other.network().address) || other.contains(network().address);
}

std::uint64_t IpPrefix::size() const {
    const unsigned host_bits = address.bits() - length;
    return host_bits >= 64 ? std::numeric_limits<std::uint64_t>::max()
                           : std::uint64_t{1} << host_bits;
}

std::string IpPrefix::to_string() const {
    return address.to_string() + "/" + std::to_string(length);
}

std::optional<MacAddress> MacAddress::parse(std::string_view text) {
    MacAddress result;
    if (text.size() != 17) {
        return std::nullopt;
    }
    for (std::size_t i = 0; i < 6; ++i) {
        const auto part = text.substr(i * 3, 2);
        const auto parsed = std::from_chars(part.data(), part.data() + 2, result.bytes.at(i), 16);
        if (parsed.ec != std::errc{} || parsed.ptr != part.data() + 2 ||
            (i < 5 && text[i * 3 + 2] != ':')) {
            return std::nullopt;
        }
    }
    return result;
}

MacAddress MacAddress::for_ip(const IpAddress& address) {
    MacAddress result{{0x0a, 0x58, 0, 0, 0, 0}};
    std::copy_n(address.bytes() + address.size() - 4, 4, result.bytes.begin() + 2);
    return result;
}

std::string MacAddress::to_string() const {
    static constexpr std::string_view kDigits = "0123456789abcdef";
    std::string text;
    for (const auto byte : bytes) {
        if (!text.empty()) {
            text += ':';
        }
        text += kDigits[byte >> 4];
        text += kDigits[byte & 0xf];
    }
    return text;
}

std::optional<Endpoint> Endpoint::parse(std::string_view text) {
    const auto colon = text.rfind(':');
    if (colon == std::string_view::npos) {
        return std::nullopt;
    }
    auto host = text.substr(0, colon);
    const bool bracketed = host.size() > 2 && host.front() == '[' && host.back() == ']';
    if (bracketed) {
        host = host.substr(1, host.size() - 2);
    }
    const auto address = IpAddress::parse(host);
    const auto port = parse_unsigned<std::uint32_t>(text.substr(colon + 1), 65535);
    if (!address || !port || bracketed != address->is_v6()) {
        return std::nullopt;
    }
    return Endpoint{*address, static_cast<std::uint16_t>(*port)};
}

Endpoint Endpoint::from_sockaddr(const sockaddr_storage& storage) {
    Endpoint result;
    if (storage.ss_family == AF_INET) {
        sockaddr_in in{};
        std::memcpy(&in, &storage, sizeof in);
        result.address = IpAddress::v4(ntohl(in.sin_addr.s_addr));
        result.port = ntohs(in.sin_port);
    } else if (storage.ss_family == AF_INET6) {
        sockaddr_in6 in6{};
        std::memcpy(&in6, &storage, sizeof in6);
        const bool mapped = IN6_IS_ADDR_V4MAPPED(&in6.sin6_addr) != 0;
        const auto* bytes = static_cast<const std::uint8_t*>(in6.sin6_addr.s6_addr);
        result.address = mapped ? IpAddress::from_bytes(Family::V4, bytes + 12)
                                : IpAddress::from_bytes(Family::V6, bytes);
        result.port = ntohs(in6.sin6_port);
    }
    return result;
}

socklen_t Endpoint::to_sockaddr(sockaddr_storage& storage) const {
    std::memset(&storage, 0, sizeof storage);
    if (address.is_v4()) {
        sockaddr_in in{};
        in.sin_family = AF_INET;
        in.sin_port = htons(port);
        std::memcpy(&in.sin_addr, address.bytes(), 4);
        std::memcpy(&storage, &in, sizeof in);
        return sizeof in;
    }
    sockaddr_in6 in6{};
    in6.sin6_family = AF_INET6;
    in6.sin6_port = htons(port);
    std::memcpy(&in6.sin6_addr, address.bytes(), 16);
    std::memcpy(&storage, &in6, sizeof in6);
    return sizeof in6;
}

std::string Endpoint::to_string() const {
    const auto text = address.to_string();
    return (address.is_v6() ? "[" + text + "]" : text) + ":" + std::to_string(port);
}

} // namespace netemu
