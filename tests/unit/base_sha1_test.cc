#include <string>
#include <string_view>

#include <boost/test/unit_test.hpp>

#include "netemu/base/sha1.h"

using namespace netemu;

namespace {

std::string hex_of(const std::array<std::uint8_t, 20>& digest) {
    std::string text;
    for (const auto byte : digest) {
        constexpr std::string_view kDigits = "0123456789abcdef";
        text += kDigits[byte >> 4U];
        text += kDigits[byte & 0xfU];
    }
    return text;
}

} // namespace

BOOST_AUTO_TEST_SUITE(digests)

// FIPS 180's examples, and the edges of a block.
BOOST_AUTO_TEST_CASE(sha1_of_known_texts) {
    BOOST_TEST(hex_of(sha1("abc")) == "a9993e364706816aba3e25717850c26c9cd0d89d");
    BOOST_TEST(hex_of(sha1("")) == "da39a3ee5e6b4b0d3255bfef95601890afd80709");
    BOOST_TEST(
        hex_of(sha1("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq")) ==
        "84983e441c3bd26ebaae4aa1f95129e5e54670f1");
    BOOST_TEST(hex_of(sha1(std::string(64, 'a'))) == "0098ba824b5c16427bd7a1122a5a442a25ec644d");
}

BOOST_AUTO_TEST_SUITE_END()
