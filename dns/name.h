#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace dns {

using Bytes = std::span<const std::uint8_t>;

/// ASCII only, as DNS compares names (RFC 4343).
constexpr std::uint8_t lower_byte(std::uint8_t byte) {
    return byte >= 'A' && byte <= 'Z' ? static_cast<std::uint8_t>(byte | 0x20U) : byte;
}

/// A domain name as a value: its uncompressed wire form (RFC 1035 section 3.1), in the case it was
/// given. For everything but the hot path, which works on the bytes of the packet.
class Name {
public:
    Name() : wire_(1, '\0') {} // the root

    /// Text with or without the final dot; \. and \DDD escapes (RFC 1035 section 5.1). nullopt when
    /// a label or the name is too long or empty in the middle.
    static std::optional<Name> parse(std::string_view text);
    /// `wire` must be a valid uncompressed name.
    static Name from_wire(std::string_view wire);
    /// Reads a possibly compressed name at `offset` of a message and moves `offset` behind it.
    /// Pointers must go backwards (RFC 1035 section 4.1.4); nullopt on anything malformed.
    static std::optional<Name> read(Bytes message, std::size_t& offset);

    [[nodiscard]] const std::string& wire() const noexcept { return wire_; }
    /// With the final dot, unprintable bytes escaped.
    [[nodiscard]] std::string to_string() const;
    [[nodiscard]] Name lower() const;
    [[nodiscard]] bool is_root() const noexcept { return wire_.size() == 1; }
    /// The labels as raw bytes, without the root.
    [[nodiscard]] std::vector<std::string_view> labels() const;
    /// This name without its first `count` labels; the root if there are not as many.
    [[nodiscard]] Name without_first(std::size_t count) const;
    /// Equal to `zone` or below it; case does not matter.
    [[nodiscard]] bool is_within(const Name& zone) const;
    [[nodiscard]] bool equals(const Name& other) const; // case does not matter
    /// This name followed by `parent`; nullopt when that is too long.
    [[nodiscard]] std::optional<Name> under(const Name& parent) const;

    bool operator==(const Name&) const = default; // byte for byte

private:
    std::string wire_;
};

/// True if both wire names are the same but for case.
bool same_name(std::string_view wire, std::string_view other);

} // namespace dns
