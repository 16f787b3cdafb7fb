#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "labctl/api/object.h"
#include "labctl/cli/client.h"
#include "labctl/cli/context.h"
#include "labctl/learn/answer.h"
#include "labctl/learn/challenge.h"
#include "labctl/learn/snapshot.h"
#include "labctl/learn/variant.h"

/// The labs that exercises run in: brought up, looked at, and changed by answers.
namespace labctl::cli {

/// A copy of the options with which a lab of this name is worked on.
Options options_for(const Context& context, const std::string& lab, bool quiet);

/// Brings up the lab of an exercise under that name, without its checks, and waits a moment for its
/// pods. Throws UsageError if a lab of this name is up. Nothing but false when interrupted. For as
/// long as the guard of the caller covers it, an interrupt ends the lab.
bool start_exercise_lab(
    const Context& context, const learn::Variant& variant, const std::string& name);

/// Every object of the lab, of every kind.
std::vector<api::Json> all_objects(Client& client);
learn::Snapshot snapshot_of(Client& client);
/// Waits until no pod is on its way in or out, but not for longer.
void wait_until_settled(Client& client, std::chrono::milliseconds limit);
std::vector<std::string> namespaces_of(Client& client);
/// Deletes and applies what an answer says.
void apply_answer(Client& client, const learn::Answer& answer);

/// Flows that the lab lets through and that lab would not which has the solution of the challenge;
/// none where nobody looks, or without a solution.
std::vector<std::string> opened_flows(
    const Context& context, const learn::Challenge& challenge, const learn::Variant& variant);

} // namespace labctl::cli
