#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>

#include "netemu/base/address.h"

struct nlattr;
struct nlmsghdr;

namespace netemu {

/// The attributes of a netlink message or of a nest, by type. A view: the message must outlive it.
/// Getters give nullopt (or an empty value) when the attribute is missing or too short, so input
/// from the kernel needs no other check. Types of kTypesMax and above are not kept.
class Attributes {
public:
    static constexpr std::size_t kTypesMax = 96;

    /// Those behind a family header of `header_bytes`.
    Attributes(const nlmsghdr* message, std::size_t header_bytes);
    /// Those that fill `data`.
    explicit Attributes(std::span<const std::uint8_t> data);

    [[nodiscard]] bool has(unsigned type) const noexcept;
    [[nodiscard]] std::span<const std::uint8_t> bytes(unsigned type) const;
    [[nodiscard]] std::optional<std::uint8_t> u8(unsigned type) const;
    [[nodiscard]] std::optional<std::uint32_t> u32(unsigned type) const;
    [[nodiscard]] std::optional<std::uint16_t> be16(unsigned type) const;
    [[nodiscard]] std::string text(unsigned type) const;
    /// By the length of the attribute: 4 bytes are IPv4, 16 are IPv6.
    [[nodiscard]] std::optional<IpAddress> address(unsigned type) const;
    [[nodiscard]] std::optional<MacAddress> mac(unsigned type) const;
    /// The attributes inside this one; empty when it is missing.
    [[nodiscard]] Attributes nested(unsigned type) const;

private:
    std::array<const nlattr*, kTypesMax> by_type_{};
};

/// Each attribute of a nest in order, also those of the same type; see Attributes for what is
/// malformed.
void for_each_attribute(
    std::span<const std::uint8_t> data,
    const std::function<void(unsigned type, std::span<const std::uint8_t> payload)>& each);

} // namespace netemu
