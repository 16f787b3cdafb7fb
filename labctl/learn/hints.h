#pragma once

#include <string>
#include <vector>

#include "labctl/check/record.h"

/// Hints that come from what a learner's own lab does. Pure.
namespace labctl::learn {

/// Three for one assertion that is no pass, each saying more: where to look, what kind of thing it
/// is, and which object. Never a command. Empty for one that passed.
std::vector<std::string> hints_from(const check::Assertion& assertion, const check::Record& record);

/// One word for what stands in the way, for those who may see no more: "names", "policy",
/// "refused", "identity", "path", "answer", "too open", "nothing there".
std::string category_of(const check::Record& record);

/// What a record says without who or what: of a hidden assertion.
std::string veiled_title(std::size_t number);

} // namespace labctl::learn
