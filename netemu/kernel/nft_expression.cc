#include "netemu/kernel/nft_expression.h"

#include <arpa/inet.h> // before <linux/in.h>, which gives way to it
#include <linux/netfilter.h>
#include <linux/netfilter/nf_nat.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netlink.h>

namespace netemu {

namespace {

constexpr std::uint64_t kMillisecondsPerSecond = 1000;

/// An expression whose attributes are put while it lives.
class OpenExpression {
public:
    OpenExpression(Batch& batch, std::string_view name)
        : item_(batch, NFTA_LIST_ELEM | NLA_F_NESTED), data_(named(batch, name)) {}

private:
    static Batch& named(Batch& batch, std::string_view name) {
        // Without the zero at the end, which the kernel would take off again for each name that it
        // compares this one with.
        batch.put(
            NFTA_EXPR_NAME, {reinterpret_cast<const std::uint8_t*>(name.data()), name.size()});
        return batch;
    }
    struct Data : Batch::Nest {
        explicit Data(Batch& batch) : Nest(batch, NFTA_EXPR_DATA | NLA_F_NESTED) {}
    };

    Batch::Nest item_;
    Data data_;
};

/// The number of a register in 4-byte units. Those that begin a 16-byte one have its number, as
/// nft(8) writes them.
std::uint32_t register_number(unsigned at) {
    constexpr unsigned kUnits = 4;
    return (at % kUnits == 0 ? NFT_REG_1 + at / kUnits : NFT_REG32_00 + at);
}

void put_value(Batch& batch, unsigned attribute, std::span<const std::uint8_t> bytes) {
    const Batch::Nest nest(batch, attribute | NLA_F_NESTED);
    batch.put(NFTA_DATA_VALUE, bytes);
}

} // namespace

void NftExpressions::load_payload(Header header, unsigned offset, unsigned length, unsigned to) {
    const OpenExpression open(batch_, "payload");
    batch_.put_be32(NFTA_PAYLOAD_DREG, register_number(to));
    batch_.put_be32(NFTA_PAYLOAD_BASE, static_cast<std::uint32_t>(header));
    batch_.put_be32(NFTA_PAYLOAD_OFFSET, offset);
    batch_.put_be32(NFTA_PAYLOAD_LEN, length);
}

void NftExpressions::load_meta(std::uint32_t key, unsigned to) {
    const OpenExpression open(batch_, "meta");
    batch_.put_be32(NFTA_META_KEY, key);
    batch_.put_be32(NFTA_META_DREG, register_number(to));
}

void NftExpressions::load_ct_state() {
    const OpenExpression open(batch_, "ct");
    batch_.put_be32(NFTA_CT_KEY, NFT_CT_STATE);
    batch_.put_be32(NFTA_CT_DREG, register_number(0));
}

void NftExpressions::load_fib_type(bool of_source) {
    const OpenExpression open(batch_, "fib");
    batch_.put_be32(NFTA_FIB_DREG, register_number(0));
    batch_.put_be32(NFTA_FIB_RESULT, NFT_FIB_RESULT_ADDRTYPE);
    batch_.put_be32(NFTA_FIB_FLAGS, of_source ? NFTA_FIB_F_SADDR : NFTA_FIB_F_DADDR);
}

void NftExpressions::load_random(std::uint32_t modulus, unsigned to) {
    const OpenExpression open(batch_, "numgen");
    batch_.put_be32(NFTA_NG_DREG, register_number(to));
    batch_.put_be32(NFTA_NG_MODULUS, modulus);
    batch_.put_be32(NFTA_NG_TYPE, NFT_NG_RANDOM);
    batch_.put_be32(NFTA_NG_OFFSET, 0);
}

void NftExpressions::load_bytes(std::span<const std::uint8_t> bytes, unsigned to) {
    const OpenExpression open(batch_, "immediate");
    batch_.put_be32(NFTA_IMMEDIATE_DREG, register_number(to));
    put_value(batch_, NFTA_IMMEDIATE_DATA, bytes);
}

void NftExpressions::bitwise(
    std::span<const std::uint8_t> mask, std::span<const std::uint8_t> flip) {
    const OpenExpression open(batch_, "bitwise");
    batch_.put_be32(NFTA_BITWISE_SREG, register_number(0));
    batch_.put_be32(NFTA_BITWISE_DREG, register_number(0));
    batch_.put_be32(NFTA_BITWISE_LEN, static_cast<std::uint32_t>(mask.size()));
    put_value(batch_, NFTA_BITWISE_MASK, mask);
    put_value(batch_, NFTA_BITWISE_XOR, flip);
}

void NftExpressions::compare(Compare how, std::span<const std::uint8_t> bytes) {
    static constexpr std::uint32_t kOperations[] = {
        NFT_CMP_EQ, NFT_CMP_NEQ, NFT_CMP_GTE, NFT_CMP_LTE};
    const OpenExpression open(batch_, "cmp");
    batch_.put_be32(NFTA_CMP_SREG, register_number(0));
    batch_.put_be32(NFTA_CMP_OP, kOperations[static_cast<std::size_t>(how)]);
    put_value(batch_, NFTA_CMP_DATA, bytes);
}

void NftExpressions::outside(
    std::span<const std::uint8_t> first, std::span<const std::uint8_t> last) {
    const OpenExpression open(batch_, "range");
    batch_.put_be32(NFTA_RANGE_SREG, register_number(0));
    batch_.put_be32(NFTA_RANGE_OP, NFT_RANGE_NEQ);
    put_value(batch_, NFTA_RANGE_FROM_DATA, first);
    put_value(batch_, NFTA_RANGE_TO_DATA, last);
}

void NftExpressions::lookup(std::string_view set, std::uint32_t id, bool invert) {
    const OpenExpression open(batch_, "lookup");
    batch_.put_text(NFTA_LOOKUP_SET, set);
    batch_.put_be32(NFTA_LOOKUP_SREG, register_number(0));
    if (id != 0) {
        batch_.put_be32(NFTA_LOOKUP_SET_ID, id);
    }
    if (invert) {
        batch_.put_be32(NFTA_LOOKUP_FLAGS, NFT_LOOKUP_F_INV);
    }
}

void NftExpressions::lookup_map(std::string_view map, std::uint32_t id, Result result) {
    const OpenExpression open(batch_, "lookup");
    const bool verdict = result == Result::Verdict;
    batch_.put_text(NFTA_LOOKUP_SET, map);
    batch_.put_be32(NFTA_LOOKUP_SREG, register_number(0));
    batch_.put_be32(
        NFTA_LOOKUP_DREG, verdict ? std::uint32_t{NFT_REG_VERDICT} : register_number(0));
    if (id != 0) {
        batch_.put_be32(NFTA_LOOKUP_SET_ID, id);
    }
}

void NftExpressions::verdict(NftVerdict verdict, const std::string& chain) {
    const OpenExpression open(batch_, "immediate");
    batch_.put_be32(NFTA_IMMEDIATE_DREG, NFT_REG_VERDICT);
    const Batch::Nest data(batch_, NFTA_IMMEDIATE_DATA | NLA_F_NESTED);
    const Batch::Nest value(batch_, NFTA_DATA_VERDICT | NLA_F_NESTED);
    batch_.put_be32(NFTA_VERDICT_CODE, nft_verdict_number(verdict));
    if (!chain.empty()) {
        batch_.put_text(NFTA_VERDICT_CHAIN, chain);
    }
}

void NftExpressions::counter() {
    const OpenExpression open(batch_, "counter");
}

void NftExpressions::log(const std::string& prefix) {
    const OpenExpression open(batch_, "log");
    if (!prefix.empty()) {
        batch_.put_text(NFTA_LOG_PREFIX, prefix);
    }
}

void NftExpressions::log(const std::string& prefix, std::uint16_t group, std::uint32_t snaplen) {
    const OpenExpression open(batch_, "log");
    batch_.put_be16(NFTA_LOG_GROUP, group);
    if (!prefix.empty()) {
        batch_.put_text(NFTA_LOG_PREFIX, prefix);
    }
    if (snaplen != 0) {
        batch_.put_be32(NFTA_LOG_SNAPLEN, snaplen);
    }
}

void NftExpressions::set_meta(std::uint32_t key) {
    const OpenExpression open(batch_, "meta");
    batch_.put_be32(NFTA_META_KEY, key);
    batch_.put_be32(NFTA_META_SREG, register_number(0));
}

void NftExpressions::write_link_header(unsigned offset, unsigned length) {
    const OpenExpression open(batch_, "payload");
    batch_.put_be32(NFTA_PAYLOAD_SREG, register_number(0));
    batch_.put_be32(NFTA_PAYLOAD_BASE, NFT_PAYLOAD_LL_HEADER);
    batch_.put_be32(NFTA_PAYLOAD_OFFSET, offset);
    batch_.put_be32(NFTA_PAYLOAD_LEN, length);
    batch_.put_be32(NFTA_PAYLOAD_CSUM_TYPE, NFT_PAYLOAD_CSUM_NONE);
}

void NftExpressions::update_set(const std::string& set, std::uint32_t timeout_seconds) {
    const OpenExpression open(batch_, "dynset");
    batch_.put_be32(NFTA_DYNSET_SREG_KEY, register_number(0));
    batch_.put_be32(NFTA_DYNSET_OP, NFT_DYNSET_OP_UPDATE);
    batch_.put_text(NFTA_DYNSET_SET_NAME, set);
    if (timeout_seconds != 0) {
        batch_.put_be64(NFTA_DYNSET_TIMEOUT, timeout_seconds * kMillisecondsPerSecond);
    }
}

void NftExpressions::destination_nat(Family family, unsigned port_at) {
    const OpenExpression open(batch_, "nat");
    batch_.put_be32(NFTA_NAT_TYPE, NFT_NAT_DNAT);
    batch_.put_be32(NFTA_NAT_FAMILY, family == Family::V4 ? NFPROTO_IPV4 : NFPROTO_IPV6);
    batch_.put_be32(NFTA_NAT_REG_ADDR_MIN, register_number(0));
    if (port_at != 0) {
        batch_.put_be32(NFTA_NAT_REG_PROTO_MIN, register_number(port_at));
    }
}

void NftExpressions::notrack() {
    const OpenExpression open(batch_, "notrack");
}

void NftExpressions::masquerade(bool fully_random) {
    const OpenExpression open(batch_, "masq");
    if (fully_random) {
        batch_.put_be32(NFTA_MASQ_FLAGS, NF_NAT_RANGE_PROTO_RANDOM_FULLY);
    }
}

void NftExpressions::redirect() {
    const OpenExpression open(batch_, "redir");
    batch_.put_be32(NFTA_REDIR_REG_PROTO_MIN, register_number(0));
}

void NftExpressions::reject(std::uint32_t type, std::uint8_t code) {
    const OpenExpression open(batch_, "reject");
    batch_.put_be32(NFTA_REJECT_TYPE, type);
    batch_.put_u8(NFTA_REJECT_ICMP_CODE, code);
}

} // namespace netemu
