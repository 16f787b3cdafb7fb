#pragma once

#include <optional>
#include <string>
#include <vector>

#include "labctl/check/expand.h"
#include "labctl/check/record.h"

/// The rules of judgement: one flow, its result and what was proven beside it. Pure. Private to the
/// room.
namespace labctl::check {

struct DroppingRule {
    std::string name;                // "networkpolicy/prod/default-deny"
    std::vector<std::string> owners; // all policies with a share in it, that one among them
    std::string how;                 // "dropped on node-2 by NetworkPolicy ...", or empty
};

/// What controls and rules say about a flow, each as a sentence or a name; empty when it was not
/// shown.
struct Proof {
    std::optional<std::string> sends;   // "it reached icmp://10.244.1.1"
    std::optional<std::string> listens; // "node/node-1 got an answer"
    std::vector<DroppingRule> rules;    // of every drop that was seen
    std::string target;      // the pod that a dropped packet was for, if the flow does not name it
    std::size_t choices = 0; // how many endpoints it may be given; 0: the target is what it is
    std::string unseen;      // which of these were not seen to be denied, as a sentence
};

struct Judgement {
    Verdict verdict = Verdict::Pass;
    std::string text; // one sentence without the names of the flow
    std::string hint;
    std::vector<std::string> decided_by;
    bool unproven = false; // a lenient flow whose answer does not say who answered or whom it saw
};

/// Whether the verdict on `result` needs a proof, so that controls must be probed too.
bool needs_proof(const Expectation& expect);

/// What the evidence in a result says of the rules that dropped the probe: fills `rules`, unless
/// some exchange timed out without being seen to be dropped.
void prove_drop(const probe::Result& result, Proof& proof);

/// `result` is nullptr when no result came back for the flow.
Judgement
judge(const Flow& flow, const probe::Result* result, const Expectation& expect, const Proof& proof);

} // namespace labctl::check
