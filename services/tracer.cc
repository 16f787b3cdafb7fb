#include "services/tracer.h"

#include <algorithm>

#include "netemu/model/nft_text.h"
#include "services/tracer_index.h"
#include "services/tracer_match.h"

namespace services {
namespace {

using namespace netemu;
using Kind = TraceResult::Kind;

constexpr int kTraceDepthMax = 16; // NFT_JUMP_STACK_SIZE; a goto counts here too
constexpr std::size_t kTraceOutcomesMax = 4096;

std::string rule_text(const NftRule& rule, NftFamily family) {
    return to_text(NftRule{rule.statements, {}}, family);
}

/// One packet's way through a namespace, with one set of random choices.
template <typename Index>
class TraceWalk {
public:
    TraceWalk(const Index& index, TraceState& state, TraceChoices& choices)
        : index_(index), state_(state), choices_(choices) {}

    void run() {
        if (state_.packet.from_node) {
            if (!pass(NftHook::Output) || !pass(NftHook::Postrouting)) {
                return;
            }
            source_done_ = destination_done_ = true; // a connection is translated once
            if (for_us() && pass(NftHook::Prerouting)) {
                deliver();
            }
            return;
        }
        if (!pass(NftHook::Prerouting)) {
            return;
        }
        if (for_us()) {
            deliver();
        } else if (pass(NftHook::Forward)) {
            pass(NftHook::Postrouting);
        }
    }

private:
    [[nodiscard]] bool for_us() const { return index_.is_local(state_.packet.destination); }

    void deliver() {
        if (pass(NftHook::Input)) {
            state_.outcome.delivered_here = true;
        }
    }

    /// Runs the base chains of a hook; false when the packet ends there.
    bool pass(NftHook hook) {
        const auto found = index_.hooks.find(hook);
        if (found == index_.hooks.end()) {
            return true;
        }
        for (const auto& [table, chain] : found->second) {
            if (!table->sees(state_.packet.source.family()) || translated(*chain, hook)) {
                continue;
            }
            auto result = run_chain(*table, *chain, 0);
            if (result == Kind::GoOn) {
                result = chain->base->policy == NftVerdict::Drop ? Kind::Drop : Kind::Accept;
            }
            if (result != Kind::Accept) {
                state_.outcome.verdict =
                    result == Kind::Drop ? TraceVerdict::Drop : TraceVerdict::Reject;
                state_.outcome.target.reset();
                state_.outcome.masqueraded = false;
                return false;
            }
            note_translation();
        }
        return true;
    }

    /// A second nat chain of a hook is not looked at once an address is chosen.
    [[nodiscard]] bool translated(const NftChain& chain, NftHook hook) const {
        if (chain.base->type != "nat") {
            return false;
        }
        const bool source = hook == NftHook::Postrouting || hook == NftHook::Input;
        return source ? source_done_ : destination_done_;
    }
    void note_translation() {
        destination_done_ = destination_done_ || state_.outcome.target.has_value();
        source_done_ = source_done_ || state_.outcome.masqueraded;
    }

    /// GoOn: the chain ended or returned.
    Kind run_chain(const TraceTable& table, const NftChain& chain, int depth) {
        if (depth > kTraceDepthMax) {
            throw Error("jumps without end at chain " + chain.name + " of " + table.label);
        }
        for (const auto& rule : chain.rules) {
            const auto result = run_rule(table, chain, rule);
            switch (result.kind) {
            case Kind::NoMatch:
            case Kind::GoOn:
                break;
            case Kind::Return:
                return Kind::GoOn;
            case Kind::Jump:
                if (const auto end = run_chain(table, table.chain(result.chain), depth + 1);
                    end != Kind::GoOn) {
                    return end;
                }
                break;
            case Kind::Goto: // comes back to where this chain was called
                return run_chain(table, table.chain(result.chain), depth + 1);
            default:
                return result.kind;
            }
        }
        return Kind::GoOn;
    }

    TraceResult run_rule(const TraceTable& table, const NftChain& chain, const NftRule& rule) {
        TraceResult result;
        state_.what = "match";
        state_.element.clear();
        for (const auto& statement : rule.statements) {
            result = trace_statement(statement, table, state_, choices_, index_.local);
            if (result.kind == Kind::NoMatch) {
                return result;
            }
        }
        state_.outcome.steps.push_back(
            {state_.what,
             table.label,
             chain.name,
             rule_text(rule, table.table->family),
             rule.comment,
             state_.element});
        return result;
    }

    const Index& index_;
    TraceState& state_;
    TraceChoices& choices_;
    bool destination_done_ = false;
    bool source_done_ = false;
};

} // namespace

std::string TraceOutcome::to_string() const {
    switch (verdict) {
    case TraceVerdict::Drop:
        return "DROP";
    case TraceVerdict::Reject:
        return "REJECT";
    case TraceVerdict::Close:
        return "CLOSE";
    case TraceVerdict::Accept:
        break;
    }
    return target ? target->to_string() : std::string{};
}

NftTracer::NftTracer(
    std::span<const NftTable* const> tables, std::vector<IpAddress> local_addresses) {
    auto index = std::make_unique<Index>();
    index->local = std::move(local_addresses);
    for (const auto* table : tables) {
        index->tables.push_back(std::make_unique<TraceTable>(*table));
        const auto& made = *index->tables.back();
        for (const auto& chain : table->chains) {
            if (chain.base) {
                index->hooks[chain.base->hook].push_back({&made, &chain});
            }
        }
    }
    for (auto& [hook, chains] : index->hooks) {
        std::stable_sort(chains.begin(), chains.end(), [](const auto& a, const auto& b) {
            return a.chain->base->priority < b.chain->base->priority;
        });
    }
    index_ = std::move(index);
}

NftTracer::~NftTracer() = default;
NftTracer::NftTracer(NftTracer&&) noexcept = default;
NftTracer& NftTracer::operator=(NftTracer&&) noexcept = default;

std::vector<TraceOutcome>
NftTracer::trace(const TracePacket& packet, const TraceMemory& memory) const {
    std::vector<TraceOutcome> outcomes;
    TraceChoices choices;
    do {
        TraceState state{packet, &memory, {}, {}, {}};
        TraceWalk{*index_, state, choices}.run();
        state.outcome.probability = choices.probability();
        outcomes.push_back(std::move(state.outcome));
    } while (choices.advance() && outcomes.size() < kTraceOutcomesMax);
    return outcomes;
}

} // namespace services
