#pragma once

#include <optional>
#include <string>

#include "netemu/kernel/batch.h"
#include "netemu/model/nft.h"
#include "netemu/model/observed.h"

struct nlmsghdr;

namespace netemu {

/// One transaction that makes `table` what it should be, whether it is there or not: nobody sees it
/// half done, and if the kernel refuses any part, nothing has changed. Its digest (table_digest)
/// goes into the table's own comment. The batch must hold nothing else. Throws Error for a rule
/// that makes no sense in its table (an IPv6 address in a table of family ip).
void encode_replace_table(Batch& batch, const NftTable& table);
/// One transaction that deletes it.
void encode_delete_table(Batch& batch, NftFamily family, const std::string& name);

void encode_dump_tables(Batch& batch);
void encode_dump_rules(Batch& batch);

/// Reads a NFT_MSG_NEWTABLE message, without the number of rules; the digest is empty for a table
/// that is not ours. nullopt for families that the model does not know.
std::optional<NftTableInfo> decode_table(const nlmsghdr* message);
/// Reads the family and table of a NFT_MSG_NEWRULE message.
struct RuleOwner {
    NftFamily family = NftFamily::Ip;
    std::string table;
};
std::optional<RuleOwner> decode_rule_owner(const nlmsghdr* message);

} // namespace netemu
