#include "netemu/model/nft_text.h"

#include <array>
#include <string>
#include <unordered_map>

#include "netemu/base/error.h"

namespace netemu {

namespace {

std::string_view hook_text(NftHook hook) {
    static constexpr std::array<std::string_view, 5> kTexts{
        "prerouting", "input", "forward", "output", "postrouting"};
    return kTexts.at(static_cast<std::size_t>(hook));
}

std::string to_text(const NftBase& base) {
    std::string text = "type " + base.type + " hook ";
    text += hook_text(base.hook);
    text += " priority " + std::to_string(base.priority) + "; policy ";
    text += to_text(base.policy);
    return text + "; ";
}

/// What a lookup with this type of part would look like: for `typeof`. The number of a numgen is
/// whatever the rules say.
std::string_view typeof_text(NftType type) {
    static constexpr std::array<std::string_view, 9> kTexts{
        "",
        "ip daddr",
        "ip6 daddr",
        "meta l4proto",
        "th dport",
        "meta mark",
        "iifname",
        "ether daddr",
        "numgen random mod 65536"};
    return kTexts.at(static_cast<std::size_t>(type));
}

std::string typeof_text(const NftKeyType& type) {
    std::string text;
    for (const auto part : type) {
        text += text.empty() ? "" : " . ";
        text += typeof_text(part);
    }
    return text;
}

bool counts(const NftKeyType& type) {
    return std::find(type.begin(), type.end(), NftType::Number) != type.end();
}

std::string type_text(const NftSet& set) {
    const bool by_example = counts(set.key);
    std::string text = by_example ? "typeof " + typeof_text(set.key) : "type " + to_text(set.key);
    if (set.verdicts) {
        text += " : verdict";
    } else if (!set.data.empty()) {
        text += " : " + (by_example ? typeof_text(set.data) : to_text(set.data));
    }
    return text + "; ";
}

std::string flags_text(const NftSet& set) {
    std::string flags;
    const auto add = [&](bool present, std::string_view name) {
        if (present) {
            flags += flags.empty() ? "" : ",";
            flags += name;
        }
    };
    add(set.interval, "interval");
    add(set.dynamic, "dynamic");
    add(set.timeout_seconds != 0, "timeout");
    std::string text = set.size == 0 ? "" : "size " + std::to_string(set.size) + "; ";
    text += flags.empty() ? "" : "flags " + flags + "; ";
    if (set.timeout_seconds != 0) {
        text += "timeout " + std::to_string(set.timeout_seconds) + "s; ";
    }
    return text + (set.comment.empty() ? "" : "comment " + quoted_text(set.comment) + "; ");
}

/// One part of a range: a prefix if it is one, as nft(8) lists ranges, or a single value.
std::string range_text(NftType type, std::string_view first, std::string_view last) {
    if (type == NftType::Ipv4 || type == NftType::Ipv6) {
        const auto family = type == NftType::Ipv4 ? Family::V4 : Family::V6;
        const auto low =
            IpAddress::from_bytes(family, reinterpret_cast<const std::uint8_t*>(first.data()));
        const auto high =
            IpAddress::from_bytes(family, reinterpret_cast<const std::uint8_t*>(last.data()));
        for (unsigned length = 0; length < low.bits(); ++length) {
            const IpPrefix prefix{low, static_cast<std::uint8_t>(length)};
            if (prefix.network().address == low && prefix.last() == high) {
                return prefix.to_string();
            }
        }
    }
    const auto text = to_text(NftKeyType{type}, first);
    return first == last ? text : text + "-" + to_text(NftKeyType{type}, last);
}

std::string range_text(const NftKeyType& type, std::string_view first, std::string_view last) {
    std::string text;
    for (const auto part : type) {
        const auto bytes = nft_padded_bytes(NftKeyType{part});
        text += (text.empty() ? "" : " . ") +
                range_text(part, first.substr(0, bytes), last.substr(0, bytes));
        first.remove_prefix(bytes);
        last.remove_prefix(bytes);
    }
    return text;
}

using ExtraElements = std::unordered_map<std::string_view, std::vector<const NftElements*>>;

std::string set_text(const NftSet& set, const ExtraElements& extra) {
    const bool map = set.verdicts || !set.data.empty();
    std::string text =
        (map ? "map " : "set ") + set.name + " { " + type_text(set) + flags_text(set);
    std::string elements;
    const auto add = [&](const std::vector<NftElement>& list) {
        for (const auto& element : list) {
            elements += (elements.empty() ? "" : ", ") + to_text(set, element);
        }
    };
    add(set.elements);
    const auto more = extra.find(set.name);
    if (more != extra.end()) {
        for (const auto* list : more->second) {
            add(list->elements);
        }
    }
    return text + (elements.empty() ? "" : "elements = { " + elements + " }; ") + "}";
}

} // namespace

std::string_view to_text(NftFamily family) {
    static constexpr std::array<std::string_view, 4> kTexts{"ip", "ip6", "inet", "bridge"};
    return kTexts.at(static_cast<std::size_t>(family));
}

std::string to_text(const NftSet& set, const NftElement& element) {
    std::string text;
    if (element.range) {
        const std::string_view key = element.key;
        text = range_text(set.key, key.substr(0, key.size() / 2), key.substr(key.size() / 2));
    } else {
        text = to_text(set.key, element.key);
    }
    if (!element.comment.empty()) {
        text += " comment " + quoted_text(element.comment);
    }
    if (set.verdicts) {
        text += " : ";
        text += to_text(element.verdict);
        text += element.value.empty() ? "" : " " + element.value;
    } else if (!set.data.empty()) {
        text += " : " + to_text(set.data, element.value);
    }
    return text;
}

std::string to_text(const NftSet& set) {
    return set_text(set, {});
}

std::string to_text(const NftChain& chain, NftFamily family) {
    std::string text = "chain " + chain.name + " { ";
    text += chain.base ? to_text(*chain.base) : std::string{};
    for (const auto& rule : chain.rules) {
        text += to_text(rule, family) + "; ";
    }
    return text + "}";
}

std::string to_text(const NftTable& table) {
    ExtraElements extra;
    for (const auto& part : table.parts) {
        for (const auto& list : part->contents().elements) {
            extra[list.set].push_back(&list);
        }
    }
    std::string text = "table ";
    text += to_text(table.family);
    text += " " + table.name + " { ";
    // On one line, nft(8) wants a semicolon behind each brace.
    const auto add = [&](const std::vector<NftSet>& sets, const std::vector<NftChain>& chains) {
        for (const auto& set : sets) {
            text += set_text(set, extra) + "; ";
        }
        for (const auto& chain : chains) {
            text += to_text(chain, table.family) + "; ";
        }
    };
    add(table.sets, table.chains);
    for (const auto& part : table.parts) {
        add(part->contents().sets, part->contents().chains);
    }
    return text + "}";
}

std::size_t rule_count(const NftTable& table) {
    return nft_counts(table).rules;
}

} // namespace netemu
