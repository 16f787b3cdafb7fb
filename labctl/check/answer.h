#pragma once

#include <string>

#include "labctl/check/assertion.h"
#include "labctl/check/expand.h"
#include "labctl/probe/probe.h"

/// What an assertion expects of an answer: status, fields, backend, identities, records ... Pure.
/// Private to the room.
namespace labctl::check {

struct AnswerFinding {
    std::string unmet;        // a sentence about the first condition that is not met; "": none
    std::string silent_about; // what it does not say although it was asked for; "": nothing
};

/// `result` has an answer.
AnswerFinding
examine_answer(const Flow& flow, const probe::Result& result, const Expectation& expect);

/// Whether `expect` says something about what the answer has in it, and not only that one comes.
bool expects_content(const Expectation& expect);

} // namespace labctl::check
