#include "labctl/supervisor/iptables_text.h"

#include <charconv>
#include <string_view>
#include <vector>

#include "netemu/base/text.h"

namespace labctl::supervisor {

namespace {

constexpr std::string_view kOurChains = "KUBE-";

/// "KUBE-X" of ":KUBE-X - [0:0]", "-A KUBE-X ..." without the two characters in front and a blank.
std::string_view first_word(std::string_view text) {
    return text.substr(0, text.find(' '));
}

bool jumps_to_ours(std::string_view rule) {
    return rule.find(" -j KUBE-") != std::string_view::npos;
}

/// The number behind "line" in "Error occurred at line: 3" or "line 12: CHAIN_ADD failed"; 0: none.
std::size_t named_line(std::string_view words) {
    constexpr std::string_view kWord = "line";
    for (auto at = words.find(kWord); at != std::string_view::npos;
         at = words.find(kWord, at + 1)) {
        const auto digits = words.find_first_not_of(": ", at + kWord.size());
        std::size_t number = 0;
        if (digits != std::string_view::npos &&
            std::from_chars(words.data() + digits, words.data() + words.size(), number).ec ==
                std::errc{}) {
            return number;
        }
    }
    return 0;
}

} // namespace

std::string iptables_removal(const std::string& saved) {
    std::string text;
    std::string chains;
    std::string deletions;
    for (const auto line : netemu::split(saved, '\n')) {
        if (line.starts_with('*')) {
            text += std::string(line) + "\n";
        } else if (line.starts_with(':') && line.substr(1).starts_with(kOurChains)) {
            const std::string chain(first_word(line.substr(1)));
            text += ":" + chain + " - [0:0]\n"; // of one that is there: takes its rules out
            chains += "-X " + chain + "\n";
        } else if (
            line.starts_with("-A ") && !line.substr(3).starts_with(kOurChains) &&
            jumps_to_ours(line)) {
            deletions += "-D " + std::string(line.substr(3)) + "\n";
        } else if (line == "COMMIT") {
            text += deletions + chains + "COMMIT\n";
            deletions.clear();
            chains.clear();
        }
    }
    return text;
}

std::map<std::string, std::size_t> iptables_rule_counts(const std::string& text) {
    std::map<std::string, std::size_t> counts;
    std::string table;
    for (const auto line : netemu::split(text, '\n')) {
        if (line.starts_with('*')) {
            table = std::string(line.substr(1)) + " ";
        } else if (line.starts_with(':') && line.substr(1).starts_with(kOurChains)) {
            counts.emplace(table + std::string(first_word(line.substr(1))), 0);
        } else if (line.starts_with("-A ") || line.starts_with("-I ")) {
            const auto chain = first_word(line.substr(3));
            if (chain.starts_with(kOurChains) || jumps_to_ours(line)) {
                ++counts[table + std::string(chain)];
            }
        }
    }
    return counts;
}

std::string iptables_complaint(const std::string& words, const std::string& input) {
    std::vector<std::string> parts;
    for (const auto line : netemu::split(words, '\n')) {
        const auto part = netemu::trim(line);
        if (!part.empty() && !part.starts_with("Try `")) {
            parts.emplace_back(part);
        }
    }
    auto complaint = parts.empty() ? std::string("it gave no reason") : netemu::join(parts, "; ");
    const auto lines = netemu::split(input, '\n');
    const auto number = named_line(words);
    if (number > 0 && number <= lines.size()) {
        complaint += "; that line is `" + std::string(lines[number - 1]) + "`";
    }
    return complaint;
}

} // namespace labctl::supervisor
