#include "netemu/kernel/nft_rule.h"

#include <array>
#include <memory>

#include <arpa/inet.h>
#include <libnftnl/expr.h>
#include <libnftnl/rule.h>
#include <libnftnl/udata.h>
#include <linux/if_ether.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <net/if.h>

#include "netemu/base/error.h"

namespace netemu {

namespace {

struct FreeRule {
    void operator()(nftnl_rule* rule) const noexcept { nftnl_rule_free(rule); }
    void operator()(nftnl_udata_buf* data) const noexcept { nftnl_udata_buf_free(data); }
};
using RuleHandle = std::unique_ptr<nftnl_rule, FreeRule>;
using RuleUdata = std::unique_ptr<nftnl_udata_buf, FreeRule>;

constexpr unsigned kBitsPerByte = 8;

/// Appends the expressions of one rule, in the order of its statements.
class RuleBuilder {
public:
    RuleBuilder(nftnl_rule& rule, NftFamily family) : rule_(rule), family_(family) {}

    void operator()(const NftMatchAddress& match) {
        const IpPrefix prefix = match.prefix.network();
        const Family family = prefix.address.family();
        require_family(family);
        if (prefix.length == 0 && !match.negate) {
            return; // every address; the family alone decides
        }
        const bool source = match.field == NftMatchAddress::Field::Source;
        const unsigned v4_offset = source ? 12 : 16; // RFC 791, section 3.1
        const unsigned v6_offset = source ? 8 : 24;  // RFC 8200, section 3
        const unsigned offset = family == Family::V4 ? v4_offset : v6_offset;
        const bool whole_bytes = prefix.length > 0 && prefix.length % kBitsPerByte == 0;
        // As nft does: a prefix of whole bytes needs no mask, only a shorter comparison.
        const auto length = whole_bytes ? static_cast<unsigned>(prefix.length / kBitsPerByte)
                                        : static_cast<unsigned>(prefix.address.size());
        load_payload(offset, length);
        if (!whole_bytes) {
            mask(prefix);
        }
        compare(match.negate, prefix.address.bytes(), length);
    }

    void operator()(const NftMatchInterface& match) {
        std::array<char, IFNAMSIZ> name{}; // all of it is compared: an exact name
        if (match.name.empty() || match.name.size() >= name.size()) {
            throw Error("interface name \"" + match.name + "\" in a rule has a bad length");
        }
        match.name.copy(name.data(), name.size() - 1);
        const bool input = match.direction == NftMatchInterface::Direction::Input;
        load_meta(input ? NFT_META_IIFNAME : NFT_META_OIFNAME);
        compare(match.negate, name.data(), name.size());
    }

    void operator()(const NftCounter&) { add("counter"); }

    void operator()(const NftMasquerade&) { add("masq"); }

    void operator()(const NftSetVerdict& statement) {
        nftnl_expr* immediate = add("immediate");
        nftnl_expr_set_u32(immediate, NFTNL_EXPR_IMM_DREG, NFT_REG_VERDICT);
        const auto verdict = static_cast<std::uint32_t>(verdict_number(statement.verdict));
        nftnl_expr_set_u32(immediate, NFTNL_EXPR_IMM_VERDICT, verdict);
        if (!statement.chain.empty()) {
            nftnl_expr_set_str(immediate, NFTNL_EXPR_IMM_CHAIN, statement.chain.c_str());
        }
    }

private:
    static int verdict_number(NftVerdict verdict) {
        switch (verdict) {
        case NftVerdict::Accept:
            return NF_ACCEPT;
        case NftVerdict::Drop:
            return NF_DROP;
        case NftVerdict::Jump:
            return NFT_JUMP;
        case NftVerdict::Goto:
            return NFT_GOTO;
        case NftVerdict::Return:
            return NFT_RETURN;
        }
        throw Error("unknown verdict");
    }

    nftnl_expr* add(const char* name) {
        nftnl_expr* expression = nftnl_expr_alloc(name);
        if (expression == nullptr) {
            throw Error(std::string("libnftnl has no expression \"") + name + '"');
        }
        nftnl_rule_add_expr(&rule_, expression);
        return expression;
    }

    void load_payload(unsigned offset, unsigned length) {
        nftnl_expr* payload = add("payload");
        nftnl_expr_set_u32(payload, NFTNL_EXPR_PAYLOAD_DREG, NFT_REG_1);
        nftnl_expr_set_u32(payload, NFTNL_EXPR_PAYLOAD_BASE, NFT_PAYLOAD_NETWORK_HEADER);
        nftnl_expr_set_u32(payload, NFTNL_EXPR_PAYLOAD_OFFSET, offset);
        nftnl_expr_set_u32(payload, NFTNL_EXPR_PAYLOAD_LEN, length);
    }

    void load_meta(std::uint32_t key) {
        nftnl_expr* meta = add("meta");
        nftnl_expr_set_u32(meta, NFTNL_EXPR_META_KEY, key);
        nftnl_expr_set_u32(meta, NFTNL_EXPR_META_DREG, NFT_REG_1);
    }

    void mask(const IpPrefix& prefix) {
        std::array<std::uint8_t, 16> ones{};
        for (unsigned bit = 0; bit < prefix.length; ++bit) {
            ones.at(bit / kBitsPerByte) |= static_cast<std::uint8_t>(0x80U >> (bit % kBitsPerByte));
        }
        const std::array<std::uint8_t, 16> zeros{};
        const auto length = static_cast<std::uint32_t>(prefix.address.size());
        nftnl_expr* bitwise = add("bitwise");
        nftnl_expr_set_u32(bitwise, NFTNL_EXPR_BITWISE_SREG, NFT_REG_1);
        nftnl_expr_set_u32(bitwise, NFTNL_EXPR_BITWISE_DREG, NFT_REG_1);
        nftnl_expr_set_u32(bitwise, NFTNL_EXPR_BITWISE_LEN, length);
        nftnl_expr_set(bitwise, NFTNL_EXPR_BITWISE_MASK, ones.data(), length);
        nftnl_expr_set(bitwise, NFTNL_EXPR_BITWISE_XOR, zeros.data(), length);
    }

    void compare(bool negate, const void* data, std::size_t length) {
        nftnl_expr* compare = add("cmp");
        nftnl_expr_set_u32(compare, NFTNL_EXPR_CMP_SREG, NFT_REG_1);
        nftnl_expr_set_u32(compare, NFTNL_EXPR_CMP_OP, negate ? NFT_CMP_NEQ : NFT_CMP_EQ);
        nftnl_expr_set(compare, NFTNL_EXPR_CMP_DATA, data, static_cast<std::uint32_t>(length));
    }

    /// Tables that see more than one protocol must check it before they look at a header.
    void require_family(Family family) {
        if (family_ == NftFamily::Ip || family_ == NftFamily::Ip6) {
            if ((family_ == NftFamily::Ip) != (family == Family::V4)) {
                throw Error("a rule matches an address that its table's family never sees");
            }
            return;
        }
        bool& checked = checked_.at(family == Family::V4 ? 0 : 1);
        if (checked) {
            return;
        }
        checked = true;
        if (family_ == NftFamily::Inet) {
            const std::uint8_t number = family == Family::V4 ? NFPROTO_IPV4 : NFPROTO_IPV6;
            load_meta(NFT_META_NFPROTO);
            compare(false, &number, sizeof number);
            return;
        }
        const std::uint16_t type = htons(family == Family::V4 ? ETH_P_IP : ETH_P_IPV6);
        load_meta(NFT_META_PROTOCOL);
        compare(false, &type, sizeof type);
    }

    nftnl_rule& rule_;
    NftFamily family_;
    std::array<bool, 2> checked_{}; // IPv4, IPv6
};

void set_comment(nftnl_rule& rule, const std::string& comment) {
    const RuleUdata data(nftnl_udata_buf_alloc(NFTNL_UDATA_COMMENT_MAXLEN * 2));
    if (comment.size() >= NFTNL_UDATA_COMMENT_MAXLEN ||
        !nftnl_udata_put_strz(data.get(), NFTNL_UDATA_RULE_COMMENT, comment.c_str())) {
        throw Error("the comment of a rule is too long: " + comment);
    }
    nftnl_rule_set_data(
        &rule,
        NFTNL_RULE_USERDATA,
        nftnl_udata_buf_data(data.get()),
        nftnl_udata_buf_len(data.get()));
}

} // namespace

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

void put_rule(
    nlmsghdr* message, const NftTable& table, const std::string& chain, const NftRule& rule) {
    const RuleHandle handle(nftnl_rule_alloc());
    nftnl_rule_set_u32(handle.get(), NFTNL_RULE_FAMILY, nft_family_number(table.family));
    nftnl_rule_set_str(handle.get(), NFTNL_RULE_TABLE, table.name.c_str());
    nftnl_rule_set_str(handle.get(), NFTNL_RULE_CHAIN, chain.c_str());
    RuleBuilder builder(*handle, table.family);
    for (const NftStatement& statement : rule.statements) {
        std::visit(builder, statement);
    }
    if (!rule.comment.empty()) {
        set_comment(*handle, rule.comment);
    }
    nftnl_rule_nlmsg_build_payload(message, handle.get());
}

} // namespace netemu
