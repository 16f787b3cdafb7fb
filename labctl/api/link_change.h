#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace labctl::api {

/// What is done to a link, as `labctl fault link` and a lab file's `links` write it, in the words
/// of tc-netem(8). What is not named stays as it is.
struct LinkChange {
    std::optional<std::uint32_t> delay_us;
    std::optional<std::uint32_t> jitter_us;
    std::optional<std::uint32_t> loss; // shares in millionths
    std::optional<std::uint32_t> duplicate;
    std::optional<std::uint32_t> reorder;
    std::optional<std::uint32_t> corrupt;
    std::optional<std::uint64_t> rate_bps;
    std::optional<std::uint32_t> queue; // packets
    std::optional<std::uint32_t> mtu;   // bytes; of both directions

    [[nodiscard]] bool any() const { return *this != LinkChange{}; }
    bool operator==(const LinkChange&) const = default;
};

/// Sets what `name` ("delay", "loss", "rate", ...) names from its text ("50ms", "1%", "10mbit").
/// Returns why the text is not acceptable, or nothing. A name that is not known is a
/// std::logic_error: ask is_link_value first.
std::string set_link_value(LinkChange& change, std::string_view name, const std::string& text);
bool is_link_value(std::string_view name);
/// " --delay 50ms --loss 1%", in the order above; empty for nothing.
std::string link_flags(const LinkChange& change);

} // namespace labctl::api
