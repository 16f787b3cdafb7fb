#include "netemu/base/base64.h"

#include <array>
#include <cstdint>

namespace netemu {

namespace {

constexpr std::string_view kStandardDigits =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr std::string_view kUrlDigits =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
constexpr std::uint8_t kNoDigit = 0xff;

using Base64Values = std::array<std::uint8_t, 256>;

constexpr Base64Values values_of(std::string_view digits) {
    Base64Values values{};
    values.fill(kNoDigit);
    for (std::size_t i = 0; i < digits.size(); ++i) {
        values[static_cast<unsigned char>(digits[i])] = static_cast<std::uint8_t>(i);
    }
    return values;
}

constexpr Base64Values kStandardValues = values_of(kStandardDigits);
constexpr Base64Values kUrlValues = values_of(kUrlDigits);

} // namespace

std::string encode_base64(std::string_view bytes) {
    std::string text;
    text.reserve((bytes.size() + 2) / 3 * 4);
    for (std::size_t at = 0; at < bytes.size(); at += 3) {
        std::uint32_t group = 0;
        for (std::size_t i = at; i < at + 3; ++i) {
            group = group << 8U | (i < bytes.size() ? static_cast<unsigned char>(bytes[i]) : 0U);
        }
        const auto given = bytes.size() - at; // and so many digits but one are said
        for (unsigned digit = 0; digit < 4; ++digit) {
            text += digit <= given ? kStandardDigits[group >> (18U - 6U * digit) & 0x3fU] : '=';
        }
    }
    return text;
}

std::optional<std::string> decode_base64(std::string_view text, Base64 kind) {
    const auto& values = kind == Base64::Url ? kUrlValues : kStandardValues;
    std::string bytes;
    bytes.reserve(text.size() / 4 * 3 + 2);
    std::uint32_t bits = 0;
    unsigned count = 0; // of bits that are no byte yet
    std::size_t digits = 0;
    std::size_t padding = 0;
    for (const char c : text) {
        if (kind == Base64::Standard && (c == '\n' || c == '\r')) {
            continue;
        }
        if (c == '=') {
            ++padding;
            continue;
        }
        const auto value = values[static_cast<unsigned char>(c)];
        if (value == kNoDigit || padding > 0) {
            return std::nullopt;
        }
        ++digits;
        bits = bits << 6U | value;
        count += 6;
        if (count >= 8) {
            count -= 8;
            bytes.push_back(static_cast<char>(bits >> count & 0xffU));
        }
    }
    const bool padded = (digits + padding) % 4 == 0 && padding <= 2;
    const bool unpadded = kind == Base64::Url && padding == 0;
    const bool whole = count < 6 && (bits & ((1U << count) - 1)) == 0;
    return whole && (padded || unpadded) ? std::optional(std::move(bytes)) : std::nullopt;
}

} // namespace netemu
