#pragma once

#include <functional>
#include <span>
#include <string>
#include <vector>

#include "labctl/api/assertion_input.h"
#include "labctl/check/assertion.h"
#include "netemu/base/error.h"

/// From the JSON of a check file to assertions. Pure.
namespace labctl::check {

/// One thing that is wrong with one assertion.
struct Diagnostic {
    api::Source source;
    std::string message;
    std::string hint; // or empty
};

/// All that is wrong with a list of assertions; the text has one line for each, "file:line:col:
/// message".
class CheckError : public netemu::UsageError {
public:
    explicit CheckError(std::vector<Diagnostic> diagnostics);
    [[nodiscard]] const std::vector<Diagnostic>& diagnostics() const noexcept {
        return diagnostics_;
    }

private:
    std::vector<Diagnostic> diagnostics_;
};

/// One assertion: a string in the short form
///
///     FROM [except LIST] -> TO EXPECT [except LIST] [by RULE] [within 5s] [for 2s] [warning]
///
/// where TO is SELECTOR[:PORT[/tcp|udp|sctp|http|https|grpc]], SELECTOR icmp, or a URL of the probe
/// contract, and EXPECT is allow, deny, a raw outcome (refused, unreachable, timeout, reset,
/// dns-error, tls-error), an HTTP status (200, 2xx, 200,204) or one of gRPC by its name (OK,
/// SERVING, PERMISSION_DENIED,UNAVAILABLE); or a mapping, the long form, of the fields
///
///     name title description namespace from except to path expect by within for level points tags
///     hidden family timeout count method headers body sourcePort via during
///
/// where `during` is a fault, or a list of them, in the words of `labctl fault`: "stop
/// node/node-2", "drop backend --share 30%". They are in force while the assertion is probed.
///
/// `ns` is the namespace of names that have none. Throws CheckError with the position.
Assertion parse_assertion(const api::Json& value, const api::Source& source, const std::string& ns);

/// The entries of check files, in order: assertions, and whole matrices, mappings with
///
///     matrix: |
///       .         frontend  backend
///       client    .         X
///       frontend  -         .
///     port: 8080/tcp
///
/// whose rows are sources and whose columns are targets: `.` allow, `X` deny, `-` nothing. The
/// other fields of the long form hold for every cell, and the points are shared out among them.
/// Ids are the places in the list, from `first_id`; cells have "ID.1", "ID.2", ... All that is
/// wrong with any of them is thrown together, each with the place of its field.
std::vector<Assertion>
parse_entries(std::span<const api::AssertionInput> entries, std::size_t first_id = 1);

/// Where in the file the n-th assertion (from 0) stands.
using SourceOf = std::function<api::Source(std::size_t index)>;

/// A list of assertions. Ids count from `first_id`. All that is wrong is thrown together.
std::vector<Assertion> parse_assertions(
    const api::Json& list,
    const SourceOf& source_of,
    const std::string& ns,
    std::size_t first_id = 1);

/// The assertions of a `kind: Check` object: the list at spec.assertions (or spec, when that is the
/// list). Names are of the object's namespace. Without `source_of` every assertion has the object's
/// own position.
std::vector<Assertion>
parse_check(const api::Object& check, std::size_t first_id = 1, const SourceOf& source_of = {});

} // namespace labctl::check
