#include <algorithm>
#include <array>

#include "labctl/check/parse_common.h"
#include "labctl/check/problems.h"
#include "labctl/check/words.h"
#include "netemu/base/error.h"
#include "netemu/base/text.h"

namespace labctl::check {

namespace {

using netemu::UsageError;
using Words = std::vector<std::string_view>;

constexpr const char* kGrammar =
    "write FROM -> TO:PORT allow, for example: frontend -> backend:8080/tcp allow within 5s";

constexpr std::array<std::string_view, 6> kClauses{
    "except", "within", "for", "by", "warning", "warn"};

bool is_clause(std::string_view word) {
    return std::ranges::find(kClauses, word) != kClauses.end();
}

struct Halves {
    std::string_view left;
    std::string_view right;
};

Halves split_at_arrow(std::string_view text) {
    for (const std::string_view arrow : {"->", "\xe2\x86\x92"}) { // the second is U+2192
        const auto at = text.find(arrow);
        if (at != std::string_view::npos) {
            return {netemu::trim(text.substr(0, at)), netemu::trim(text.substr(at + arrow.size()))};
        }
    }
    throw UsageError("'" + std::string(text) + "' has no '->'", kGrammar);
}

/// The text from the first of `words` to the end of the last: all are parts of one string.
std::string_view span_of(Words::const_iterator first, Words::const_iterator last) {
    const auto* begin = first->data();
    const auto& end = *std::prev(last);
    return {begin, static_cast<std::size_t>(end.data() + end.size() - begin)};
}

/// Words up to the next clause; a list may be written with spaces behind its commas.
Words::const_iterator clause_end(Words::const_iterator first, Words::const_iterator end) {
    return std::find_if(first, end, is_clause);
}

void parse_source(std::string_view text, Assertion& assertion) {
    const auto words = split_outside(text, " \t");
    const auto except = std::ranges::find(words, "except");
    if (except == words.begin()) {
        throw UsageError("the assertion says nothing before '->'", kGrammar);
    }
    assertion.from.text = span_of(words.begin(), except);
    assertion.from.terms = parse_terms(assertion.from.text);
    if (except != words.end()) {
        if (std::next(except) == words.end()) {
            throw UsageError("'except' is followed by nothing");
        }
        assertion.from.except = parse_terms(span_of(std::next(except), words.end()));
    }
}

void parse_clause(std::string_view name, std::string_view value, Assertion& assertion) {
    if (name.starts_with("warn")) {
        if (!value.empty()) {
            throw UsageError(
                "'" + std::string(value) + "' behind '" + std::string(name) +
                "' means nothing here");
        }
        assertion.level = Level::Warning;
        return;
    }
    if (value.empty()) {
        throw UsageError("'" + std::string(name) + "' is followed by nothing");
    }
    if (name == "except") {
        std::ranges::move(parse_terms(value), std::back_inserter(assertion.from.except));
    } else if (name == "within") {
        assertion.within_us = parse_duration_field(name, value);
    } else if (name == "for") {
        assertion.for_us = parse_duration_field(name, value);
    } else {
        assertion.expect.by = parse_rule_name(value);
    }
}

/// Where the target ends: a list goes on behind a comma.
Words::const_iterator target_end(const Words& words) {
    auto end = std::next(words.begin());
    while (end != words.end() && std::prev(end)->ends_with(',')) {
        ++end;
    }
    return end;
}

void make_icmp(std::string_view word, Destination& destination) {
    if (word != "icmp") {
        throw UsageError(quote(word) + " is not understood here", "did you mean 'icmp'?");
    }
    if (destination.url || !destination.port.empty()) {
        throw UsageError("ICMP has no ports, but the target names one");
    }
    destination.scheme = probe::Scheme::Icmp;
    destination.text += " icmp";
}

/// What stands behind the expectation.
void parse_clauses(const Words& words, Assertion& assertion) {
    auto at = words.begin();
    if (at != words.end() && !is_clause(*at)) {
        std::vector<std::string> names(kClauses.begin(), kClauses.end());
        const auto near = netemu::nearest(*at, names);
        throw UsageError(
            quote(*at) + " is not understood here",
            near ? "did you mean '" + *near + "'?" : kGrammar);
    }
    Problems problems;
    while (at != words.end()) {
        const auto name = *at++;
        const auto end = clause_end(at, words.end());
        const auto value = at == end ? std::string_view{} : span_of(at, end);
        problems.in({}, [&] { parse_clause(name, value, assertion); });
        at = end;
    }
    problems.raise();
}

void parse_right(std::string_view text, Assertion& assertion) {
    const auto words = split_outside(text, " \t");
    if (words.empty() || is_clause(words.front())) {
        throw UsageError("the assertion says nothing behind '->'", kGrammar);
    }
    auto at = target_end(words);
    const auto target = span_of(words.begin(), at);
    const bool icmp = at != words.end() && netemu::to_lower(*at) == "icmp";
    Problems problems;
    problems.in({}, [&] { assertion.to = parse_destination(target); });
    if (icmp) {
        problems.in({}, [&] { make_icmp(*at, assertion.to); });
        ++at;
    }
    if (at == words.end() || is_clause(*at)) {
        problems.add(
            {}, "the assertion does not say what is expected of " + quote(target), kGrammar);
    } else {
        problems.in({}, [&] { assertion.expect = parse_expect_word(*at); });
        ++at;
    }
    problems.in({}, [&] { parse_clauses(Words(at, words.end()), assertion); });
    problems.raise();
}

} // namespace

Assertion parse_short(std::string_view text, const std::string& ns) {
    Assertion assertion;
    assertion.ns = ns;
    const auto trimmed = netemu::trim(text);
    const auto [left, right] = split_at_arrow(trimmed);
    assertion.title = trimmed;
    Problems problems;
    problems.in({}, [&, &from = left] { parse_source(from, assertion); });
    problems.in({}, [&, &to = right] { parse_right(to, assertion); });
    problems.raise();
    finish(assertion);
    return assertion;
}

} // namespace labctl::check
