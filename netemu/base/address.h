#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <sys/socket.h>

namespace netemu {

enum class Family : std::uint8_t { V4, V6 };

/// An IPv4 or IPv6 address. IPv4 uses the first four bytes; the rest are zero.
class IpAddress {
public:
    IpAddress() = default; // 0.0.0.0
    static IpAddress v4(std::uint32_t host_order);
    static IpAddress from_bytes(Family family, const std::uint8_t* bytes);
    /// Strict textual form as inet_pton(3) reads it; no zone, no port, no leading zeros.
    static std::optional<IpAddress> parse(std::string_view text);

    [[nodiscard]] Family family() const noexcept { return family_; }
    [[nodiscard]] bool is_v4() const noexcept { return family_ == Family::V4; }
    [[nodiscard]] bool is_v6() const noexcept { return family_ == Family::V6; }
    [[nodiscard]] int af() const noexcept { return is_v4() ? AF_INET : AF_INET6; }
    [[nodiscard]] const std::uint8_t* bytes() const noexcept { return bytes_.data(); }
    [[nodiscard]] std::size_t size() const noexcept { return is_v4() ? 4 : 16; }
    /// Number of bits, 32 or 128.
    [[nodiscard]] unsigned bits() const noexcept { return is_v4() ? 32 : 128; }
    /// RFC 5952 text for IPv6.
    [[nodiscard]] std::string to_string() const;
    /// This address plus `offset`; wraps around at the end of the family's range.
    [[nodiscard]] IpAddress plus(std::uint64_t offset) const;
    /// this - base, saturated to 2^64-1. Both must be of one family and this >= base.
    [[nodiscard]] std::uint64_t distance_from(const IpAddress& base) const;
    [[nodiscard]] bool is_unspecified() const noexcept;
    [[nodiscard]] bool is_loopback() const noexcept;

    auto operator<=>(const IpAddress&) const = default;

private:
    Family family_ = Family::V4;
    std::array<std::uint8_t, 16> bytes_{};
};

/// An address with a prefix length. `address` keeps its host bits, so the same type serves an
/// interface address (10.244.1.5/24) and, through `network()`, a range.
struct IpPrefix {
    IpAddress address;
    std::uint8_t length = 0;

    /// "10.244.0.0/16" or "fd00::/64"; nullopt when malformed or the length is out of range.
    static std::optional<IpPrefix> parse(std::string_view text);
    static IpPrefix host(const IpAddress& address);

    [[nodiscard]] IpPrefix network() const; // host bits cleared
    [[nodiscard]] IpAddress last() const;   // highest address of the range
    [[nodiscard]] bool contains(const IpAddress& candidate) const;
    [[nodiscard]] bool overlaps(const IpPrefix& other) const;
    /// Number of addresses, saturated to 2^64-1.
    [[nodiscard]] std::uint64_t size() const;
    [[nodiscard]] std::string to_string() const;

    auto operator<=>(const IpPrefix&) const = default;
};

/// A 48-bit Ethernet address.
struct MacAddress {
    std::array<std::uint8_t, 6> bytes{};

    static std::optional<MacAddress> parse(std::string_view text);
    /// A stable, locally administered, unicast address for an IP address: 0a:58 and the four last
    /// bytes, the scheme of the CNI bridge plugin.
    static MacAddress for_ip(const IpAddress& address);
    [[nodiscard]] std::string to_string() const;
    auto operator<=>(const MacAddress&) const = default;
};

/// "ADDRESS:PORT", with brackets for IPv6.
struct Endpoint {
    IpAddress address;
    std::uint16_t port = 0;

    static std::optional<Endpoint> parse(std::string_view text);
    static Endpoint from_sockaddr(const sockaddr_storage& storage);
    /// Fills `storage` and returns its length.
    socklen_t to_sockaddr(sockaddr_storage& storage) const;
    [[nodiscard]] std::string to_string() const;
    auto operator<=>(const Endpoint&) const = default;
};

} // namespace netemu
