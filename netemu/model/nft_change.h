#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "netemu/model/nft.h"

/// What turns one table into another without replacing it.
///
/// What a change costs (kernel 6.18, two busy cores, tests/bench/nft_load.cc; one endpoint of one
/// service goes or comes):
/// - Elements of sets and of maps of data cost nothing: 0.05 to 0.2 ms, whatever the size of the
///   table. 10,000 services of 10 endpoints in one map load in 0.3 s (ServiceLayout::Flat).
/// - Whatever may lead a packet elsewhere makes the kernel walk the whole table from each of its
///   base chains: an element of a verdict map that jumps or goes to a chain, and a new rule with a
///   verdict, a lookup (set, map, vmap), NAT, masquerade or reject. With a chain per endpoint that
///   is 0.7 ms at 100 services of 10 endpoints and 15 to 20 ms at 1,000, for each transaction, not
///   for each rule. It does not matter whether the map of a service is named or anonymous.
/// - Deleting rules, elements, chains and sets, and a rule of counters, marks and logs only, cost
///   what they are.
/// - A set that is looked up, and an anonymous one that is made, is searched in a list of all
///   sets of the table: 0.1 to 0.2 us for each that is there. A set per service is fine at 1,000
///   services and a second at 10,000; NftRandomGoto of one chain makes none.
/// - A new chain costs about 4 us and a rule 8 to 12 us: 1,000 services of 10 endpoints in
///   kube-proxy's layout (12,000 chains, 22,000 rules) load in 0.4 s on a busy machine, a quarter
///   to a half of `nft -f`.
/// So for many services keep the endpoints in maps of data, keyed by NftField::Random, address,
/// protocol and port, one map and one NftDnatMap rule for each *number* of endpoints; what else a
/// service needs (masquerade, affinity, source ranges) stays in a chain of its own that returns,
/// and that a change of endpoints does not touch.
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
