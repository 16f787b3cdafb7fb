#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "netemu/model/nft_set.h"

namespace netemu {

/// The user data that nft(8) stores with a set, so that it can list what the kernel keeps as plain
/// bytes: byte orders, the comment, and for sets with a number (numgen) the expressions of
/// `typeof`. A list of (type, length, value) of one byte, one byte, and as many as said; see
/// libnftnl/udata.h and, for the numbers of expressions, include/{expression,proto,meta}.h of nft.
std::vector<std::uint8_t> set_userdata(const NftSet& set);
/// The user data of an element, a rule, a chain or a table that holds its comment.
std::vector<std::uint8_t> element_userdata(std::string_view comment);
/// The comment in such user data, or empty.
std::string comment_in(std::span<const std::uint8_t> userdata);

} // namespace netemu
