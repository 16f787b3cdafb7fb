#include "services/iptables_rule.h"

#include <charconv>
#include <cstdlib>
#include <tuple>

#include "netemu/base/text.h"

namespace services {
namespace {

/// Words of a rule; quotes are taken off.
std::vector<std::string> rule_words(std::string_view line) {
    std::vector<std::string> words;
    std::string word;
    bool quoted = false;
    bool any = false;
    for (std::size_t i = 0; i < line.size(); ++i) {
        const char c = line[i];
        if (c == '\\' && quoted && i + 1 < line.size()) {
            word += line[++i];
        } else if (c == '"') {
            quoted = !quoted;
            any = true;
        } else if (c == ' ' && !quoted) {
            if (any || !word.empty()) {
                words.push_back(std::move(word));
            }
            word.clear();
            any = false;
        } else {
            word += c;
        }
    }
    if (any || !word.empty()) {
        words.push_back(std::move(word));
    }
    return words;
}

std::uint32_t rule_number(std::string_view text) {
    const bool hex = text.starts_with("0x");
    std::uint32_t value = 0;
    text.remove_prefix(hex ? 2 : 0);
    std::from_chars(text.data(), text.data() + text.size(), value, hex ? 16 : 10);
    return value;
}

/// "VALUE/MASK" or "VALUE".
std::pair<std::uint32_t, std::uint32_t> rule_mark(std::string_view text) {
    const auto slash = text.find('/');
    return {
        rule_number(text.substr(0, slash)),
        slash == std::string_view::npos ? ~std::uint32_t{0} : rule_number(text.substr(slash + 1))};
}

std::optional<netemu::IpPrefix> rule_prefix(const std::string& text) {
    if (const auto prefix = netemu::IpPrefix::parse(text)) {
        return prefix;
    }
    const auto address = netemu::IpAddress::parse(text);
    return address ? std::optional(netemu::IpPrefix::host(*address)) : std::nullopt;
}

class RuleParser {
public:
    explicit RuleParser(std::vector<std::string> words) : words_(std::move(words)) {}

    void parse(IptablesRule& rule) {
        while (next_ < words_.size()) {
            const auto word = take();
            if (word == "!") {
                negated_ = true;
            } else if (word == "-m") {
                (void)take(); // its options say it all
            } else if (!flag(word, rule)) {
                option(word, take(), rule);
                negated_ = false;
            }
        }
    }

private:
    std::string take() { return next_ < words_.size() ? words_[next_++] : std::string{}; }

    /// Options without a value.
    static bool flag(const std::string& word, IptablesRule& rule) {
        if (word == "--rcheck" || word == "--update") {
            rule.remembered = true;
            return true;
        }
        return word == "--set" || word == "--reap" || word == "--rsource" || word == "--rdest" ||
               word == "--random-fully" || word == "--random" || word == "--persistent";
    }

    void address(const std::string& value, std::optional<IptablesMatch<netemu::IpPrefix>>& match) {
        if (const auto prefix = rule_prefix(value)) {
            match = {*prefix, negated_};
        }
    }

    void option(const std::string& name, const std::string& value, IptablesRule& rule) {
        if (name == "-s") {
            address(value, rule.source);
        } else if (name == "-d") {
            address(value, rule.destination);
        } else if (name == "-p") {
            rule.protocol = {value, negated_};
        } else if (name == "--dport") {
            rule.destination_port = {static_cast<std::uint16_t>(rule_number(value)), negated_};
        } else if (name == "--src-type") {
            rule.source_local = {value == "LOCAL", negated_};
        } else if (name == "--dst-type") {
            rule.destination_local = {value == "LOCAL", negated_};
        } else if (name == "--mark") {
            const auto [mark, mask] = rule_mark(value);
            rule.mark = {mark, negated_};
            rule.mark_mask = mask;
        } else if (name == "--ctstate" || name == "--state") {
            rule.states = value;
        } else if (name == "--probability") {
            rule.probability = std::strtod(value.c_str(), nullptr);
        } else if (name == "--comment") {
            rule.comment = value;
        } else if (name == "-j" || name == "-g") {
            rule.target = value;
        } else if (name == "--to-destination" || name == "--to-ports") {
            rule.to = value;
        } else if (name == "--set-xmark") {
            std::tie(rule.mark_value, rule.mark_clear) = rule_mark(value);
        } else if (name == "--or-mark") {
            rule.mark_value = rule.mark_clear = rule_number(value);
        } else if (name == "--xor-mark") {
            rule.mark_value = rule_number(value);
        } else {
            rule.unknown = rule.unknown || !is_detail(name);
        }
    }

    /// Options that change nothing about whether the rule matches a new connection.
    static bool is_detail(const std::string& name) {
        return name == "--mode" || name == "--seconds" || name == "--name" || name == "--mask" ||
               name == "--reject-with";
    }

    std::vector<std::string> words_;
    std::size_t next_ = 0;
    bool negated_ = false;
};

/// "[12:720] " in front of a rule.
std::string_view take_counters(std::string_view line, IptablesRule& rule) {
    const auto end = line.find("] ");
    if (!line.starts_with('[') || end == std::string_view::npos) {
        return line;
    }
    const auto colon = line.find(':');
    std::from_chars(line.data() + 1, line.data() + colon, rule.packets);
    std::from_chars(line.data() + colon + 1, line.data() + end, rule.bytes);
    return line.substr(end + 2);
}

} // namespace

IptablesRuleset parse_iptables_save(std::string_view saved) {
    IptablesRuleset ruleset;
    std::map<std::string, std::vector<IptablesRule>>* table = nullptr;
    for (const auto line : netemu::split(saved, '\n')) {
        if (line.starts_with('*')) {
            table = &ruleset[std::string(line.substr(1))];
        } else if (table != nullptr && line.starts_with(':')) {
            (*table)[std::string(line.substr(1, line.find(' ') - 1))];
        } else if (table != nullptr) {
            IptablesRule rule;
            const auto rest = take_counters(line, rule);
            const bool first = rest.starts_with("-I ");
            if (!first && !rest.starts_with("-A ")) {
                continue;
            }
            const auto end = rest.find(' ', 3);
            const std::string chain(rest.substr(3, end == std::string_view::npos ? end : end - 3));
            rule.text = end == std::string_view::npos ? "" : std::string(rest.substr(end + 1));
            RuleParser(rule_words(rule.text)).parse(rule);
            auto& rules = (*table)[chain];
            rules.insert(first ? rules.begin() : rules.end(), std::move(rule));
        }
    }
    return ruleset;
}

} // namespace services
