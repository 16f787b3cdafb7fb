#pragma once

#include <memory>

#include <libnftnl/chain.h>
#include <libnftnl/expr.h>
#include <libnftnl/rule.h>
#include <libnftnl/table.h>
#include <libnftnl/udata.h>

/// Owners of libnftnl's objects. For the nftables files of this room only.
namespace netemu {

template <auto Free>
struct NftFree {
    template <class T>
    void operator()(T* object) const noexcept {
        Free(object);
    }
};

using NftTableHandle = std::unique_ptr<nftnl_table, NftFree<nftnl_table_free>>;
using NftChainHandle = std::unique_ptr<nftnl_chain, NftFree<nftnl_chain_free>>;
using NftRuleHandle = std::unique_ptr<nftnl_rule, NftFree<nftnl_rule_free>>;
using NftUdataHandle = std::unique_ptr<nftnl_udata_buf, NftFree<nftnl_udata_buf_free>>;

} // namespace netemu
