#include "netemu/base/sha1.h"

#include <bit>
#include <string>

namespace netemu {

namespace {

constexpr std::size_t kSha1Block = 64; // bytes

/// The text, a one, zeros, and its length in bits in the last eight bytes of a block.
std::string padded(std::string_view text) {
    constexpr std::size_t kLengthBytes = 8;
    std::string message(text);
    message += '\x80';
    while (message.size() % kSha1Block != kSha1Block - kLengthBytes) {
        message += '\0';
    }
    const std::uint64_t bits = std::uint64_t{text.size()} * 8;
    for (std::size_t i = 0; i < kLengthBytes; ++i) {
        message += static_cast<char>((bits >> (56 - 8 * i)) & 0xffU);
    }
    return message;
}

using Sha1State = std::array<std::uint32_t, 5>;

/// The function and constant of a round.
std::uint32_t round_term(std::size_t round, const Sha1State& s) {
    if (round < 20) {
        return ((s[1] & s[2]) | (~s[1] & s[3])) + 0x5a827999U;
    }
    if (round < 40) {
        return (s[1] ^ s[2] ^ s[3]) + 0x6ed9eba1U;
    }
    if (round < 60) {
        return ((s[1] & s[2]) | (s[1] & s[3]) | (s[2] & s[3])) + 0x8f1bbcdcU;
    }
    return (s[1] ^ s[2] ^ s[3]) + 0xca62c1d6U;
}

void take_block(Sha1State& hash, std::string_view block) {
    std::array<std::uint32_t, 80> words{};
    for (std::size_t i = 0; i < kSha1Block; ++i) {
        words[i / 4] = (words[i / 4] << 8U) | static_cast<std::uint8_t>(block[i]);
    }
    for (std::size_t i = 16; i < words.size(); ++i) {
        words[i] = std::rotl(words[i - 3] ^ words[i - 8] ^ words[i - 14] ^ words[i - 16], 1);
    }
    Sha1State s = hash;
    for (std::size_t i = 0; i < words.size(); ++i) {
        const auto next = std::rotl(s[0], 5) + round_term(i, s) + s[4] + words[i];
        s = {next, s[0], std::rotl(s[1], 30), s[2], s[3]};
    }
    for (std::size_t i = 0; i < hash.size(); ++i) {
        hash[i] += s[i];
    }
}

} // namespace

std::array<std::uint8_t, 20> sha1(std::string_view text) {
    Sha1State hash{0x67452301U, 0xefcdab89U, 0x98badcfeU, 0x10325476U, 0xc3d2e1f0U};
    const auto message = padded(text);
    for (std::size_t at = 0; at < message.size(); at += kSha1Block) {
        take_block(hash, std::string_view(message).substr(at, kSha1Block));
    }
    std::array<std::uint8_t, 20> digest{};
    for (std::size_t i = 0; i < digest.size(); ++i) {
        digest[i] = static_cast<std::uint8_t>(hash[i / 4] >> (24 - 8 * (i % 4)));
    }
    return digest;
}

} // namespace netemu
