#include "netemu/kernel/nft_program.h"

#include <arpa/inet.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>

#include "netemu/base/error.h"

namespace netemu {

NftProgram::NftProgram() {
    mark(NFNL_MSG_BATCH_BEGIN);
    body_ = batch_.bytes().size();
}

void NftProgram::mark(unsigned type) {
    auto& header = batch_.start<nfgenmsg>(type, 0);
    header.nfgen_family = AF_UNSPEC;
    header.res_id = htons(NFNL_SUBSYS_NFTABLES);
}

void NftProgram::start(unsigned type, unsigned flags, NftFamily family) {
    auto& header = batch_.start<nfgenmsg>(nft_message_type(type), flags);
    header.nfgen_family = static_cast<std::uint8_t>(nft_family_number(family));
}

nlmsghdr* NftProgram::start_foreign(unsigned type, unsigned flags, NftFamily family) {
    nlmsghdr* header = batch_.start_foreign(nft_message_type(type), flags);
    auto* family_header =
        static_cast<nfgenmsg*>(mnl_nlmsg_put_extra_header(header, sizeof(nfgenmsg)));
    family_header->nfgen_family = static_cast<std::uint8_t>(nft_family_number(family));
    return header;
}

void NftProgram::may_split() {
    if (!together_) {
        splits_.push_back({batch_.bytes().size(), batch_.messages()});
    }
}

void NftProgram::close() {
    closing_ = batch_.bytes().size();
    splits_.push_back({closing_, batch_.messages()});
    mark(NFNL_MSG_BATCH_END);
}

std::vector<NftProgram::Piece>
NftProgram::pieces(std::size_t bytes_max, std::size_t messages_max) const {
    const std::size_t room = bytes_max - opening().size() - closing().size();
    std::vector<Piece> pieces;
    Split begin{body_, 1};
    Split last = begin;
    for (const Split& split : splits_) {
        const bool full =
            split.at - begin.at > room || split.messages - begin.messages > messages_max;
        if (full && last.at != begin.at) {
            pieces.push_back({begin.at, last.at});
            begin = last;
        }
        last = split;
    }
    pieces.push_back({begin.at, closing_});
    return pieces;
}

std::span<const char> NftProgram::opening() const {
    return batch_.bytes().first(body_);
}

std::span<const char> NftProgram::closing() const {
    return batch_.bytes().subspan(closing_);
}

std::span<const char> NftProgram::bytes_of(const Piece& piece) const {
    return batch_.bytes().subspan(piece.begin, piece.end - piece.begin);
}

unsigned nft_message_type(unsigned type) {
    return (NFNL_SUBSYS_NFTABLES << 8U) | type;
}

unsigned nft_family_number(NftFamily family) {
    switch (family) {
    case NftFamily::Ip:
        return NFPROTO_IPV4;
    case NftFamily::Ip6:
        return NFPROTO_IPV6;
    case NftFamily::Inet:
        return NFPROTO_INET;
    case NftFamily::Bridge:
        return NFPROTO_BRIDGE;
    }
    throw Error("unknown nftables family");
}

} // namespace netemu
