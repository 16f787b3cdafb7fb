#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "labctl/check/assertion.h"

/// The parts that the short and the long form share. Private to the room.
namespace labctl::check {

/// Splits at any of `separators` outside braces, brackets, parentheses and quotes. Parts are
/// trimmed; empty ones are kept only for a comma. Throws netemu::UsageError when something is not
/// closed.
std::vector<std::string_view> split_outside(std::string_view text, std::string_view separators);

/// SELECTOR[:PORT[/PROTO]] or a URL.
Destination parse_destination(std::string_view text);

/// Names of statuses of gRPC, and SERVING or NOT_SERVING, with commas.
std::vector<std::string> parse_grpc_words(std::string_view text);
/// One word: allow, deny, an outcome, or statuses. Throws netemu::UsageError with a suggestion.
Expectation parse_expect_word(std::string_view word);
/// "200", "2xx", "200-204", several with commas.
std::vector<std::pair<int, int>> parse_statuses(std::string_view text);
std::uint64_t parse_duration_field(std::string_view name, std::string_view text);
/// "netpol/prod/x" as "networkpolicy/prod/x". Throws netemu::UsageError unless it has two or three
/// parts, as its kind has them.
std::string parse_rule_name(std::string_view text);
Level parse_level(std::string_view text);
/// "~50%", "40-60%", "0%": see Share.
Share parse_share(const std::string& backend, std::string_view text);

Assertion parse_short(std::string_view text, const std::string& ns);
/// The value of `expect` in the long form: a word, a status, or a mapping.
Expectation parse_expectation(const api::Json& value);
Assertion parse_long(const api::Json& mapping, const std::string& ns);
/// A mapping with a `matrix`: one assertion for each cell that asserts something.
bool is_matrix(const api::Json& value);
std::vector<Assertion> parse_matrix(const api::Json& mapping, const std::string& ns);
/// Checks that hold whichever form it came from, and throws an EntryError with all that do not;
/// fills expect.text.
void finish(Assertion& assertion);

} // namespace labctl::check
