#pragma once

#include <string>
#include <string_view>

#include "netemu/model/nft.h"

/// nftables values as text, for people and for digests.
namespace netemu {

/// The table in the syntax of nft(8) on one line, as `nft -f` reads it:
/// `table ip NAT { chain post { type nat hook postrouting priority 100; policy accept; ... }; }`.
/// Two tables have the same text only if they are equal.
std::string to_text(const NftTable& table);
std::string to_text(const NftRule& rule);
std::string_view to_text(NftFamily family);

/// Number of rules in all chains.
std::size_t rule_count(const NftTable& table);

} // namespace netemu
