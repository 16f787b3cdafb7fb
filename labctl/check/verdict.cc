#include "labctl/check/verdict.h"

#include <algorithm>
#include <map>

#include "labctl/check/happened.h"
#include "labctl/check/words.h"
#include "netemu/base/text.h"

namespace labctl::check {

Record record_of(const Assertion& assertion) {
    Record record;
    record.id = assertion.id;
    record.title = assertion.title;
    record.description = assertion.description;
    record.source = assertion.source;
    record.from = assertion.from.text;
    record.to = assertion.to.text;
    record.expected = assertion.expect.text;
    record.level = assertion.level;
    record.points = assertion.points;
    return record;
}

namespace {

class RecordMaker {
public:
    explicit RecordMaker(const VerdictInput& input)
        : in_(input), record_(record_of(input.assertion)) {
        record_.notes = in_.expansion.notes;
        record_.flows = in_.expansion.flows.size();
        record_.verdict = Verdict::Pass;
    }

    Record run() {
        if (!in_.expansion.nothing.empty()) {
            record_.verdict = Verdict::Error;
            record_.outcome = "nothing selected";
            record_.reason = in_.expansion.nothing;
            return std::move(record_);
        }
        for (const auto& finding : in_.expansion.findings) {
            worsen(finding.verdict, finding.text, {});
        }
        for (std::size_t i = 0; i < in_.expansion.flows.size(); ++i) {
            judge_flow(in_.expansion.flows[i], in_.probes[i], in_.coverage[i]);
        }
        conclude();
        keep_evidence();
        return std::move(record_);
    }

private:
    [[nodiscard]] Proof
    proof_for(const Flow& flow, const probe::Result* result, const Coverage& coverage) const {
        Proof proof;
        if (result == nullptr || !needs_proof(in_.assertion.expect)) {
            return proof;
        }
        proof.sends = in_.batch.reached_by(flow.request.from);
        prove_listening(flow, *result, coverage, proof);
        proof.unseen = coverage.unseen(in_.world);
        proof.choices = coverage.choices();
        prove_drop(*result, proof);
        if (proof.rules.empty() && in_.dropped_by) {
            if (auto name = in_.dropped_by(flow.request, *result)) {
                proof.rules.push_back({std::move(*name), {}, {}});
            }
        }
        return proof;
    }

    /// Of several endpoints each has to listen.
    void prove_listening(
        const Flow& flow,
        const probe::Result& result,
        const Coverage& coverage,
        Proof& proof) const {
        proof.listens = in_.batch.who_reached(flow.request.to.text);
        if (proof.listens && coverage.choices() < 2) {
            return;
        }
        for (const auto& at : dropped_at(flow, result, in_.world)) {
            proof.target = at.pod.label();
            proof.listens = in_.batch.who_reached(at.target.text);
            if (!proof.listens) {
                return;
            }
        }
    }

    void judge_flow(const Flow& flow, std::size_t index, const Coverage& coverage) {
        const auto* result = coverage.all();
        if (result == nullptr && index != kNotProbed) {
            result = in_.batch.result(index);
        }
        const auto judgement =
            judge(flow, result, in_.assertion.expect, proof_for(flow, result, coverage));
        const auto outcome = result == nullptr ? std::string("not probed") : outcome_text(*result);
        ++(result != nullptr && result->outcomes.size() > 1 ? outcomes_["mixed"]
                                                            : outcomes_[outcome]);
        unproven_ += judgement.unproven ? 1 : 0;
        deciders_.insert(deciders_.end(), judgement.decided_by.begin(), judgement.decided_by.end());
        const auto evidence = evidence_of(flow, result, outcome, judgement);
        worsen(
            judgement.verdict,
            evidence.from + " -> " + evidence.to +
                (evidence.target.empty() ? "" : " (" + evidence.target + ")") + ": " +
                judgement.text,
            judgement.hint);
        // All of those that are no pass may be wanted, but only a few of the others.
        auto& list = judgement.verdict == Verdict::Pass ? passes_ : others_;
        if (list.size() < Record::kEvidenceMax) {
            list.push_back(evidence);
        } else {
            ++record_.evidence_left_out;
        }
    }

    static Evidence evidence_of(
        const Flow& flow,
        const probe::Result* result,
        const std::string& outcome,
        const Judgement& judgement) {
        Evidence evidence;
        evidence.from = flow.request.from;
        evidence.to = flow.request.to.text;
        const auto label = flow.to.label();
        evidence.target = flow.to.kind == Party::Kind::Address ? "" : label;
        evidence.outcome = outcome;
        evidence.verdict = judgement.verdict;
        evidence.text = judgement.text;
        if (result != nullptr) {
            evidence.rtt_us = result->rtt_us;
            evidence.backend = result->first.backend;
            evidence.client_ip = result->first.client_ip;
        }
        return evidence;
    }

    /// Keeps the first sentence of the worst verdict.
    void worsen(Verdict verdict, const std::string& text, const std::string& hint) {
        const auto rank = [](Verdict v) {
            return v == Verdict::Pass ? 0 : v == Verdict::Inconclusive ? 1 : 2;
        };
        ++counts_[verdict];
        if (rank(verdict) > rank(record_.verdict)) {
            record_.verdict = verdict;
            record_.reason = text;
            record_.hint = hint;
        }
    }

    void conclude() {
        const auto total = record_.flows + in_.expansion.findings.size();
        const auto bad = counts_[record_.verdict];
        if (record_.verdict != Verdict::Pass && bad > 1) {
            record_.reason +=
                " (and " + std::to_string(bad - 1) + " more of " + plural(total, "flow") + ")";
        }
        note_unproven();
        record_.outcome = outcomes_line();
        std::ranges::sort(deciders_);
        deciders_.erase(std::unique(deciders_.begin(), deciders_.end()), deciders_.end());
        record_.decided_by = netemu::join(deciders_, ", ");
        if (record_.verdict == Verdict::Pass) {
            record_.reason = record_.flows == 1
                                 ? passes_.front().text
                                 : "as expected for all " + plural(record_.flows, "flow");
        }
    }

    /// What lenient flows could not show. An assertion that none of its flows could show is not
    /// shown.
    void note_unproven() {
        if (unproven_ == 0) {
            return;
        }
        const bool about_ip = !in_.assertion.expect.client_ip.empty();
        const auto* what = about_ip ? "from which address the request came" : "who gave the answer";
        record_.notes.push_back(
            "the answers to " + std::to_string(unproven_) + " of " + plural(record_.flows, "flow") +
            " do not say " + what);
        if (about_ip && unproven_ == record_.flows && record_.verdict == Verdict::Pass) {
            record_.verdict = Verdict::Inconclusive;
            record_.reason = std::string("every flow was answered, but no answer says ") + what;
        }
    }

    [[nodiscard]] std::string outcomes_line() const {
        if (outcomes_.size() == 1) {
            return outcomes_.begin()->first;
        }
        std::vector<std::string> parts;
        for (const auto& [name, count] : outcomes_) {
            parts.push_back(name + " " + std::to_string(count));
        }
        return netemu::join(parts, ", ");
    }

    void keep_evidence() {
        auto& kept = record_.evidence;
        kept = std::move(others_);
        std::ranges::move(passes_, std::back_inserter(kept));
        for (const auto index : in_.controls) {
            kept.push_back(control_evidence(index));
        }
        if (kept.size() > Record::kEvidenceMax) {
            record_.evidence_left_out += kept.size() - Record::kEvidenceMax;
            kept.resize(Record::kEvidenceMax);
        }
    }

    [[nodiscard]] Evidence control_evidence(std::size_t index) const {
        const auto& request = in_.batch.request(index);
        const auto* result = in_.batch.result(index);
        Evidence evidence;
        evidence.from = request.from;
        evidence.to = request.to.text;
        evidence.control = true;
        evidence.outcome = result == nullptr ? "not probed" : outcome_text(*result);
        if (result != nullptr) {
            evidence.rtt_us = result->rtt_us;
            evidence.backend = result->first.backend;
            evidence.client_ip = result->first.client_ip;
        }
        const bool ok = result != nullptr && result->first.outcome == probe::Outcome::Ok;
        evidence.verdict = ok ? Verdict::Pass : Verdict::Inconclusive;
        evidence.text = ok ? "control: it was answered" : "control: it was not answered";
        return evidence;
    }

    const VerdictInput& in_;
    Record record_;
    std::map<Verdict, std::size_t> counts_;
    std::map<std::string, std::size_t> outcomes_;
    std::vector<Evidence> passes_;
    std::vector<Evidence> others_;
    std::vector<std::string> deciders_;
    std::size_t unproven_ = 0;
};

} // namespace

Record make_record(const VerdictInput& input) {
    return RecordMaker(input).run();
}

} // namespace labctl::check
