#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "labctl/check/assertion.h"
#include "labctl/check/record.h"
#include "labctl/check/world.h"
#include "labctl/probe/probe.h"
#include "netemu/base/event_loop.h"

/// Judges assertions against a lab that is reached through handed-in functions. No I/O of its own.
namespace labctl::check {

using ProbeRunner = std::function<std::vector<probe::Result>(const probe::RequestList&)>;

/// The owner of the rule that dropped this probe ("networkpolicy/NS/NAME"), if one is known that
/// the result itself does not name (probe::Drop).
using DropEvidence =
    std::function<std::optional<std::string>(const probe::Request&, const probe::Result&)>;

/// Why policies let such a probe pass, in a sentence, or empty. `from` and `to` are those of an
/// Evidence.
using AllowReason = std::function<std::string(const std::string& from, const std::string& to)>;

/// What a connection of `from` to the address `to` ("tcp://10.96.0.7:80") may be given: each
/// endpoint ("ADDRESS:PORT") that the proxies on its way choose from. Empty where nobody can tell.
using EndpointFinder =
    std::function<std::vector<std::string>(const std::string& from, const std::string& to)>;

struct Hooks {
    std::function<World()> world; // the lab now; called once per round
    ProbeRunner run;              // all probes of a round in one call; results in any order, by id
    std::function<netemu::Clock::time_point()> now;
    /// Returns at that time, or earlier when something in the lab changed.
    std::function<void(netemu::Clock::time_point)> wait_until;
    DropEvidence dropped_by;                     // empty: only what is in the results counts
    AllowReason why_allowed;                     // empty, or asked when a denial was answered
    EndpointFinder endpoints;                    // asked when one was chosen and a rule denied it
    std::function<void(const Record&)> finished; // empty, or called as each assertion is settled
};

struct Options {
    std::uint64_t timeout_ms = 1000; // of a probe whose assertion names none
    /// Settle nothing more once an assertion of level error has failed: what still waits is
    /// inconclusive.
    bool fail_fast = false;
};

/// The state machine, in rounds: all flows of all unsettled assertions and their controls go out in
/// one batch, each distinct probe once. An assertion with `within` is tried again until it holds or
/// that time is over; one with `for` must hold in every round for that long, and with both the time
/// of holding must begin within the first. The interval between rounds grows from kRetryFirst to
/// kRetryLast. What a hook throws leaves this function.
Report
evaluate(const std::vector<Assertion>& assertions, const Hooks& hooks, const Options& options = {});

inline constexpr std::chrono::milliseconds kRetryFirst{20};
inline constexpr std::chrono::milliseconds kRetryLast{250};

} // namespace labctl::check
