#include "netemu/kernel/nft_rule.h"

#include <array>
#include <cstring>
#include <vector>

#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>

#include "netemu/base/error.h"
#include "netemu/kernel/nft_expression.h"
#include "netemu/kernel/nft_set_codec.h"
#include "netemu/kernel/nft_set_userdata.h"

namespace netemu {

namespace {

constexpr unsigned kBitsPerByte = 8;
constexpr std::size_t kRuleCommentBytesMax = 127;
constexpr unsigned kEtherDestination = 0;
constexpr unsigned kEtherSource = ETH_ALEN;
constexpr unsigned kEtherType = 2 * ETH_ALEN;
constexpr unsigned kSourcePortOffset = 0;
constexpr unsigned kDestinationPortOffset = 2;
constexpr unsigned kIcmpTypeOffset = 0;   // RFC 792, RFC 4443
constexpr unsigned kArpSenderOffset = 14; // RFC 826, of Ethernet and IPv4

using Header = NftExpressions::Header;
using Compare = NftExpressions::Compare;

Compare equal_or_not(bool negate) {
    return negate ? Compare::NotEqual : Compare::Equal;
}

/// A number as it lies in memory.
std::array<std::uint8_t, 4> host_bytes(std::uint32_t value) {
    std::array<std::uint8_t, 4> bytes{};
    std::memcpy(bytes.data(), &value, sizeof value);
    return bytes;
}

std::array<std::uint8_t, 2> network_bytes(std::uint16_t value) {
    return {static_cast<std::uint8_t>(value >> 8U), static_cast<std::uint8_t>(value & 0xffU)};
}

unsigned address_offset(Family family, bool source) {
    const unsigned v4_offset = source ? 12 : 16; // RFC 791, section 3.1
    const unsigned v6_offset = source ? 8 : 24;  // RFC 8200, section 3
    return family == Family::V4 ? v4_offset : v6_offset;
}

/// Appends the expressions of one rule, in the order of its statements.
class RuleWriter {
public:
    /// `sets` are the anonymous sets of the rule, in the order of the statements that need one.
    RuleWriter(Batch& batch, NftFamily family, const std::vector<AnonymousSet>& sets)
        : write_(batch), family_(family), sets_(sets) {}

    void operator()(const NftMatchAddress& match) {
        const IpPrefix prefix = match.prefix.network();
        const Family family = prefix.address.family();
        require_family(family);
        if (prefix.length == 0 && !match.negate) {
            return; // every address; the family alone decides
        }
        const bool source = match.field == NftMatchAddress::Field::Source;
        const bool whole_bytes = prefix.length > 0 && prefix.length % kBitsPerByte == 0;
        // As nft does: a prefix of whole bytes needs no mask, only a shorter comparison.
        const auto length =
            whole_bytes ? std::size_t{prefix.length} / kBitsPerByte : prefix.address.size();
        write_.load_payload(
            Header::Network, address_offset(family, source), static_cast<unsigned>(length));
        if (!whole_bytes) {
            mask(prefix);
        }
        write_.compare(equal_or_not(match.negate), {prefix.address.bytes(), length});
    }

    void operator()(const NftMatchAddresses& match) {
        const bool source = match.field == NftMatchAddress::Field::Source;
        load_address(match.prefixes.front().address.family(), source, 0);
        const AnonymousSet& set = sets_.at(next_set_++);
        write_.lookup(set.name, set.id, match.negate);
    }

    void operator()(const NftMatchInterface& match) {
        std::array<std::uint8_t, IFNAMSIZ> name{}; // all of it is compared: an exact name
        if (match.name.empty() || match.name.size() >= name.size()) {
            throw Error("interface name \"" + match.name + "\" in a rule has a bad length");
        }
        std::memcpy(name.data(), match.name.data(), match.name.size());
        std::span<const std::uint8_t> compared = name;
        if (match.name.size() > 1 && match.name.back() == '*') {
            compared = compared.first(match.name.size() - 1);
        }
        const bool input = match.direction == NftMatchInterface::Direction::Input;
        write_.load_meta(input ? NFT_META_IIFNAME : NFT_META_OIFNAME);
        write_.compare(equal_or_not(match.negate), compared);
    }

    void operator()(const NftMatchSet& match) {
        load_key(match.key, 0);
        write_.lookup(match.set, 0, match.negate);
    }

    void operator()(const NftMatchProtocol& match) {
        write_.load_meta(NFT_META_L4PROTO);
        write_.compare(equal_or_not(match.negate), {&match.protocol, 1});
    }

    void operator()(const NftMatchPort& match) {
        const bool source = match.side == NftMatchPort::Side::Source;
        write_.load_payload(
            Header::Transport, source ? kSourcePortOffset : kDestinationPortOffset, 2);
        const auto first = network_bytes(match.first);
        const auto last = network_bytes(match.last);
        if (match.first == match.last) {
            write_.compare(equal_or_not(match.negate), first);
        } else if (match.negate) {
            write_.outside(first, last);
        } else {
            write_.compare(Compare::AtLeast, first);
            write_.compare(Compare::AtMost, last);
        }
    }

    void operator()(const NftMatchMark& match) {
        write_.load_meta(NFT_META_MARK);
        if (match.mask != 0xffffffffU) {
            write_.bitwise(host_bytes(match.mask), host_bytes(0));
        }
        write_.compare(equal_or_not(match.negate), host_bytes(match.value));
    }

    void operator()(const NftMatchCtState& match) {
        write_.load_ct_state();
        write_.bitwise(host_bytes(match.states), host_bytes(0));
        write_.compare(Compare::NotEqual, host_bytes(0));
    }

    void operator()(const NftMatchLocal& match) {
        write_.load_fib_type(match.field == NftMatchAddress::Field::Source);
        write_.compare(equal_or_not(match.negate), host_bytes(RTN_LOCAL));
    }

    void operator()(const NftMatchEtherType& match) {
        require_bridge("ether type");
        write_.load_payload(Header::Link, kEtherType, 2);
        write_.compare(equal_or_not(match.negate), network_bytes(match.type));
    }

    void operator()(const NftMatchIcmp& match) {
        require_family(match.family);
        const bool v4 = match.family == Family::V4;
        const auto protocol = static_cast<std::uint8_t>(v4 ? int{IPPROTO_ICMP} : IPPROTO_ICMPV6);
        write_.load_meta(NFT_META_L4PROTO);
        write_.compare(Compare::Equal, {&protocol, 1});
        write_.load_payload(Header::Transport, kIcmpTypeOffset, 1);
        if (match.first == match.last) {
            write_.compare(Compare::Equal, {&match.first, 1});
        } else {
            write_.compare(Compare::AtLeast, {&match.first, 1});
            write_.compare(Compare::AtMost, {&match.last, 1});
        }
    }

    void operator()(const NftCounter&) { write_.counter(); }

    void operator()(const NftLog& log) {
        if (log.group) {
            write_.log(log.prefix, *log.group, log.snaplen);
        } else {
            write_.log(log.prefix);
        }
    }

    void operator()(const NftTrace&) {
        const std::uint8_t on = 1;
        write_.load_bytes({&on, 1});
        write_.set_meta(NFT_META_NFTRACE);
    }

    void operator()(const NftNotrack&) { write_.notrack(); }

    void operator()(const NftSetMark& statement) {
        const std::uint32_t value = statement.value;
        if (statement.how == NftSetMark::How::Set) {
            write_.load_bytes(host_bytes(value));
        } else {
            write_.load_meta(NFT_META_MARK);
            const bool ors = statement.how == NftSetMark::How::Or;
            const bool ands = statement.how == NftSetMark::How::And;
            const std::uint32_t all = 0xffffffffU;
            const std::uint32_t keep = ors ? ~value : value;
            write_.bitwise(
                host_bytes(statement.how == NftSetMark::How::Xor ? all : keep),
                host_bytes(ands ? 0 : value));
        }
        write_.set_meta(NFT_META_MARK);
    }

    void operator()(const NftUpdateSet& statement) {
        load_key(statement.key, 0);
        write_.update_set(statement.set, statement.timeout_seconds);
    }

    void operator()(const NftSetPacketTypeHost&) {
        require_bridge("meta pkttype set");
        const std::uint8_t host = PACKET_HOST;
        write_.load_bytes({&host, 1});
        write_.set_meta(NFT_META_PKTTYPE);
    }

    void operator()(const NftSetEtherDestination& statement) {
        require_bridge("ether daddr set");
        write_.load_bytes(statement.mac.bytes);
        write_.write_link_header(kEtherDestination, ETH_ALEN);
    }

    void operator()(const NftDnat& dnat) {
        if (family_ != NftFamily::Inet) {
            require_family(dnat.address.family());
        }
        write_.load_bytes({dnat.address.bytes(), dnat.address.size()});
        const auto behind = static_cast<unsigned>(dnat.address.size() / 4);
        if (dnat.port != 0) {
            write_.load_bytes(network_bytes(dnat.port), behind);
        }
        write_.destination_nat(dnat.address.family(), dnat.port == 0 ? 0 : behind);
    }

    void operator()(const NftDnatMap& dnat) {
        load_key(dnat.key, dnat.modulus);
        write_.lookup_map(dnat.map, 0, NftExpressions::Result::Data);
        const bool v6 = family_ == NftFamily::Ip6;
        write_.destination_nat(v6 ? Family::V6 : Family::V4, v6 ? 4 : 1);
    }

    void operator()(const NftMasquerade& statement) { write_.masquerade(statement.fully_random); }

    void operator()(const NftRedirect& statement) {
        write_.load_bytes(network_bytes(statement.port));
        write_.redirect();
    }

    void operator()(const NftReject& statement) {
        constexpr std::uint8_t kPortUnreachable = 3;  // RFC 792
        constexpr std::uint8_t kPortUnreachable6 = 4; // RFC 4443, section 3.1
        if (statement.tcp_reset) {
            write_.reject(NFT_REJECT_TCP_RST, 0);
        } else if (family_ == NftFamily::Ip) {
            write_.reject(NFT_REJECT_ICMP_UNREACH, kPortUnreachable);
        } else if (family_ == NftFamily::Ip6) {
            write_.reject(NFT_REJECT_ICMP_UNREACH, kPortUnreachable6);
        } else {
            write_.reject(NFT_REJECT_ICMPX_UNREACH, NFT_REJECT_ICMPX_PORT_UNREACH);
        }
    }

    void operator()(const NftSetVerdict& statement) {
        write_.verdict(statement.verdict, statement.chain);
    }

    void operator()(const NftVerdictMap& statement) {
        load_key(statement.key, statement.modulus);
        write_.lookup_map(statement.map, 0, NftExpressions::Result::Verdict);
    }

    void operator()(const NftRandomGoto& statement) {
        if (statement.chains.size() == 1) {
            write_.verdict(NftVerdict::Goto, statement.chains.front());
            return;
        }
        const AnonymousSet& map = sets_.at(next_set_++);
        write_.load_random(static_cast<std::uint32_t>(statement.chains.size()));
        write_.lookup_map(map.name, map.id, NftExpressions::Result::Verdict);
    }

private:
    void mask(const IpPrefix& prefix) {
        std::array<std::uint8_t, 16> ones{};
        for (unsigned bit = 0; bit < prefix.length; ++bit) {
            ones.at(bit / kBitsPerByte) |= static_cast<std::uint8_t>(0x80U >> (bit % kBitsPerByte));
        }
        const std::array<std::uint8_t, 16> zeros{};
        const auto length = prefix.address.size();
        write_.bitwise(std::span(ones).first(length), std::span(zeros).first(length));
    }

    unsigned load_address(Family family, bool source, unsigned to) {
        require_family(family);
        const unsigned bytes = family == Family::V4 ? 4 : 16;
        write_.load_payload(Header::Network, address_offset(family, source), bytes, to);
        return bytes / 4;
    }

    unsigned load_port(unsigned offset, unsigned to) {
        write_.load_payload(Header::Transport, offset, 2, to);
        return 1;
    }

    unsigned load_mac(unsigned offset, unsigned to) {
        require_bridge("an Ethernet address");
        write_.load_payload(Header::Link, offset, ETH_ALEN, to);
        return 2;
    }

    unsigned load_meta(std::uint32_t key, unsigned to) {
        write_.load_meta(key, to);
        return key == NFT_META_IIFNAME || key == NFT_META_OIFNAME ? IFNAMSIZ / 4 : 1;
    }

    /// Loads one part of a key; returns how many registers it takes.
    unsigned load_field(NftField field, std::uint32_t modulus, unsigned to) {
        switch (field) {
        case NftField::Source:
            return load_address(own_family(), true, to);
        case NftField::Destination:
            return load_address(own_family(), false, to);
        case NftField::Source6:
            return load_address(Family::V6, true, to);
        case NftField::Destination6:
            return load_address(Family::V6, false, to);
        case NftField::Protocol:
            return load_meta(NFT_META_L4PROTO, to);
        case NftField::SourcePort:
            return load_port(kSourcePortOffset, to);
        case NftField::DestinationPort:
            return load_port(kDestinationPortOffset, to);
        case NftField::Mark:
            return load_meta(NFT_META_MARK, to);
        case NftField::InputInterface:
            return load_meta(NFT_META_IIFNAME, to);
        case NftField::OutputInterface:
            return load_meta(NFT_META_OIFNAME, to);
        case NftField::SourceMac:
            return load_mac(kEtherSource, to);
        case NftField::DestinationMac:
            return load_mac(kEtherDestination, to);
        case NftField::ArpSource:
            require_arp();
            write_.load_payload(Header::Network, kArpSenderOffset, 4, to);
            return 1;
        case NftField::Random:
            write_.load_random(modulus, to);
            return 1;
        case NftField::None:
            break;
        }
        throw Error("a part of a key is taken from nothing");
    }

    void load_key(const NftKey& key, std::uint32_t modulus) {
        if (key.empty()) {
            throw Error("a lookup without a key");
        }
        for (const NftField field : key) { // first, since it needs a register too
            if (field == NftField::ArpSource) {
                require_arp();
            } else if (field == NftField::Source6 || field == NftField::Destination6) {
                require_family(Family::V6);
            } else if (field == NftField::Source || field == NftField::Destination) {
                require_family(own_family());
            }
        }
        unsigned to = 0;
        for (const NftField field : key) {
            to += load_field(field, modulus, to);
        }
    }

    [[nodiscard]] Family own_family() const {
        return family_ == NftFamily::Ip6 ? Family::V6 : Family::V4;
    }

    void require_bridge(const char* what) const {
        if (family_ != NftFamily::Bridge) {
            throw Error(std::string(what) + " is for tables of family bridge");
        }
    }

    void require_arp() {
        require_bridge("the sender of an ARP packet");
        if (!arp_checked_) {
            arp_checked_ = true;
            write_.load_meta(NFT_META_PROTOCOL);
            write_.compare(Compare::Equal, network_bytes(ETH_P_ARP));
        }
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
            write_.load_meta(NFT_META_NFPROTO);
            write_.compare(Compare::Equal, {&number, 1});
            return;
        }
        write_.load_meta(NFT_META_PROTOCOL);
        write_.compare(Compare::Equal, network_bytes(family == Family::V4 ? ETH_P_IP : ETH_P_IPV6));
    }

    NftExpressions write_;
    NftFamily family_;
    const std::vector<AnonymousSet>& sets_;
    std::size_t next_set_ = 0;
    std::array<bool, 2> checked_{}; // IPv4, IPv6
    bool arp_checked_ = false;
};

/// The anonymous sets that the statements of a rule need, put in front of it.
std::vector<AnonymousSet> put_anonymous_sets(
    NftProgram& program, NftFamily family, const std::string& table, const NftRule& rule) {
    std::vector<AnonymousSet> sets;
    for (const NftStatement& statement : rule.statements) {
        if (const auto* addresses = std::get_if<NftMatchAddresses>(&statement)) {
            if (addresses->prefixes.empty()) {
                throw Error("a rule matches an empty set of addresses");
            }
            sets.push_back(put_anonymous_addresses(program, family, table, addresses->prefixes));
        } else if (const auto* random = std::get_if<NftRandomGoto>(&statement)) {
            if (random->chains.empty()) {
                throw Error("a rule chooses among no chains");
            }
            if (random->chains.size() > 1) {
                sets.push_back(put_anonymous_gotos(program, family, table, random->chains));
            }
        }
    }
    return sets;
}

} // namespace

void put_rule(
    NftProgram& program,
    NftFamily family,
    const std::string& table,
    const std::string& chain,
    const NftRule& rule) {
    if (rule.comment.size() > kRuleCommentBytesMax) {
        throw Error("the comment of a rule is too long: " + rule.comment);
    }
    const auto sets = put_anonymous_sets(program, family, table, rule);
    Batch& batch = program.batch();
    program.start(NFT_MSG_NEWRULE, NLM_F_CREATE | NLM_F_APPEND, family);
    batch.put_text(NFTA_RULE_TABLE, table);
    batch.put_text(NFTA_RULE_CHAIN, chain);
    {
        const Batch::Nest expressions(batch, NFTA_RULE_EXPRESSIONS | NLA_F_NESTED);
        RuleWriter writer(batch, family, sets);
        for (const NftStatement& statement : rule.statements) {
            std::visit(writer, statement);
        }
    }
    if (!rule.comment.empty()) {
        batch.put(NFTA_RULE_USERDATA, element_userdata(rule.comment));
    }
}

} // namespace netemu
