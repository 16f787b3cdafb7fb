#pragma once

#include <string>

#include "netemu/kernel/nft_program.h"

namespace netemu {

/// Appends a rule to a chain, in the form that nft(8) itself produces, so that it lists it as it
/// was meant; in front of it the anonymous sets and maps that it needs. The chains and sets that it
/// names must be there when the kernel comes to it. Throws Error for a statement that makes no
/// sense in a table of this family.
void put_rule(
    NftProgram& program,
    NftFamily family,
    const std::string& table,
    const std::string& chain,
    const NftRule& rule);

} // namespace netemu
