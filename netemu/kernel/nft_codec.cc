#include "netemu/kernel/nft_codec.h"

#include <algorithm>
#include <memory>
#include <string_view>

#include <arpa/inet.h> // before <linux/in.h>, which gives way to it
#include <libmnl/libmnl.h>
#include <libnftnl/table.h>
#include <libnftnl/udata.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>

#include "netemu/base/error.h"
#include "netemu/kernel/nft_rule.h"
#include "netemu/kernel/nft_set_codec.h"

namespace netemu {

namespace {

struct FreeTable {
    void operator()(nftnl_table* table) const noexcept { nftnl_table_free(table); }
    void operator()(nftnl_udata_buf* data) const noexcept { nftnl_udata_buf_free(data); }
};
using TableHandle = std::unique_ptr<nftnl_table, FreeTable>;
using UdataHandle = std::unique_ptr<nftnl_udata_buf, FreeTable>;

TableHandle make_table(NftFamily family, const std::string& name) {
    TableHandle table(nftnl_table_alloc());
    nftnl_table_set_u32(table.get(), NFTNL_TABLE_FAMILY, nft_family_number(family));
    nftnl_table_set_str(table.get(), NFTNL_TABLE_NAME, name.c_str());
    return table;
}

void set_digest(nftnl_table& table, const std::string& digest) {
    const UdataHandle data(nftnl_udata_buf_alloc(NFTNL_UDATA_COMMENT_MAXLEN * 2));
    const std::string comment = "digest " + digest;
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

/// Messages about the objects of one table.
class TableWriter {
public:
    TableWriter(NftProgram& program, NftFamily family, const std::string& table)
        : program_(program), batch_(program.batch()), family_(family), table_(table) {}

    void table(unsigned type, unsigned flags, const nftnl_table* handle) {
        nlmsghdr* header = program_.start_foreign(type, flags, family_);
        nftnl_table_nlmsg_build_payload(header, handle);
        batch_.finish_foreign();
    }

    void sets(const std::vector<NftSet>& sets) {
        for (const NftSet& set : sets) {
            program_.may_split();
            put_set(program_, family_, table_, set);
        }
    }

    void elements(const std::vector<NftSet>& sets) {
        for (const NftSet& set : sets) {
            put_elements(program_, family_, table_, set);
        }
    }

    void remove_elements(const std::vector<NftSet>& sets) {
        for (const NftSet& set : sets) {
            put_removed_elements(program_, family_, table_, set);
        }
    }

    void chain(const NftChain& chain) {
        program_.may_split();
        chain_message(NFT_MSG_NEWCHAIN, NLM_F_CREATE, chain.name);
        if (!chain.base) {
            return;
        }
        const NftBase& base = *chain.base;
        {
            const Batch::Nest hook(batch_, NFTA_CHAIN_HOOK | NLA_F_NESTED);
            batch_.put_be32(NFTA_HOOK_HOOKNUM, hook_number(base.hook));
            batch_.put_be32(NFTA_HOOK_PRIORITY, static_cast<std::uint32_t>(base.priority));
        }
        const bool drops = base.policy == NftVerdict::Drop;
        batch_.put_be32(NFTA_CHAIN_POLICY, drops ? NF_DROP : NF_ACCEPT);
        batch_.put_text(NFTA_CHAIN_TYPE, base.type);
    }

    void rules(const NftChain& chain) {
        for (const NftRule& rule : chain.rules) {
            program_.may_split();
            put_rule(program_, family_, table_, chain.name, rule);
        }
    }

    void flush_chain(const std::string& name) {
        program_.may_split();
        program_.start(NFT_MSG_DELRULE, 0, family_);
        batch_.put_text(NFTA_RULE_TABLE, table_);
        batch_.put_text(NFTA_RULE_CHAIN, name);
    }

    void delete_chain(const std::string& name) {
        program_.may_split();
        chain_message(NFT_MSG_DELCHAIN, 0, name);
    }

    void delete_set(const std::string& name) {
        program_.may_split();
        put_deleted_set(program_, family_, table_, name);
    }

private:
    void chain_message(unsigned type, unsigned flags, const std::string& name) {
        program_.start(type, flags, family_);
        batch_.put_text(NFTA_CHAIN_TABLE, table_);
        batch_.put_text(NFTA_CHAIN_NAME, name);
    }

    NftProgram& program_;
    Batch& batch_;
    NftFamily family_;
    const std::string& table_;
};

/// Hands every list of chains of the table, its own and those of parts, to `each`.
template <class Each>
void each_chain(const NftTable& table, bool base, const Each& each) {
    const auto walk = [&](const std::vector<NftChain>& chains) {
        for (const NftChain& chain : chains) {
            if (chain.base.has_value() == base) {
                each(chain);
            }
        }
    };
    walk(table.chains);
    for (const NftPartPtr& part : table.parts) {
        walk(part->contents().chains);
    }
}

/// The elements that parts contribute to sets of the table, joined into long lists.
std::vector<NftSet> elements_of_parts(const NftTable& table) {
    std::vector<NftSet> sets;
    for (const NftSet& set : table.sets) {
        NftSet bare = set;
        bare.elements.clear();
        sets.push_back(std::move(bare));
    }
    for (const NftPartPtr& part : table.parts) {
        for (const NftElements& list : part->contents().elements) {
            const auto found = std::find_if(sets.begin(), sets.end(), [&](const NftSet& each) {
                return each.name == list.set;
            });
            if (found == sets.end()) {
                throw Error("elements of a set that the table does not declare: " + list.set);
            }
            found->elements.insert(
                found->elements.end(), list.elements.begin(), list.elements.end());
        }
    }
    return sets;
}

void put_contents(TableWriter& write, NftProgram& program, const NftTable& table) {
    write.sets(table.sets);
    for (const NftPartPtr& part : table.parts) {
        write.sets(part->contents().sets);
    }
    each_chain(table, false, [&](const NftChain& chain) { write.chain(chain); });
    each_chain(table, false, [&](const NftChain& chain) { write.rules(chain); });
    write.elements(table.sets);
    for (const NftPartPtr& part : table.parts) {
        write.elements(part->contents().sets);
    }
    write.elements(elements_of_parts(table));
    // While nothing is hooked in, the kernel need not check where every jump leads.
    program.may_split();
    program.keep_together();
    each_chain(table, true, [&](const NftChain& chain) { write.chain(chain); });
    each_chain(table, true, [&](const NftChain& chain) { write.rules(chain); });
}

} // namespace

NftProgram encode_replace_table(const NftTable& table) {
    const TableHandle bare = make_table(table.family, table.name);
    const TableHandle full = make_table(table.family, table.name);
    set_digest(*full, table_digest(table));
    NftProgram program;
    TableWriter write(program, table.family, table.name);
    // "add" first, since "delete" of what is not there is an error.
    write.table(NFT_MSG_NEWTABLE, NLM_F_CREATE, bare.get());
    write.table(NFT_MSG_DELTABLE, 0, bare.get());
    write.table(NFT_MSG_NEWTABLE, NLM_F_CREATE, full.get());
    put_contents(write, program, table);
    program.close();
    return program;
}

NftProgram encode_owned_table(const NftTable& table) {
    constexpr std::uint32_t kOwner = 2; // NFT_TABLE_F_OWNER of linux/netfilter/nf_tables.h
    const TableHandle owned = make_table(table.family, table.name);
    nftnl_table_set_u32(owned.get(), NFTNL_TABLE_FLAGS, kOwner);
    NftProgram program;
    TableWriter write(program, table.family, table.name);
    write.table(NFT_MSG_NEWTABLE, NLM_F_CREATE | NLM_F_EXCL, owned.get());
    put_contents(write, program, table);
    program.close();
    return program;
}

NftProgram encode_change_table(const NftChange& change) {
    NftProgram program;
    TableWriter write(program, change.family, change.table);
    write.sets(change.added_sets);
    for (const NftChain& chain : change.added_chains) {
        write.chain(chain);
    }
    write.remove_elements(change.removed_elements);
    for (const NftChain& chain : change.refilled_chains) {
        write.flush_chain(chain.name);
    }
    for (const std::string& name : change.flushed_chains) {
        write.flush_chain(name);
    }
    for (const NftChain& chain : change.refilled_chains) {
        write.rules(chain);
    }
    for (const NftChain& chain : change.added_chains) {
        write.rules(chain);
    }
    write.elements(change.added_sets);
    write.elements(change.added_elements);
    for (const std::string& name : change.deleted_sets) {
        write.delete_set(name);
    }
    for (const std::string& name : change.deleted_chains) {
        write.delete_chain(name);
    }
    program.close();
    return program;
}

NftProgram encode_delete_table(NftFamily family, const std::string& name) {
    const TableHandle table = make_table(family, name);
    NftProgram program;
    TableWriter(program, family, name).table(NFT_MSG_DELTABLE, 0, table.get());
    program.close();
    return program;
}

} // namespace netemu
