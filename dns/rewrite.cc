#include "dns/rewrite.h"

#include <charconv>
#include <regex>

#include "dns/rdata.h"
#include "netemu/base/text.h"

namespace dns {
namespace {

std::string with_dot(std::string text) {
    text = netemu::to_lower(text);
    return text.ends_with('.') ? text : text + '.';
}

std::string replace_all(std::string text, const std::string& from, const std::string& to) {
    for (std::size_t at = 0; !from.empty() && (at = text.find(from, at)) != std::string::npos;
         at += to.size()) {
        text.replace(at, from.size(), to);
    }
    return text;
}

/// coredns writes groups as {1}; ECMAScript as $1.
std::string replacement(std::string text) {
    text = replace_all(std::move(text), "$", "$$");
    for (char digit = '0'; digit <= '9'; ++digit) {
        text =
            replace_all(std::move(text), std::string("{") + digit + "}", std::string("$0") + digit);
    }
    return text;
}

std::optional<std::string>
regex_replace(const std::string& text, const std::regex& from, const std::string& to) {
    std::smatch match;
    if (!std::regex_search(text, match, from)) {
        return std::nullopt;
    }
    return match.format(to);
}

/// Of a name by prefix, suffix, ... ; nullopt when it does not match.
std::optional<std::string> replace_part(
    RewriteRule::Match match,
    const std::string& name,
    const std::string& from,
    const std::string& to) {
    switch (match) {
    case RewriteRule::Match::Exact:
        return name == with_dot(from) ? std::optional(with_dot(to)) : std::nullopt;
    case RewriteRule::Match::Prefix:
        return name.starts_with(from) ? std::optional(to + name.substr(from.size())) : std::nullopt;
    case RewriteRule::Match::Suffix: {
        const auto tail = with_dot(from);
        return name.ends_with(tail)
                   ? std::optional(name.substr(0, name.size() - tail.size()) + with_dot(to))
                   : std::nullopt;
    }
    default:
        return name.find(from) != std::string::npos ? std::optional(replace_all(name, from, to))
                                                    : std::nullopt;
    }
}

} // namespace

struct Rewriter::Compiled {
    RewriteRule rule;
    std::optional<std::regex> from;
    std::vector<std::pair<std::regex, std::string>> answers;

    [[nodiscard]] std::optional<std::string> name(const std::string& text) const {
        return from ? regex_replace(text, *from, replacement(rule.to))
                    : replace_part(rule.match, text, rule.from, rule.to);
    }

    /// For rules about TTL and rcode, whose `from` is a name to match.
    [[nodiscard]] bool matches(const std::string& text) const {
        return from ? std::regex_search(text, *from)
                    : replace_part(rule.match, text, rule.from, "x").has_value();
    }

    bool apply(Question& question) const {
        const auto text = netemu::to_lower(question.name.to_string());
        switch (rule.field) {
        case RewriteRule::Field::Name: {
            const auto changed = name(text);
            const auto parsed = changed ? Name::parse(*changed) : std::nullopt;
            if (parsed) {
                question.name = *parsed;
            }
            return parsed.has_value();
        }
        case RewriteRule::Field::Type:
            if (parse_type(rule.from) != question.type) {
                return false;
            }
            question.type = parse_type(rule.to).value_or(question.type);
            return true;
        case RewriteRule::Field::Class:
            if (parse_class(rule.from) != question.klass) {
                return false;
            }
            question.klass = parse_class(rule.to).value_or(question.klass);
            return true;
        default:
            return matches(text);
        }
    }

    void turn_back_name(Name& name) const {
        const auto text = netemu::to_lower(name.to_string());
        std::optional<std::string> changed;
        if (rule.answer_auto && !from) {
            changed = replace_part(rule.match, text, rule.to, rule.from);
        }
        for (const auto& [expression, to] : answers) {
            changed = changed ? changed : regex_replace(text, expression, to);
        }
        const auto parsed = changed ? Name::parse(*changed) : std::nullopt;
        if (parsed) {
            name = *parsed;
        }
    }

    void turn_back_record(Record& record) const {
        turn_back_name(record.owner);
        const auto target = rdata_target(record);
        if (!target) {
            return;
        }
        auto name = *target;
        turn_back_name(name);
        const auto before = record.rdata.size() - target->wire().size();
        record.rdata = record.rdata.substr(0, before) + name.wire();
    }

    void turn_back(Message& response) const {
        if (rule.field == RewriteRule::Field::Ttl) {
            std::uint32_t ttl = 0;
            std::from_chars(rule.to.data(), rule.to.data() + rule.to.size(), ttl);
            for (auto& record : response.answers) {
                record.ttl = ttl;
            }
        } else if (rule.field == RewriteRule::Field::Rcode) {
            const auto space = rule.to.find(' ');
            if (parse_rcode(rule.to.substr(0, space)) == response.rcode) {
                response.rcode = parse_rcode(rule.to.substr(space + 1)).value_or(response.rcode);
            }
        } else if (rule.answer_auto || !answers.empty()) {
            for (auto* section : {&response.answers, &response.authority, &response.additional}) {
                for (auto& record : *section) {
                    turn_back_record(record);
                }
            }
        }
    }
};

Rewriter::Rewriter(const std::vector<RewriteRule>& rules) {
    for (const auto& rule : rules) {
        auto compiled = std::make_unique<Compiled>();
        compiled->rule = rule;
        if (rule.match == RewriteRule::Match::Regex) {
            compiled->from.emplace(rule.from, std::regex::icase);
        }
        for (const auto& [from, to] : rule.answer_names) {
            compiled->answers.emplace_back(std::regex(from, std::regex::icase), replacement(to));
        }
        rules_.push_back(std::move(compiled));
    }
}

Rewriter::~Rewriter() = default;

Rewriter::Result Rewriter::rewrite(const Question& question) const {
    Result result{question, {}};
    for (std::size_t i = 0; i < rules_.size(); ++i) {
        if (rules_[i]->apply(result.question)) {
            result.applied.push_back(i);
            if (rules_[i]->rule.stop) {
                break;
            }
        }
    }
    return result;
}

void Rewriter::revert(
    Message& response, const Question& original, const std::vector<std::size_t>& applied) const {
    for (auto i = applied.size(); i-- > 0;) {
        rules_[applied[i]]->turn_back(response);
    }
    // Names that are the question's again get its case as well (0x20).
    for (auto& record : response.answers) {
        if (record.owner.equals(original.name)) {
            record.owner = original.name;
        }
    }
    response.question = original;
}

} // namespace dns
