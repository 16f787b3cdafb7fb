#pragma once

#include "netemu/kernel/nft_handles.h"
#include "netemu/model/nft.h"

namespace netemu {

/// The protocol family number that nfnetlink uses (NFPROTO_*).
unsigned nft_family_number(NftFamily family);

/// A rule as libnftnl writes it, in the form that nft(8) itself produces, so that it lists it as it
/// was meant. Throws Error for a statement that makes no sense in a table of this family.
NftRuleHandle build_rule(const NftTable& table, const std::string& chain, const NftRule& rule);

} // namespace netemu
