#include "labctl/supervisor/iptables_text.h"

#include <algorithm>
#include <charconv>
#include <map>
#include <string_view>
#include <utility>
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

/// "KUBE-X" of a rule that jumps or goes there, or empty.
std::string_view target_of(std::string_view rule) {
    for (const std::string_view word : {" -j ", " -g "}) {
        if (const auto at = rule.rfind(word); at != std::string_view::npos) {
            return first_word(rule.substr(at + word.size()));
        }
    }
    return {};
}

/// What is between "*TABLE" and "COMMIT", by what it is about.
class TableChanges {
public:
    void add(std::string_view line) {
        if (line.starts_with(':')) {
            const std::string chain(first_word(line.substr(1)));
            if (chains_.emplace(chain, Chain{std::string(line), {}, false}).second) {
                order_.push_back(chain);
            }
            return;
        }
        if (line.starts_with("-A ")) {
            const auto found = chains_.find(std::string(first_word(line.substr(3))));
            if (found != chains_.end()) {
                found->second.rules.emplace_back(line);
                return;
            }
        }
        rest_.emplace_back(line);
    }

    /// All lines, a chain before those that jump to it, one that is deleted behind them.
    [[nodiscard]] std::vector<std::string> lines() {
        std::vector<std::string> deleted;
        for (const auto& line : rest_) {
            if (line.starts_with("-X ")) {
                deleted.emplace_back(first_word(std::string_view(line).substr(3)));
            }
        }
        for (const auto& chain : deleted) {
            if (const auto found = chains_.find(chain); found != chains_.end()) {
                found->second.written = true;
            }
        }
        std::vector<std::string> all;
        for (const auto& chain : order_) {
            write(chain, all);
        }
        for (const auto& chain : deleted) {
            if (const auto found = chains_.find(chain); found != chains_.end()) {
                all.push_back(found->second.declaration);
            }
        }
        all.insert(all.end(), rest_.begin(), rest_.end());
        return all;
    }

private:
    struct Chain {
        std::string declaration;
        std::vector<std::string> rules;
        bool written = false;
    };

    /// Ours jump four chains deep at most.
    void write(const std::string& name, std::vector<std::string>& all) {
        const auto found = chains_.find(name);
        if (found == chains_.end() || std::exchange(found->second.written, true)) {
            return;
        }
        for (const auto& rule : found->second.rules) {
            write(std::string(target_of(rule)), all);
        }
        all.push_back(found->second.declaration);
        all.insert(all.end(), found->second.rules.begin(), found->second.rules.end());
    }

    std::map<std::string, Chain> chains_;
    std::vector<std::string> order_;
    std::vector<std::string> rest_; // of chains that are not declared here, and deletions
};

} // namespace

std::string iptables_in_parts(const std::string& input, std::size_t lines) {
    std::string text;
    std::string table;
    TableChanges changes;
    for (const auto line : netemu::split(input, '\n')) {
        if (line.starts_with('*')) {
            table = std::string(line) + "\n";
            changes = {};
        } else if (line == "COMMIT") {
            const auto all = changes.lines();
            for (std::size_t at = 0; at < all.size(); at += lines) {
                text += table;
                for (std::size_t i = at; i < std::min(at + lines, all.size()); ++i) {
                    text += all[i] + "\n";
                }
                text += "COMMIT\n";
            }
        } else if (!line.empty() && !line.starts_with('#')) {
            changes.add(line);
        }
    }
    return text;
}

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
