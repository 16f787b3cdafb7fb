#include "netemu/kernel/nft_codec.h"

#include <memory>
#include <string_view>

#include <arpa/inet.h>
#include <libmnl/libmnl.h>
#include <libnftnl/chain.h>
#include <libnftnl/table.h>
#include <libnftnl/udata.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>

#include "netemu/base/error.h"
#include "netemu/kernel/attributes.h"
#include "netemu/kernel/nft_rule.h"

namespace netemu {

namespace {

struct Free {
    void operator()(nftnl_table* table) const noexcept { nftnl_table_free(table); }
    void operator()(nftnl_chain* chain) const noexcept { nftnl_chain_free(chain); }
    void operator()(nftnl_udata_buf* data) const noexcept { nftnl_udata_buf_free(data); }
};
using TableHandle = std::unique_ptr<nftnl_table, Free>;
using ChainHandle = std::unique_ptr<nftnl_chain, Free>;
using UdataHandle = std::unique_ptr<nftnl_udata_buf, Free>;

/// In front of the digest in a table's comment.
constexpr std::string_view kDigestLabel = "digest ";

unsigned message_type(unsigned type) {
    return (NFNL_SUBSYS_NFTABLES << 8U) | type;
}

/// A transaction: what it encloses is carried out whole or not at all.
class Transaction {
public:
    explicit Transaction(Batch& batch) : batch_(batch) { mark(NFNL_MSG_BATCH_BEGIN); }
    Transaction(const Transaction&) = delete;
    Transaction& operator=(const Transaction&) = delete;
    ~Transaction() { mark(NFNL_MSG_BATCH_END); }

    /// A message whose attributes `fill` writes through libnftnl.
    template <class Fill>
    void message(unsigned type, unsigned flags, NftFamily family, const Fill& fill) {
        nlmsghdr* header = batch_.start_foreign(message_type(type), flags);
        auto* family_header =
            static_cast<nfgenmsg*>(mnl_nlmsg_put_extra_header(header, sizeof(nfgenmsg)));
        family_header->nfgen_family = static_cast<std::uint8_t>(nft_family_number(family));
        fill(header);
        batch_.finish_foreign();
    }

private:
    void mark(unsigned type) {
        auto& header = batch_.start<nfgenmsg>(type, 0);
        header.nfgen_family = AF_UNSPEC;
        header.res_id = htons(NFNL_SUBSYS_NFTABLES);
    }

    Batch& batch_;
};

TableHandle make_table(NftFamily family, const std::string& name) {
    TableHandle table(nftnl_table_alloc());
    nftnl_table_set_u32(table.get(), NFTNL_TABLE_FAMILY, nft_family_number(family));
    nftnl_table_set_str(table.get(), NFTNL_TABLE_NAME, name.c_str());
    return table;
}

void set_digest(nftnl_table& table, const std::string& digest) {
    const UdataHandle data(nftnl_udata_buf_alloc(NFTNL_UDATA_COMMENT_MAXLEN * 2));
    const std::string comment = std::string(kDigestLabel) + digest;
    nftnl_udata_put_strz(data.get(), NFTNL_UDATA_TABLE_COMMENT, comment.c_str());
    nftnl_table_set_data(
        &table,
        NFTNL_TABLE_USERDATA,
        nftnl_udata_buf_data(data.get()),
        nftnl_udata_buf_len(data.get()));
}

unsigned hook_number(NftHook hook) {
    switch (hook) {
    case NftHook::Prerouting:
        return NF_INET_PRE_ROUTING;
    case NftHook::Input:
        return NF_INET_LOCAL_IN;
    case NftHook::Forward:
        return NF_INET_FORWARD;
    case NftHook::Output:
        return NF_INET_LOCAL_OUT;
    case NftHook::Postrouting:
        return NF_INET_POST_ROUTING;
    }
    throw Error("unknown nftables hook");
}

ChainHandle make_chain(const NftTable& table, const NftChain& chain) {
    ChainHandle handle(nftnl_chain_alloc());
    nftnl_chain_set_u32(handle.get(), NFTNL_CHAIN_FAMILY, nft_family_number(table.family));
    nftnl_chain_set_str(handle.get(), NFTNL_CHAIN_TABLE, table.name.c_str());
    nftnl_chain_set_str(handle.get(), NFTNL_CHAIN_NAME, chain.name.c_str());
    if (chain.base) {
        const NftBase& base = *chain.base;
        const bool drops = base.policy == NftVerdict::Drop;
        nftnl_chain_set_str(handle.get(), NFTNL_CHAIN_TYPE, base.type.c_str());
        nftnl_chain_set_u32(handle.get(), NFTNL_CHAIN_HOOKNUM, hook_number(base.hook));
        nftnl_chain_set_s32(handle.get(), NFTNL_CHAIN_PRIO, base.priority);
        nftnl_chain_set_u32(handle.get(), NFTNL_CHAIN_POLICY, drops ? NF_DROP : NF_ACCEPT);
    }
    return handle;
}

std::optional<NftFamily> family_of(const nlmsghdr* message) {
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

/// The user data of a table is a list of (type, length, value) of one byte, one byte, and as many
/// as said.
std::string digest_in(std::span<const std::uint8_t> data) {
    while (data.size() >= 2 && data.size() >= std::size_t{2} + data[1]) {
        const auto value = data.subspan(2, data[1]);
        if (data[0] == NFTNL_UDATA_TABLE_COMMENT && !value.empty()) {
            const std::string comment(value.begin(), value.end() - 1);
            return comment.starts_with(kDigestLabel) ? comment.substr(kDigestLabel.size()) : "";
        }
        data = data.subspan(std::size_t{2} + data[1]);
    }
    return {};
}

void dump(Batch& batch, unsigned type) {
    batch.start<nfgenmsg>(message_type(type), NLM_F_DUMP).nfgen_family = AF_UNSPEC;
}

} // namespace

void encode_replace_table(Batch& batch, const NftTable& table) {
    const TableHandle bare = make_table(table.family, table.name);
    const TableHandle full = make_table(table.family, table.name);
    set_digest(*full, table_digest(table));
    Transaction transaction(batch);
    const auto put_table = [&](unsigned type, unsigned flags, const nftnl_table* handle) {
        transaction.message(type, flags, table.family, [&](nlmsghdr* header) {
            nftnl_table_nlmsg_build_payload(header, handle);
        });
    };
    // "add" first, since "delete" of what is not there is an error.
    put_table(NFT_MSG_NEWTABLE, NLM_F_CREATE, bare.get());
    put_table(NFT_MSG_DELTABLE, 0, bare.get());
    put_table(NFT_MSG_NEWTABLE, NLM_F_CREATE, full.get());
    for (const NftChain& chain : table.chains) {
        const auto handle = make_chain(table, chain);
        transaction.message(NFT_MSG_NEWCHAIN, NLM_F_CREATE, table.family, [&](nlmsghdr* header) {
            nftnl_chain_nlmsg_build_payload(header, handle.get());
        });
    }
    for (const NftChain& chain : table.chains) { // all chains are there by now, for the jumps
        for (const NftRule& rule : chain.rules) {
            constexpr unsigned kFlags = NLM_F_CREATE | NLM_F_APPEND;
            transaction.message(NFT_MSG_NEWRULE, kFlags, table.family, [&](nlmsghdr* header) {
                put_rule(header, table, chain.name, rule);
            });
        }
    }
}

void encode_delete_table(Batch& batch, NftFamily family, const std::string& name) {
    const TableHandle table = make_table(family, name);
    Transaction transaction(batch);
    transaction.message(NFT_MSG_DELTABLE, 0, family, [&](nlmsghdr* header) {
        nftnl_table_nlmsg_build_payload(header, table.get());
    });
}

void encode_dump_tables(Batch& batch) {
    dump(batch, NFT_MSG_GETTABLE);
}

void encode_dump_rules(Batch& batch) {
    dump(batch, NFT_MSG_GETRULE);
}

std::optional<NftTableInfo> decode_table(const nlmsghdr* message) {
    const auto family = family_of(message);
    if (!family) {
        return std::nullopt;
    }
    const Attributes attributes(message, sizeof(nfgenmsg));
    NftTableInfo info;
    info.family = *family;
    info.name = attributes.text(NFTA_TABLE_NAME);
    info.digest = digest_in(attributes.bytes(NFTA_TABLE_USERDATA));
    return info;
}

std::optional<RuleOwner> decode_rule_owner(const nlmsghdr* message) {
    const auto family = family_of(message);
    if (!family) {
        return std::nullopt;
    }
    const Attributes attributes(message, sizeof(nfgenmsg));
    return RuleOwner{*family, attributes.text(NFTA_RULE_TABLE)};
}

} // namespace netemu
