#pragma once

#include <string>

#include "netemu/model/observed.h"
#include "netemu/model/plan.h"

namespace netemu::test {

/// An observation as text, one thing a line: equal texts mean equal states, whatever the order of
/// the lists and however neighbours are spread over own and shared lists.
std::string to_text(const ObservedState& state);

/// The description of every operation, one a line.
std::string to_text(const Plan& plan);

/// The first lines that differ, side by side, for a message; empty if there are none.
std::string first_difference(const std::string& left, const std::string& right);

} // namespace netemu::test
