#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>

#include "netemu/kernel/batch.h"
#include "netemu/kernel/nft_program.h"
#include "netemu/model/nft_change.h"
#include "netemu/model/nft_info.h"
#include "netemu/model/observed.h"

struct nlmsghdr;

namespace netemu {

/// What makes `table` what it should be, whether it is there or not. Its digest (table_digest) goes
/// into the table's own comment. It may be divided anywhere behind the declaration of the table:
/// sets come first, then chains, their rules, elements, and base chains last of all. Throws Error
/// for a rule that makes no sense in its table (an IPv6 address in a table of family ip).
NftProgram encode_replace_table(const NftTable& table);
/// What makes a table that is gone when the socket that sends it is closed (NFT_TABLE_F_OWNER,
/// since Linux 5.12), and that nobody else can change. Errors as above.
NftProgram encode_owned_table(const NftTable& table);
/// What carries out a change. Where it is too large for one transaction, it may be divided.
NftProgram encode_change_table(const NftChange& change);
NftProgram encode_delete_table(NftFamily family, const std::string& name);

void encode_dump_tables(Batch& batch);
void encode_dump_chains(Batch& batch);
void encode_dump_rules(Batch& batch);
void encode_dump_sets(Batch& batch);
/// The elements of one set.
void encode_dump_elements(
    Batch& batch, NftFamily family, const std::string& table, const std::string& set);
/// The number of the last transaction in the namespace, of whatever table.
void encode_get_generation(Batch& batch);
std::optional<std::uint32_t> decode_generation(const nlmsghdr* message);

/// The family of a message on nftables; nullopt for those that the model does not know.
std::optional<NftFamily> decode_nft_family(const nlmsghdr* message);
/// A number of at most 8 bytes in network byte order, as handles and counters are.
std::uint64_t decode_wide_number(std::span<const std::uint8_t> bytes);

/// Reads a NFT_MSG_NEWTABLE message, without counts; the digest is that of the comment, empty for a
/// table that is not ours. nullopt for families that the model does not know.
std::optional<NftTableInfo> decode_table(const nlmsghdr* message);
/// Which table a chain, rule or set belongs to.
struct NftOwner {
    NftFamily family = NftFamily::Ip;
    std::string table;
};
std::optional<NftOwner> decode_chain_owner(const nlmsghdr* message);
std::optional<NftOwner> decode_rule_owner(const nlmsghdr* message);

/// A set that was found; anonymous ones belong to a rule.
struct FoundSet {
    NftOwner owner;
    std::string name;
    bool anonymous = false;
    bool counted = true; // not dynamic, without a timeout: its elements are as we made them
    bool interval = false;
};
std::optional<FoundSet> decode_set(const nlmsghdr* message);
/// Number of elements in a message with elements; ends of intervals are not counted.
std::size_t decode_element_count(const nlmsghdr* message);

/// A rule of a table, for NFT_MSG_NEWRULE.
NftRuleInfo decode_rule(const nlmsghdr* message);
/// Hands every element of a message with elements to `each`; of interval sets the two ends of each
/// range, the second one with `end`.
void decode_elements(
    const nlmsghdr* message,
    const std::function<void(const NftElementInfo& element, bool end)>& each);

/// What a request was about, for errors: `chain "x"`, `rule "comment" in chain "x"`,
/// `elements of set "x"`; or empty.
std::string describe_nft_message(const nlmsghdr* message);

} // namespace netemu
