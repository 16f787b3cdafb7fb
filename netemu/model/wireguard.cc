#include "netemu/model/wireguard.h"

namespace netemu {

namespace {

constexpr std::string_view kBase64Digits =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr std::size_t kKeyTextBytes = 44; // 32 bytes are 43 digits and a sign that pads

} // namespace

std::string to_text(const WireguardKey& key) {
    std::string text;
    for (std::size_t at = 0; at < WireguardKey::kBytes; at += 3) {
        std::uint32_t group = 0;
        for (std::size_t i = at; i < at + 3; ++i) {
            group = group << 8U | (i < WireguardKey::kBytes ? key.bytes.at(i) : 0U);
        }
        for (const unsigned shift : {18U, 12U, 6U, 0U}) {
            text += kBase64Digits[group >> shift & 0x3fU];
        }
    }
    text.back() = '=';
    return text;
}

std::optional<WireguardKey> parse_wireguard_key(std::string_view text) {
    if (text.size() != kKeyTextBytes || text.back() != '=') {
        return std::nullopt;
    }
    WireguardKey key;
    std::uint32_t bits = 0;
    unsigned count = 0;
    std::size_t at = 0;
    for (const char c : text.substr(0, kKeyTextBytes - 1)) {
        const auto digit = kBase64Digits.find(c);
        if (digit == std::string_view::npos) {
            return std::nullopt;
        }
        bits = bits << 6U | static_cast<std::uint32_t>(digit);
        count += 6;
        if (count >= 8 && at < WireguardKey::kBytes) {
            count -= 8;
            key.bytes.at(at++) = static_cast<std::uint8_t>(bits >> count);
        }
    }
    const bool whole = (bits & ((1U << count) - 1)) == 0; // what is left over is nothing
    return whole ? std::optional(key) : std::nullopt;
}

bool same_peer(const WireguardPeer& there, const WireguardPeer& wanted, bool roams) {
    return there.key == wanted.key && there.allowed == wanted.allowed &&
           (roams || there.endpoint == wanted.endpoint);
}

} // namespace netemu
