#include <string>
#include <string_view>

#include <boost/test/unit_test.hpp>

#include "netemu/base/base64.h"

using namespace netemu;

BOOST_AUTO_TEST_SUITE(base64)

/// RFC 4648 section 10.
BOOST_AUTO_TEST_CASE(the_vectors_of_the_rfc) {
    constexpr std::string_view kPairs[][2] = {
        {"", ""},
        {"f", "Zg=="},
        {"fo", "Zm8="},
        {"foo", "Zm9v"},
        {"foob", "Zm9vYg=="},
        {"fooba", "Zm9vYmE="},
        {"foobar", "Zm9vYmFy"}};
    for (const auto& [bytes, text] : kPairs) {
        BOOST_TEST(encode_base64(bytes) == text);
        BOOST_TEST((decode_base64(text) == std::string(bytes)));
    }
}

BOOST_AUTO_TEST_CASE(every_byte_comes_back) {
    std::string all;
    for (int c = 0; c < 256; ++c) {
        all.push_back(static_cast<char>(c));
        BOOST_TEST((decode_base64(encode_base64(all)) == all));
    }
}

BOOST_AUTO_TEST_CASE(what_is_no_base64) {
    for (const auto* text :
         {"Z",
          "Zg",
          "Zg=",
          "Zg===",
          "====",
          "Zm9v=",
          "Z===",
          "Zh==",
          "Zm9=",
          "Zm9v!mFy",
          "Zg==Zg==",
          "Zm 9v",
          "Zm9v-_=="}) {
        BOOST_TEST((decode_base64(text) == std::nullopt), text);
    }
    BOOST_TEST((decode_base64("Zm9v\nYmFy\r\n") == "foobar")); // as Go's decoder does
}

BOOST_AUTO_TEST_CASE(the_alphabet_of_urls) {
    BOOST_TEST((decode_base64("-_8", Base64::Url) == "\xfb\xff"));
    BOOST_TEST((decode_base64("-_8=", Base64::Url) == "\xfb\xff"));
    BOOST_TEST((decode_base64("+/8=", Base64::Url) == std::nullopt));
    BOOST_TEST((decode_base64("Z", Base64::Url) == std::nullopt));
}

BOOST_AUTO_TEST_SUITE_END()
