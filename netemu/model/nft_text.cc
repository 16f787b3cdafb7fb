#include "netemu/model/nft_text.h"

#include <array>
#include <string>

#include "netemu/model/observed.h"

namespace netemu {

namespace {

std::string_view hook_text(NftHook hook) {
    static constexpr std::array<std::string_view, 5> kTexts{
        "prerouting", "input", "forward", "output", "postrouting"};
    return kTexts.at(static_cast<std::size_t>(hook));
}

std::string_view verdict_text(NftVerdict verdict) {
    static constexpr std::array<std::string_view, 5> kTexts{
        "accept", "drop", "jump", "goto", "return"};
    return kTexts.at(static_cast<std::size_t>(verdict));
}

/// nft(8) has no escapes inside quotes; the percent sign keeps two comments from looking the same.
std::string quoted(std::string_view text) {
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

struct StatementText {
    std::string operator()(const NftMatchAddress& match) const {
        std::string text = match.prefix.address.is_v4() ? "ip " : "ip6 ";
        text += match.field == NftMatchAddress::Field::Source ? "saddr " : "daddr ";
        return text + (match.negate ? "!= " : "") + match.prefix.to_string();
    }
    std::string operator()(const NftMatchInterface& match) const {
        const bool input = match.direction == NftMatchInterface::Direction::Input;
        return std::string(input ? "iifname " : "oifname ") + (match.negate ? "!= " : "") +
               quoted(match.name);
    }
    std::string operator()(const NftCounter&) const { return "counter"; }
    std::string operator()(const NftMasquerade&) const { return "masquerade"; }
    std::string operator()(const NftSetVerdict& statement) const {
        std::string text(verdict_text(statement.verdict));
        if (!statement.chain.empty()) {
            text += " " + statement.chain;
        }
        return text;
    }
};

std::string to_text(const NftBase& base) {
    std::string text = "type " + base.type + " hook ";
    text += hook_text(base.hook);
    text += " priority " + std::to_string(base.priority) + "; policy ";
    text += verdict_text(base.policy);
    return text + "; ";
}

std::string hexadecimal(std::uint64_t value) {
    static constexpr std::string_view kDigits = "0123456789abcdef";
    std::string text(16, '0');
    for (auto digit = text.rbegin(); digit != text.rend(); ++digit) {
        *digit = kDigits[value & 0xf];
        value >>= 4;
    }
    return text;
}

} // namespace

std::string_view to_text(NftFamily family) {
    static constexpr std::array<std::string_view, 4> kTexts{"ip", "ip6", "inet", "bridge"};
    return kTexts.at(static_cast<std::size_t>(family));
}

std::string to_text(const NftRule& rule) {
    std::string text;
    for (const auto& statement : rule.statements) {
        text += (text.empty() ? "" : " ") + std::visit(StatementText{}, statement);
    }
    if (!rule.comment.empty()) {
        text += " comment " + quoted(rule.comment);
    }
    return text;
}

std::string to_text(const NftTable& table) {
    std::string text = "table ";
    text += to_text(table.family);
    text += " " + table.name + " { ";
    for (const auto& chain : table.chains) {
        text += "chain " + chain.name + " { ";
        text += chain.base ? to_text(*chain.base) : std::string{};
        for (const auto& rule : chain.rules) {
            text += to_text(rule) + "; ";
        }
        text += "}; "; // as one line, nft(8) wants the semicolon here
    }
    return text + "}";
}

std::size_t rule_count(const NftTable& table) {
    std::size_t count = 0;
    for (const auto& chain : table.chains) {
        count += chain.rules.size();
    }
    return count;
}

// FNV-1a, 64 bit: against accidents, not against attackers.
std::string table_digest(const NftTable& table) {
    std::uint64_t hash = 14695981039346656037U;
    for (const char c : to_text(table)) {
        hash = (hash ^ static_cast<std::uint8_t>(c)) * 1099511628211U;
    }
    return hexadecimal(hash);
}

} // namespace netemu
