#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace netemu {

/// RFC 4648.
enum class Base64 : unsigned char {
    Standard, // section 4: "+/", padded with "="; line ends between the digits are passed over
    Url,      // section 5: "-_", padded or not
};

std::string encode_base64(std::string_view bytes);
/// nullopt for a digit that is none, a wrong length or wrong padding, and bits that are left over
/// and not zero.
std::optional<std::string> decode_base64(std::string_view text, Base64 kind = Base64::Standard);

} // namespace netemu
