/// `rewrite [continue|stop] FIELD [MATCH] FROM TO [answer ...]`, on one line or as a block (coredns
/// plugin/rewrite/README.md).
#include <regex>

#include "dns/corefile_plugins.h"

namespace dns {
namespace {

using Words = std::vector<std::string>;

std::optional<RewriteRule::Field> rewrite_field(const std::string& word) {
    if (word == "name") {
        return RewriteRule::Field::Name;
    }
    if (word == "type") {
        return RewriteRule::Field::Type;
    }
    if (word == "class") {
        return RewriteRule::Field::Class;
    }
    if (word == "ttl") {
        return RewriteRule::Field::Ttl;
    }
    return word == "rcode" ? std::optional(RewriteRule::Field::Rcode) : std::nullopt;
}

std::optional<RewriteRule::Match> rewrite_match(const std::string& word) {
    if (word == "exact") {
        return RewriteRule::Match::Exact;
    }
    if (word == "prefix") {
        return RewriteRule::Match::Prefix;
    }
    if (word == "suffix") {
        return RewriteRule::Match::Suffix;
    }
    if (word == "substring") {
        return RewriteRule::Match::Substring;
    }
    return word == "regex" ? std::optional(RewriteRule::Match::Regex) : std::nullopt;
}

void check_expression(const PluginReader& reader, const CorefileLine& line, const std::string& e) {
    try {
        const std::regex compiled(e);
    } catch (const std::regex_error&) {
        reader.fail(line, "'" + e + "' is no regular expression");
    }
}

/// What follows `answer`: `auto`, or `name FROM TO`.
void read_answer(
    const PluginReader& reader,
    const CorefileLine& line,
    const Words& words,
    std::size_t at,
    RewriteRule& rule) {
    if (at < words.size() && words[at] == "auto" && at + 1 == words.size()) {
        rule.answer_auto = true;
        return;
    }
    if (at < words.size() && words[at] == "name") {
        ++at;
    }
    if (at + 2 != words.size()) {
        reader.fail(line, "answer is auto, or name FROM TO");
    }
    check_expression(reader, line, words[at]);
    rule.answer_names.emplace_back(words[at], words[at + 1]);
}

void check_values(const PluginReader& reader, const CorefileLine& line, const RewriteRule& rule) {
    const bool good =
        rule.field == RewriteRule::Field::Type    ? parse_type(rule.from) && parse_type(rule.to)
        : rule.field == RewriteRule::Field::Class ? parse_class(rule.from) && parse_class(rule.to)
                                                  : true;
    if (!good) {
        reader.fail(line, "'" + rule.from + "' or '" + rule.to + "' is not known");
    }
    if (rule.match == RewriteRule::Match::Regex) {
        check_expression(reader, line, rule.from);
    }
}

RewriteRule
read_rule(const PluginReader& reader, const CorefileLine& line, const Words& words, bool stop) {
    RewriteRule rule;
    rule.stop = stop;
    const auto field = words.empty() ? std::nullopt : rewrite_field(words[0]);
    if (!field) {
        reader.fail(
            line,
            "rewrite does not know '" + (words.empty() ? std::string{} : words[0]) + "' here",
            "it can rewrite name, type, class, ttl and rcode");
    }
    rule.field = *field;
    std::size_t at = 1;
    if (const auto match = at < words.size() ? rewrite_match(words[at]) : std::nullopt) {
        rule.match = *match;
        ++at;
    }
    if (at + 2 > words.size()) {
        reader.fail(line, "rewrite needs FROM and TO");
    }
    rule.from = words[at];
    rule.to = words[at + 1];
    at += 2;
    if (rule.field == RewriteRule::Field::Rcode) { // NAME FROM TO
        if (at >= words.size() || !parse_rcode(rule.to) || !parse_rcode(words[at])) {
            reader.fail(line, "rewrite rcode is NAME FROM TO");
        }
        rule.to += " " + words[at++];
    }
    check_values(reader, line, rule);
    // coredns: prefix, suffix, substring and exact turn names in the answer back by themselves when
    // asked for `answer auto`; a regex needs `answer name`.
    if (at < words.size()) {
        if (words[at] != "answer") {
            reader.fail(line, "unexpected '" + words[at] + "'");
        }
        read_answer(reader, line, words, at + 1, rule);
    }
    return rule;
}

} // namespace

void read_rewrite(PluginReader& reader, ServerBlock& block) {
    Words words = reader.directive().arguments;
    bool stop = true;
    if (!words.empty() && (words[0] == "stop" || words[0] == "continue")) {
        stop = words[0] == "stop";
        words.erase(words.begin());
    }
    if (!words.empty()) {
        block.rewrite.push_back(read_rule(reader, reader.head(), words, stop));
        return;
    }
    const auto& body = reader.directive().body;
    if (body.empty()) {
        reader.fail(reader.head(), "rewrite needs FROM and TO");
    }
    auto rule = read_rule(reader, body[0], body[0].words, stop);
    for (std::size_t i = 1; i < body.size(); ++i) {
        if (body[i].words[0] != "answer") {
            reader.fail(body[i], "unexpected '" + body[i].words[0] + "'");
        }
        read_answer(reader, body[i], body[i].words, 1, rule);
    }
    block.rewrite.push_back(std::move(rule));
}

} // namespace dns
