#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "netemu/model/nft.h"

/// What turns one table into another without replacing it.
namespace netemu {

/// A change of an existing table, carried out in one transaction in the order of the members: so
/// new objects are there before something refers to them, and nothing is deleted that is still
/// referred to. Elements that are replaced stand in both lists.
struct NftChange {
    NftFamily family = NftFamily::Ip;
    std::string table;
    std::vector<NftSet> added_sets;     // with their elements
    std::vector<NftChain> added_chains; // with their rules
    /// Declarations of sets, each with the elements to delete; of those only the keys matter.
    std::vector<NftSet> removed_elements;
    std::vector<NftChain> refilled_chains;   // they lose their rules and get these
    std::vector<std::string> flushed_chains; // they lose their rules
    std::vector<NftSet> added_elements;      // declarations of sets, each with the elements to add
    std::vector<std::string> deleted_sets;
    std::vector<std::string> deleted_chains;

    [[nodiscard]] bool empty() const;
    bool operator==(const NftChange&) const = default;
};
using NftChangePtr = std::shared_ptr<const NftChange>;

/// The change that makes `after` of `before`; both have the same family and name. Deterministic,
/// and empty when they are equal. Parts that are the same pointer cost a comparison of pointers. A
/// chain whose type, hook, priority or policy differs, or a set whose declaration differs, cannot
/// be changed in place: then nullopt, and the table has to be replaced.
std::optional<NftChange> nft_diff(const NftTable& before, const NftTable& after);

/// The change in the syntax of nft(8), one command a line, as `nft -f` reads it.
std::string to_text(const NftChange& change);

} // namespace netemu
