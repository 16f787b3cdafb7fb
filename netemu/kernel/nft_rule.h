#pragma once

#include <string>

#include "netemu/model/nft.h"

struct nlmsghdr;

namespace netemu {

/// The protocol family number that nfnetlink uses (NFPROTO_*).
unsigned nft_family_number(NftFamily family);

/// Puts a rule behind the family header of `message`, in the form that nft(8) itself produces, so
/// that it lists it as it was meant. Throws Error for a statement that makes no sense in a table of
/// this family.
void put_rule(
    nlmsghdr* message, const NftTable& table, const std::string& chain, const NftRule& rule);

} // namespace netemu
