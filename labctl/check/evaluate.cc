#include "labctl/check/evaluate.h"

#include <algorithm>

#include "labctl/check/batch.h"
#include "labctl/check/coverage.h"
#include "labctl/check/expand.h"
#include "labctl/check/judge.h"
#include "labctl/check/verdict.h"
#include "netemu/base/text.h"

namespace labctl::check {

namespace {

using netemu::Clock;
using std::chrono::microseconds;

/// One assertion on its way to a verdict.
struct Tracker {
    const Assertion* assertion = nullptr;
    Record record; // of the last round
    std::uint32_t rounds = 0;
    std::optional<Clock::time_point> held_since;
    bool settled = false;
};

/// What one unsettled assertion put into the batch of a round.
struct Share {
    Tracker* tracker = nullptr;
    Expansion expansion;
    std::vector<std::size_t> probes; // index in the batch, per flow; kNotProbed for a blocked one
    std::vector<std::size_t> controls;
    std::vector<Coverage> coverage; // per flow

    /// All exchanges of a flow; nullptr if there were none.
    [[nodiscard]] const probe::Result* result(std::size_t flow, const Batch& batch) const {
        const auto* all = coverage[flow].all();
        return all != nullptr               ? all
               : probes[flow] == kNotProbed ? nullptr
                                            : batch.result(probes[flow]);
    }
};

class Evaluation {
public:
    Evaluation(const std::vector<Assertion>& assertions, const Hooks& hooks, const Options& options)
        : hooks_(hooks), options_(options), start_(hooks.now()) {
        for (const auto& assertion : assertions) {
            trackers_.push_back({&assertion, {}, 0, std::nullopt, false});
        }
    }

    Report run() {
        auto interval = Clock::duration(kRetryFirst);
        while (unsettled()) {
            round();
            if (options_.fail_fast && failed()) {
                give_up();
            }
            if (unsettled()) {
                hooks_.wait_until(next_round(interval));
                interval = std::min<Clock::duration>(interval * 2, kRetryLast);
            }
        }
        for (auto& tracker : trackers_) {
            report_.records.push_back(std::move(tracker.record));
        }
        report_.duration_us = elapsed_us(hooks_.now());
        return std::move(report_);
    }

private:
    [[nodiscard]] std::uint64_t elapsed_us(Clock::time_point now) const {
        return static_cast<std::uint64_t>(
            std::chrono::duration_cast<microseconds>(now - start_).count());
    }

    [[nodiscard]] bool unsettled() const {
        return std::ranges::any_of(trackers_, [](const auto& tracker) { return !tracker.settled; });
    }

    [[nodiscard]] bool failed() const {
        return std::ranges::any_of(trackers_, [](const auto& tracker) {
            return tracker.settled && tracker.record.verdict == Verdict::Fail &&
                   tracker.record.level == Level::Error;
        });
    }

    void round() {
        const auto world = hooks_.world();
        const auto begun_us = elapsed_us(hooks_.now());
        Batch batch;
        std::vector<Share> shares;
        for (auto& tracker : trackers_) {
            if (!tracker.settled) {
                shares.push_back(prepare(tracker, world, batch));
            }
        }
        batch.run(hooks_.run);
        EndpointMemory endpoints(hooks_.endpoints);
        for (auto& share : shares) {
            widen(share, endpoints, batch);
        }
        batch.run(hooks_.run);
        for (auto& share : shares) {
            widen_by_name(share, batch);
        }
        batch.run(hooks_.run);
        for (auto& share : shares) {
            take_in(share, batch);
            follow_drops(share, world, batch);
        }
        batch.run(hooks_.run);
        report_.probes += batch.size();
        const auto now = hooks_.now();
        for (auto& share : shares) {
            const VerdictInput input{
                *share.tracker->assertion,
                share.expansion,
                share.probes,
                share.controls,
                share.coverage,
                batch,
                world,
                hooks_.dropped_by};
            auto record = make_record(input);
            record.duration_us = begun_us + own_time_us(share, batch);
            advance(*share.tracker, std::move(record), now);
        }
    }

    [[nodiscard]] Share prepare(Tracker& tracker, const World& world, Batch& batch) const {
        const auto& assertion = *tracker.assertion;
        Share share{&tracker, expand(assertion, world, options_.timeout_ms), {}, {}, {}};
        share.coverage.resize(share.expansion.flows.size());
        const bool proof = needs_proof(assertion.expect);
        for (const auto& flow : share.expansion.flows) {
            if (!flow.blocked.empty()) {
                share.probes.push_back(kNotProbed);
                continue;
            }
            share.probes.push_back(batch.add(flow.request));
            if (proof) {
                add_controls(sender_controls(flow, world), share, batch);
                add_controls(listener_controls(flow, world), share, batch);
            }
        }
        return share;
    }

    /// Of the slowest of its probes: others of the round may have taken longer.
    static std::uint64_t own_time_us(const Share& share, const Batch& batch) {
        std::uint64_t longest = 0;
        const auto count = [&](std::size_t index) {
            const auto* result = index == kNotProbed ? nullptr : batch.result(index);
            longest = std::max(longest, result == nullptr ? 0 : result->elapsed_us);
        };
        std::ranges::for_each(share.probes, count);
        std::ranges::for_each(share.controls, count);
        for (const auto& coverage : share.coverage) {
            std::ranges::for_each(coverage.probes(), count);
        }
        return longest;
    }

    /// A denial of one endpoint of a Service is none of the others.
    static void widen(Share& share, EndpointMemory& endpoints, Batch& batch) {
        if (share.tracker->assertion->expect.kind != Expectation::Kind::Deny) {
            return;
        }
        for (std::size_t i = 0; i < share.expansion.flows.size(); ++i) {
            if (const auto* result = share.result(i, batch)) {
                share.coverage[i].widen(share.expansion.flows[i], *result, endpoints, batch);
            }
        }
    }

    static void widen_by_name(Share& share, Batch& batch) {
        for (std::size_t i = 0; i < share.expansion.flows.size(); ++i) {
            if (const auto* result = share.result(i, batch)) {
                share.coverage[i].widen_by_name(share.expansion.flows[i], *result, batch);
            }
        }
    }

    static void take_in(Share& share, const Batch& batch) {
        for (std::size_t i = 0; i < share.expansion.flows.size(); ++i) {
            if (const auto* result = share.result(i, batch)) {
                share.coverage[i].take_in(*result, batch);
            }
        }
    }

    /// Only its drop tells which endpoint a Service chose for a packet, so that one's controls go
    /// out behind the others.
    static void follow_drops(Share& share, const World& world, Batch& batch) {
        if (!needs_proof(share.tracker->assertion->expect)) {
            return;
        }
        for (std::size_t i = 0; i < share.expansion.flows.size(); ++i) {
            const auto& flow = share.expansion.flows[i];
            const auto* result = share.result(i, batch);
            const bool chosen = share.coverage[i].choices() > 1;
            if (result == nullptr || (!chosen && batch.who_reached(flow.request.to.text))) {
                continue;
            }
            for (const auto& at : dropped_at(flow, *result, world)) {
                if (!batch.who_reached(at.target.text)) {
                    add_controls(listener_controls(flow, at), share, batch);
                }
            }
        }
    }

    static void
    add_controls(const std::vector<probe::Request>& controls, Share& share, Batch& batch) {
        auto& indices = share.controls;
        for (const auto& control : controls) {
            indices.push_back(batch.add(control));
        }
        std::ranges::sort(indices);
        indices.erase(std::unique(indices.begin(), indices.end()), indices.end());
    }

    void advance(Tracker& tracker, Record record, Clock::time_point now) {
        const auto& assertion = *tracker.assertion;
        const auto waited = elapsed_us(now);
        record.attempts = ++tracker.rounds;
        tracker.record = std::move(record);
        if (tracker.record.verdict == Verdict::Pass) {
            tracker.held_since = tracker.held_since.value_or(now);
            if (now - *tracker.held_since >= microseconds(assertion.for_us)) {
                settle(tracker);
            }
            return;
        }
        const auto held_since = std::exchange(tracker.held_since, std::nullopt);
        if (waited < assertion.within_us) {
            return; // there is time to try again
        }
        if (held_since) {
            const auto held = std::chrono::duration_cast<microseconds>(now - *held_since).count();
            tracker.record.reason = "it held for " +
                                    netemu::format_duration_us(static_cast<std::uint64_t>(held)) +
                                    " of " + netemu::format_duration_us(assertion.for_us) +
                                    ", then: " + tracker.record.reason;
        } else if (assertion.within_us > 0) {
            tracker.record.reason = "not within " +
                                    netemu::format_duration_us(assertion.within_us) + ": " +
                                    tracker.record.reason;
        }
        settle(tracker);
    }

    void settle(Tracker& tracker) {
        tracker.settled = true;
        say_why_allowed(tracker);
        if (hooks_.finished) {
            hooks_.finished(tracker.record);
        }
    }

    /// Of a denial that was answered: the first flow is asked about, for the others are alike.
    void say_why_allowed(Tracker& tracker) const {
        auto& record = tracker.record;
        if (!hooks_.why_allowed || record.verdict != Verdict::Fail || !record.hint.empty() ||
            tracker.assertion->expect.kind != Expectation::Kind::Deny) {
            return;
        }
        const auto answered = std::ranges::find_if(record.evidence, [](const Evidence& each) {
            return !each.control && each.verdict == Verdict::Fail && each.outcome.starts_with("ok");
        });
        if (answered != record.evidence.end()) {
            record.hint = hooks_.why_allowed(answered->from, answered->to);
        }
    }

    void give_up() {
        for (auto& tracker : trackers_) {
            if (!tracker.settled) {
                tracker.record.verdict = Verdict::Inconclusive;
                tracker.record.reason = "not settled: the run ended at the first failure";
                settle(tracker);
            }
        }
    }

    /// After the interval, or at the first moment at which an assertion runs out of time or has
    /// held for long enough, if that comes earlier.
    [[nodiscard]] Clock::time_point next_round(Clock::duration interval) const {
        const auto now = hooks_.now();
        auto next = now + interval;
        for (const auto& tracker : trackers_) {
            if (tracker.settled) {
                continue;
            }
            const auto deadline =
                tracker.held_since ? *tracker.held_since + microseconds(tracker.assertion->for_us)
                                   : start_ + microseconds(tracker.assertion->within_us);
            if (deadline > now) {
                next = std::min(next, deadline);
            }
        }
        return next;
    }

    const Hooks& hooks_;
    const Options& options_;
    Clock::time_point start_;
    std::vector<Tracker> trackers_;
    Report report_;
};

} // namespace

Report
evaluate(const std::vector<Assertion>& assertions, const Hooks& hooks, const Options& options) {
    return Evaluation(assertions, hooks, options).run();
}

} // namespace labctl::check
