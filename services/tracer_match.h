#pragma once

#include "services/tracer_index.h"

/// Statements of nftables rules, evaluated for one packet. For the tracer only.
namespace services {

/// A packet on its way: what rules see of it changes.
struct TraceState {
    TracePacket packet;
    const TraceMemory* memory = nullptr;
    TraceOutcome outcome;
    std::string what;    // of the rule at hand
    std::string element; // that it found, with its set
};

/// Answers of the random number generator, tried one after the other.
class TraceChoices {
public:
    /// The next number below `count`.
    std::uint32_t next(std::uint32_t count);
    /// What the numbers taken so far were worth together.
    [[nodiscard]] double probability() const;
    /// Starts again with the next combination; false when all were tried.
    bool advance();

private:
    struct Choice {
        std::uint32_t taken = 0;
        std::uint32_t count = 1;
    };
    std::vector<Choice> choices_;
    std::size_t at_ = 0;
};

/// What a rule's statements led to.
struct TraceResult {
    enum class Kind { NoMatch, GoOn, Accept, Drop, Reject, Return, Jump, Goto };
    Kind kind = Kind::GoOn;
    std::string chain; // of Jump and Goto
};

/// Evaluates one statement. NoMatch ends the rule, GoOn leads to the next statement.
TraceResult trace_statement(
    const netemu::NftStatement& statement,
    const TraceTable& table,
    TraceState& state,
    TraceChoices& choices,
    const std::vector<IpAddress>& local);

} // namespace services
