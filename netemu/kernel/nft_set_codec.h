#pragma once

#include <optional>
#include <string>
#include <vector>

#include "netemu/kernel/nft_program.h"

struct nlmsghdr;

namespace netemu {

/// The declaration of a named set or map, with the user data that nft(8) itself stores, so that it
/// lists it as it was meant. Without its elements. Throws Error for a set that cannot be.
void put_set(NftProgram& program, NftFamily family, const std::string& table, const NftSet& set);
/// Adds the elements of `set`, in messages under 64 KB. The declaration need not be in the program.
void put_elements(
    NftProgram& program, NftFamily family, const std::string& table, const NftSet& set);
/// Deletes them; all must be there.
void put_removed_elements(
    NftProgram& program, NftFamily family, const std::string& table, const NftSet& set);
void put_deleted_set(
    NftProgram& program, NftFamily family, const std::string& table, const std::string& name);

/// An anonymous set of addresses or an anonymous map of numbers to chains, with its elements, for a
/// rule that follows in the same transaction and looks it up by the name and number that are set
/// here.
struct AnonymousSet {
    std::string name;
    std::uint32_t id;
};
AnonymousSet put_anonymous_addresses(
    NftProgram& program,
    NftFamily family,
    const std::string& table,
    const std::vector<IpPrefix>& prefixes);
AnonymousSet put_anonymous_gotos(
    NftProgram& program,
    NftFamily family,
    const std::string& table,
    const std::vector<std::string>& chains);

/// The verdict number of the kernel.
std::uint32_t nft_verdict_number(NftVerdict verdict);

} // namespace netemu
