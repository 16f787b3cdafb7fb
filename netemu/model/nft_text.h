#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "netemu/model/nft.h"

/// nftables values as text, in the syntax of nft(8) and in the words of `nft list`.
namespace netemu {

/// The table on one line, as `nft -f` reads it; what parts contribute stands where it belongs:
/// `table ip NAT { chain post { type nat hook postrouting priority 100; policy accept; ... }; }`.
std::string to_text(const NftTable& table);
/// A rule as a table of `family` lists it.
std::string to_text(const NftRule& rule, NftFamily family = NftFamily::Ip);
std::string to_text(const NftChain& chain, NftFamily family);
/// The set as it is declared, with its elements: `set NAME { type ipv4_addr; ... }`.
std::string to_text(const NftSet& set);
/// An element of `set`: `10.96.0.1 . tcp . 80 comment "x" : goto service-x`.
std::string to_text(const NftSet& set, const NftElement& element);
std::string_view to_text(NftFamily family);
std::string_view to_text(NftVerdict verdict);

/// "tcp", "udp", "sctp", "icmp", "ipv6-icmp", or the number.
std::string protocol_text(std::uint8_t protocol);
/// As nft(8) writes a mark: "0x00004000".
std::string mark_text(std::uint32_t mark);
/// A comment or name in quotes. nft(8) has no escapes inside quotes; the percent sign keeps two
/// comments from looking the same.
std::string quoted_text(std::string_view text);

/// Number of rules in all chains, those of parts included.
std::size_t rule_count(const NftTable& table);

} // namespace netemu
