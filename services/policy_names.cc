#include "services/policy_names.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <vector>

#include "netemu/base/text.h"
#include "services/sha256.h"

namespace services {
namespace {

constexpr std::string_view kLogWord = "labctl ";
constexpr std::string_view kSpoofedWord = "spoofed";
constexpr std::string_view kInvalidWord = "invalid";
constexpr std::size_t kPolicyHashCharacters = 8;
constexpr std::size_t kPolicyNameBytesMax = 100;
constexpr std::size_t kPolicyCommentBytesMax = 120;

constexpr std::array kDirections{PolicyDirection::Ingress, PolicyDirection::Egress};
constexpr std::array kTiers{PolicyTier::Admin, PolicyTier::NetworkPolicy, PolicyTier::Baseline};

template <class List>
auto named(const List& list, std::string_view word) {
    const auto found =
        std::find_if(list.begin(), list.end(), [&](auto one) { return to_text(one) == word; });
    return found == list.end() ? std::nullopt : std::optional(*found);
}

std::optional<PolicyLogPrefix> parse_words(const std::vector<std::string_view>& words) {
    PolicyLogPrefix prefix;
    const auto way = named(kDirections, words.front());
    const auto tier = words.size() < 3 ? std::nullopt : named(kTiers, words[1]);
    if (!way || !tier || words.size() > 4) {
        return std::nullopt;
    }
    prefix.way = *way;
    prefix.tier = *tier;
    prefix.hash = words[2];
    if (words.size() == 4) {
        prefix.kind = PolicyLogPrefix::Kind::Rule;
        const auto* end = words[3].data() + words[3].size();
        const auto [stop, error] = std::from_chars(words[3].data(), end, prefix.rule);
        if (error != std::errc{} || stop != end) {
            return std::nullopt;
        }
    }
    return prefix;
}

} // namespace

std::string_view to_text(PolicyDirection way) {
    return way == PolicyDirection::Ingress ? "ingress" : "egress";
}

std::string_view to_text(PolicyTier tier) {
    static constexpr std::array<std::string_view, 3> kWords{"admin", "np", "baseline"};
    return kWords.at(static_cast<std::size_t>(tier));
}

std::string policy_hash(const std::string& text) {
    return base32_prefix(sha256(text), kPolicyHashCharacters);
}

std::string policy_object_name(std::string_view word, const std::string& text) {
    auto readable = text;
    std::replace_if(
        readable.begin(),
        readable.end(),
        [](unsigned char c) { return std::isalnum(c) == 0 && c != '/' && c != '-' && c != '.'; },
        '_');
    auto name = std::string(word) + "-" + policy_hash(text) + "-" + readable;
    if (name.size() > kPolicyNameBytesMax) {
        name.resize(kPolicyNameBytesMax);
    }
    return name;
}

std::string policy_comment(std::string text) {
    if (text.size() > kPolicyCommentBytesMax) {
        text.resize(kPolicyCommentBytesMax - 3);
        text += "...";
    }
    std::replace(text.begin(), text.end(), '"', '\'');
    return text;
}

std::string to_text(const PolicyLogPrefix& prefix) {
    auto text = std::string(kLogWord);
    if (prefix.kind == PolicyLogPrefix::Kind::Spoofed) {
        return text.append(kSpoofedWord);
    }
    text.append(to_text(prefix.way)).append("/");
    if (prefix.kind == PolicyLogPrefix::Kind::Invalid) {
        return text.append(kInvalidWord);
    }
    text.append(to_text(prefix.tier)).append("/").append(prefix.hash);
    if (prefix.kind == PolicyLogPrefix::Kind::Rule) {
        text.append("/").append(std::to_string(prefix.rule));
    }
    return text;
}

std::optional<PolicyLogPrefix> parse_policy_log_prefix(std::string_view text) {
    if (!text.starts_with(kLogWord)) {
        return std::nullopt;
    }
    text.remove_prefix(kLogWord.size());
    PolicyLogPrefix prefix;
    if (text == kSpoofedWord) {
        prefix.kind = PolicyLogPrefix::Kind::Spoofed;
        prefix.way = PolicyDirection::Egress;
        return prefix;
    }
    const auto words = netemu::split(text, '/');
    if (words.size() == 2 && words[1] == kInvalidWord) {
        const auto way = named(kDirections, words.front());
        prefix.kind = PolicyLogPrefix::Kind::Invalid;
        prefix.way = way.value_or(PolicyDirection::Ingress);
        return way ? std::optional(prefix) : std::nullopt;
    }
    return parse_words(words);
}

} // namespace services
