#include <array>
#include <string>

#include "netemu/model/nft_text.h"

namespace netemu {

namespace {

std::string hexadecimal_number(std::uint32_t value, std::size_t digits) {
    static constexpr std::string_view kDigits = "0123456789abcdef";
    std::string text(digits, '0');
    for (auto digit = text.rbegin(); digit != text.rend(); ++digit) {
        *digit = kDigits[value & 0xfU];
        value >>= 4U;
    }
    return "0x" + text;
}

std::string_view not_equal(bool negate) {
    return negate ? "!= " : "";
}

std::string state_names(std::uint32_t states) {
    static constexpr std::array<std::string_view, 4> kNames{
        "invalid", "established", "related", "new"};
    std::string text;
    for (std::size_t bit = 0; bit < kNames.size(); ++bit) {
        if ((states >> bit & 1U) != 0) {
            text += text.empty() ? "" : ",";
            text += kNames.at(bit);
        }
    }
    return text;
}

std::string port_of(const IpAddress& address, std::uint16_t port) {
    if (port == 0) {
        return address.to_string();
    }
    return Endpoint{address, port}.to_string();
}

/// One statement as a table of the given family lists it.
class StatementText {
public:
    explicit StatementText(NftFamily family) : family_(family) {}

    std::string operator()(const NftMatchAddress& match) const {
        return address_field(match.field, match.prefix.address) +
               std::string(not_equal(match.negate)) + prefix_text(match.prefix);
    }
    std::string operator()(const NftMatchAddresses& match) const {
        const auto any = match.prefixes.empty() ? IpAddress{} : match.prefixes.front().address;
        auto text = address_field(match.field, any) + std::string(not_equal(match.negate)) + "{ ";
        for (const auto& prefix : match.prefixes) {
            text += (&prefix == &match.prefixes.front() ? "" : ", ") + prefix_text(prefix);
        }
        return text + " }";
    }
    std::string operator()(const NftMatchInterface& match) const {
        const bool input = match.direction == NftMatchInterface::Direction::Input;
        return std::string(input ? "iifname " : "oifname ") + std::string(not_equal(match.negate)) +
               quoted_text(match.name);
    }
    std::string operator()(const NftMatchSet& match) const {
        return key_text(match.key, 0) + " " + std::string(not_equal(match.negate)) + "@" +
               match.set;
    }
    std::string operator()(const NftMatchProtocol& match) const {
        return "meta l4proto " + std::string(not_equal(match.negate)) +
               protocol_text(match.protocol);
    }
    std::string operator()(const NftMatchPort& match) const {
        const bool source = match.side == NftMatchPort::Side::Source;
        std::string text(source ? "th sport " : "th dport ");
        text += not_equal(match.negate);
        text += std::to_string(match.first);
        return text + (match.last == match.first ? "" : "-" + std::to_string(match.last));
    }
    std::string operator()(const NftMatchMark& match) const {
        if (match.mask == 0xffffffffU) {
            return "meta mark " + std::string(not_equal(match.negate)) + mark_text(match.value);
        }
        return "meta mark & " + mark_text(match.mask) + (match.negate ? " != " : " == ") +
               mark_text(match.value);
    }
    std::string operator()(const NftMatchCtState& match) const {
        return "ct state " + state_names(match.states);
    }
    std::string operator()(const NftMatchLocal& match) const {
        const bool source = match.field == NftMatchAddress::Field::Source;
        return std::string(source ? "fib saddr type " : "fib daddr type ") +
               std::string(not_equal(match.negate)) + "local";
    }
    std::string operator()(const NftMatchEtherType& match) const {
        std::string text = "ether type " + std::string(not_equal(match.negate));
        switch (match.type) {
        case 0x0800:
            return text + "ip";
        case 0x0806:
            return text + "arp";
        case 0x86dd:
            return text + "ip6";
        default:
            return text + hexadecimal_number(match.type, 4);
        }
    }
    std::string operator()(const NftMatchIcmp& match) const {
        std::string text = match.family == Family::V4 ? "icmp type " : "icmpv6 type ";
        text += std::to_string(match.first);
        return text + (match.last == match.first ? "" : "-" + std::to_string(match.last));
    }
    std::string operator()(const NftCounter&) const { return "counter"; }
    std::string operator()(const NftLog& log) const {
        std::string text = log.prefix.empty() ? "log" : "log prefix " + quoted_text(log.prefix);
        if (log.group) {
            text += " group " + std::to_string(*log.group);
            if (log.snaplen != 0) {
                text += " snaplen " + std::to_string(log.snaplen);
            }
        }
        return text;
    }
    std::string operator()(const NftTrace&) const { return "meta nftrace set 1"; }
    std::string operator()(const NftNotrack&) const { return "notrack"; }
    std::string operator()(const NftSetMark& statement) const {
        static constexpr std::array<std::string_view, 4> kOperators{
            "", "meta mark | ", "meta mark & ", "meta mark ^ "};
        return "meta mark set " +
               std::string(kOperators.at(static_cast<std::size_t>(statement.how))) +
               mark_text(statement.value);
    }
    std::string operator()(const NftUpdateSet& statement) const {
        auto text = "update @" + statement.set + " { " + key_text(statement.key, 0);
        if (statement.timeout_seconds != 0) {
            text += " timeout " + std::to_string(statement.timeout_seconds) + "s";
        }
        return text + " }";
    }
    std::string operator()(const NftSetPacketTypeHost&) const { return "meta pkttype set host"; }
    std::string operator()(const NftSetEtherDestination& statement) const {
        return "ether daddr set " + statement.mac.to_string();
    }
    std::string operator()(const NftDnat& dnat) const {
        const bool both = family_ != NftFamily::Ip && family_ != NftFamily::Ip6;
        const auto* kind = dnat.address.is_v4() ? "ip " : "ip6 ";
        return std::string("dnat ") + (both ? kind : "") + "to " + port_of(dnat.address, dnat.port);
    }
    std::string operator()(const NftDnatMap& dnat) const {
        const auto* kind = family_ == NftFamily::Ip6 ? "ip6" : "ip";
        return std::string("dnat ") + kind + " addr . port to " + key_text(dnat.key, dnat.modulus) +
               " map @" + dnat.map;
    }
    std::string operator()(const NftMasquerade& statement) const {
        return statement.fully_random ? "masquerade fully-random" : "masquerade";
    }
    std::string operator()(const NftRedirect& statement) const {
        return "redirect to :" + std::to_string(statement.port);
    }
    std::string operator()(const NftReject& statement) const {
        return statement.tcp_reset ? "reject with tcp reset" : "reject";
    }
    std::string operator()(const NftSetVerdict& statement) const {
        std::string text(to_text(statement.verdict));
        return statement.chain.empty() ? text : text + " " + statement.chain;
    }
    std::string operator()(const NftVerdictMap& statement) const {
        return key_text(statement.key, statement.modulus) + " vmap @" + statement.map;
    }
    std::string operator()(const NftRandomGoto& statement) const {
        if (statement.chains.size() == 1) {
            return "goto " + statement.chains.front();
        }
        auto text = "numgen random mod " + std::to_string(statement.chains.size()) + " vmap { ";
        for (std::size_t i = 0; i < statement.chains.size(); ++i) {
            text += (i == 0 ? "" : ", ") + std::to_string(i) + " : goto " + statement.chains[i];
        }
        return text + " }";
    }

private:
    static std::string address_field(NftMatchAddress::Field field, const IpAddress& address) {
        std::string text(address.is_v4() ? "ip " : "ip6 ");
        return text + (field == NftMatchAddress::Field::Source ? "saddr " : "daddr ");
    }

    /// nft(8) leaves the length of a single address away.
    static std::string prefix_text(const IpPrefix& prefix) {
        return prefix.length == prefix.address.bits() ? prefix.address.to_string()
                                                      : prefix.to_string();
    }

    [[nodiscard]] std::string field_text(NftField field, std::uint32_t modulus) const {
        static constexpr std::array<std::string_view, 15> kTexts{
            "",
            "ip saddr",
            "ip daddr",
            "ip6 saddr",
            "ip6 daddr",
            "meta l4proto",
            "th sport",
            "th dport",
            "meta mark",
            "iifname",
            "oifname",
            "ether saddr",
            "ether daddr",
            "arp saddr ip",
            "numgen random mod "};
        if (family_ == NftFamily::Ip6 && field == NftField::Source) {
            field = NftField::Source6;
        } else if (family_ == NftFamily::Ip6 && field == NftField::Destination) {
            field = NftField::Destination6;
        }
        std::string text(kTexts.at(static_cast<std::size_t>(field)));
        return field == NftField::Random ? text + std::to_string(modulus) : text;
    }

    [[nodiscard]] std::string key_text(const NftKey& key, std::uint32_t modulus) const {
        std::string text;
        for (const auto field : key) {
            text += (text.empty() ? "" : " . ") + field_text(field, modulus);
        }
        return text;
    }

    NftFamily family_;
};

} // namespace

std::string_view to_text(NftVerdict verdict) {
    static constexpr std::array<std::string_view, 6> kTexts{
        "accept", "drop", "jump", "goto", "return", "continue"};
    return kTexts.at(static_cast<std::size_t>(verdict));
}

std::string protocol_text(std::uint8_t protocol) {
    switch (protocol) {
    case 1:
        return "icmp";
    case 6:
        return "tcp";
    case 17:
        return "udp";
    case 58:
        return "ipv6-icmp";
    case 132:
        return "sctp";
    default:
        return std::to_string(protocol);
    }
}

std::string mark_text(std::uint32_t mark) {
    return hexadecimal_number(mark, 8);
}

std::string quoted_text(std::string_view text) {
    std::string result = "\"";
    for (const char c : text) {
        if (c == '"') {
            result += "%22";
        } else if (c == '%') {
            result += "%25";
        } else {
            result += c;
        }
    }
    return result + '"';
}

std::string to_text(const NftRule& rule, NftFamily family) {
    std::string text;
    for (const auto& statement : rule.statements) {
        text += (text.empty() ? "" : " ") + std::visit(StatementText(family), statement);
    }
    if (!rule.comment.empty()) {
        text += " comment " + quoted_text(rule.comment);
    }
    return text;
}

} // namespace netemu
