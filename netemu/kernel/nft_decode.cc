#include <arpa/inet.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>

#include "netemu/kernel/attributes.h"
#include "netemu/kernel/nft_codec.h"
#include "netemu/kernel/nft_set_userdata.h"

namespace netemu {

std::optional<NftFamily> decode_nft_family(const nlmsghdr* message) {
    const auto* header = static_cast<const nfgenmsg*>(mnl_nlmsg_get_payload(message));
    switch (header->nfgen_family) {
    case NFPROTO_IPV4:
        return NftFamily::Ip;
    case NFPROTO_IPV6:
        return NftFamily::Ip6;
    case NFPROTO_INET:
        return NftFamily::Inet;
    case NFPROTO_BRIDGE:
        return NftFamily::Bridge;
    default:
        return std::nullopt;
    }
}

std::uint64_t decode_wide_number(std::span<const std::uint8_t> bytes) {
    std::uint64_t value = 0;
    for (const std::uint8_t byte : bytes) {
        value = value << 8U | byte;
    }
    return value;
}

namespace {

/// In front of the digest in a table's comment.
constexpr std::string_view kDigestLabel = "digest ";

void dump(Batch& batch, unsigned type) {
    batch.start<nfgenmsg>(nft_message_type(type), NLM_F_DUMP).nfgen_family = AF_UNSPEC;
}

std::optional<NftOwner> owner_of(const nlmsghdr* message, unsigned table_attribute) {
    const auto family = decode_nft_family(message);
    if (!family) {
        return std::nullopt;
    }
    return NftOwner{*family, Attributes(message, sizeof(nfgenmsg)).text(table_attribute)};
}

std::uint32_t big_endian(std::optional<std::uint32_t> value) {
    return ntohl(value.value_or(0));
}

std::string padded_text(std::span<const std::uint8_t> bytes) {
    std::string text(bytes.begin(), bytes.end());
    text.resize((text.size() + 3) / 4 * 4, '\0');
    return text;
}

NftVerdict verdict_of(std::uint32_t number) {
    switch (static_cast<std::int32_t>(number)) {
    case NF_DROP:
        return NftVerdict::Drop;
    case NFT_JUMP:
        return NftVerdict::Jump;
    case NFT_GOTO:
        return NftVerdict::Goto;
    case NFT_RETURN:
        return NftVerdict::Return;
    case NFT_CONTINUE:
        return NftVerdict::Continue;
    default:
        return NftVerdict::Accept;
    }
}

/// Hands the attributes of every member of a list to `each`.
template <class Each>
void each_item(std::span<const std::uint8_t> list, const Each& each) {
    const auto* item = reinterpret_cast<const nlattr*>(list.data());
    auto rest = static_cast<int>(list.size());
    while (rest > 0 && mnl_attr_ok(item, rest)) {
        each(Attributes(
            {static_cast<const std::uint8_t*>(mnl_attr_get_payload(item)),
             mnl_attr_get_payload_len(item)}));
        rest -= static_cast<int>(MNL_ALIGN(item->nla_len));
        item = mnl_attr_next(item);
    }
}

std::string in_quotes(const std::string& name) {
    return '"' + name + '"';
}

std::string describe_rule(const Attributes& attributes, unsigned type) {
    const std::string chain = "chain " + in_quotes(attributes.text(NFTA_RULE_CHAIN));
    if (type == NFT_MSG_DELRULE) {
        return "rules of " + chain;
    }
    const std::string comment = comment_in(attributes.bytes(NFTA_RULE_USERDATA));
    return (comment.empty() ? "a rule" : "rule " + in_quotes(comment)) + " in " + chain;
}

} // namespace

void encode_dump_tables(Batch& batch) {
    dump(batch, NFT_MSG_GETTABLE);
}

void encode_dump_chains(Batch& batch) {
    dump(batch, NFT_MSG_GETCHAIN);
}

void encode_dump_rules(Batch& batch) {
    dump(batch, NFT_MSG_GETRULE);
}

void encode_dump_sets(Batch& batch) {
    dump(batch, NFT_MSG_GETSET);
}

void encode_dump_elements(
    Batch& batch, NftFamily family, const std::string& table, const std::string& set) {
    batch.start<nfgenmsg>(nft_message_type(NFT_MSG_GETSETELEM), NLM_F_DUMP).nfgen_family =
        static_cast<std::uint8_t>(nft_family_number(family));
    batch.put_text(NFTA_SET_ELEM_LIST_TABLE, table);
    batch.put_text(NFTA_SET_ELEM_LIST_SET, set);
}

void encode_get_generation(Batch& batch) {
    batch.start<nfgenmsg>(nft_message_type(NFT_MSG_GETGEN), 0).nfgen_family = AF_UNSPEC;
}

std::optional<std::uint32_t> decode_generation(const nlmsghdr* message) {
    if (message->nlmsg_type != nft_message_type(NFT_MSG_NEWGEN)) {
        return std::nullopt;
    }
    return big_endian(Attributes(message, sizeof(nfgenmsg)).u32(NFTA_GEN_ID));
}

std::optional<NftTableInfo> decode_table(const nlmsghdr* message) {
    const auto family = decode_nft_family(message);
    if (!family) {
        return std::nullopt;
    }
    const Attributes attributes(message, sizeof(nfgenmsg));
    NftTableInfo info;
    info.family = *family;
    info.name = attributes.text(NFTA_TABLE_NAME);
    const auto comment = comment_in(attributes.bytes(NFTA_TABLE_USERDATA));
    if (comment.starts_with(kDigestLabel)) {
        info.digest = comment.substr(kDigestLabel.size());
    }
    return info;
}

std::optional<NftOwner> decode_chain_owner(const nlmsghdr* message) {
    return owner_of(message, NFTA_CHAIN_TABLE);
}

std::optional<NftOwner> decode_rule_owner(const nlmsghdr* message) {
    return owner_of(message, NFTA_RULE_TABLE);
}

std::optional<FoundSet> decode_set(const nlmsghdr* message) {
    auto owner = owner_of(message, NFTA_SET_TABLE);
    if (!owner) {
        return std::nullopt;
    }
    const Attributes attributes(message, sizeof(nfgenmsg));
    const auto flags = big_endian(attributes.u32(NFTA_SET_FLAGS));
    FoundSet set;
    set.owner = std::move(*owner);
    set.name = attributes.text(NFTA_SET_NAME);
    set.anonymous = (flags & NFT_SET_ANONYMOUS) != 0;
    set.counted = (flags & (NFT_SET_EVAL | NFT_SET_TIMEOUT)) == 0;
    set.interval = (flags & NFT_SET_INTERVAL) != 0;
    return set;
}

std::size_t decode_element_count(const nlmsghdr* message) {
    std::size_t count = 0;
    each_item(
        Attributes(message, sizeof(nfgenmsg)).bytes(NFTA_SET_ELEM_LIST_ELEMENTS),
        [&](const Attributes& element) {
            const auto flags = big_endian(element.u32(NFTA_SET_ELEM_FLAGS));
            count += (flags & NFT_SET_ELEM_INTERVAL_END) == 0 ? 1 : 0;
        });
    return count;
}

NftRuleInfo decode_rule(const nlmsghdr* message) {
    const Attributes attributes(message, sizeof(nfgenmsg));
    NftRuleInfo rule;
    rule.chain = attributes.text(NFTA_RULE_CHAIN);
    rule.handle = decode_wide_number(attributes.bytes(NFTA_RULE_HANDLE));
    rule.comment = comment_in(attributes.bytes(NFTA_RULE_USERDATA));
    each_item(attributes.bytes(NFTA_RULE_EXPRESSIONS), [&](const Attributes& expression) {
        if (expression.text(NFTA_EXPR_NAME) == "counter") {
            const Attributes counter = expression.nested(NFTA_EXPR_DATA);
            rule.counts = true;
            rule.packets += decode_wide_number(counter.bytes(NFTA_COUNTER_PACKETS));
            rule.bytes += decode_wide_number(counter.bytes(NFTA_COUNTER_BYTES));
        }
    });
    return rule;
}

void decode_elements(
    const nlmsghdr* message,
    const std::function<void(const NftElementInfo& element, bool end)>& each) {
    each_item(
        Attributes(message, sizeof(nfgenmsg)).bytes(NFTA_SET_ELEM_LIST_ELEMENTS),
        [&](const Attributes& item) {
            NftElementInfo info;
            NftElement& element = info.element;
            element.key = padded_text(item.nested(NFTA_SET_ELEM_KEY).bytes(NFTA_DATA_VALUE));
            if (item.has(NFTA_SET_ELEM_KEY_END)) {
                element.key +=
                    padded_text(item.nested(NFTA_SET_ELEM_KEY_END).bytes(NFTA_DATA_VALUE));
                element.range = true;
            }
            const Attributes data = item.nested(NFTA_SET_ELEM_DATA);
            element.value = padded_text(data.bytes(NFTA_DATA_VALUE));
            if (data.has(NFTA_DATA_VERDICT)) {
                const Attributes verdict = data.nested(NFTA_DATA_VERDICT);
                element.verdict = verdict_of(big_endian(verdict.u32(NFTA_VERDICT_CODE)));
                element.value = verdict.text(NFTA_VERDICT_CHAIN);
            }
            element.comment = comment_in(item.bytes(NFTA_SET_ELEM_USERDATA));
            if (item.has(NFTA_SET_ELEM_EXPIRATION)) {
                info.expires_ms = decode_wide_number(item.bytes(NFTA_SET_ELEM_EXPIRATION));
            }
            const auto flags = big_endian(item.u32(NFTA_SET_ELEM_FLAGS));
            each(info, (flags & NFT_SET_ELEM_INTERVAL_END) != 0);
        });
}

std::string describe_nft_message(const nlmsghdr* message) {
    if (message == nullptr || message->nlmsg_type >> 8U != NFNL_SUBSYS_NFTABLES) {
        return {};
    }
    const Attributes attributes(message, sizeof(nfgenmsg));
    const unsigned type = message->nlmsg_type & 0xffU;
    switch (type) {
    case NFT_MSG_NEWCHAIN:
    case NFT_MSG_DELCHAIN:
        return "chain " + in_quotes(attributes.text(NFTA_CHAIN_NAME));
    case NFT_MSG_NEWRULE:
    case NFT_MSG_DELRULE:
        return describe_rule(attributes, type);
    case NFT_MSG_NEWSET:
    case NFT_MSG_DELSET:
        return "set " + in_quotes(attributes.text(NFTA_SET_NAME));
    case NFT_MSG_NEWSETELEM:
    case NFT_MSG_DELSETELEM:
        return "elements of set " + in_quotes(attributes.text(NFTA_SET_ELEM_LIST_SET));
    default:
        return {};
    }
}

} // namespace netemu
