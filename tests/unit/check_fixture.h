#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "labctl/check/evaluate.h"
#include "labctl/check/parse.h"

/// A lab made of values: a world, a network that answers as it is told, and a clock that only moves
/// when it is waited for.
namespace labctl::check::testing {

/// Nodes node-1 and node-2; in default: frontend-a (node-1) and frontend-b (node-2) of Deployment
/// frontend, serving 8080/TCP, db-0 (node-2) of StatefulSet db, serving 5432/TCP, client (node-1),
/// serving nothing; in prod: api (node-1), serving 80/TCP as "http" and 53/UDP, with the labels
/// app=api, tier=back.
World small_world();

/// From a string (the short form) or a mapping; it stands at checks.yaml:7:5.
Assertion assertion(const api::Json& form, const std::string& ns = "default");

/// Whether `part` is anywhere in `text`.
bool contains(const std::string& text, const std::string& part);

probe::Result result_of(probe::Outcome outcome, const std::string& backend = {});

class FakeLab {
public:
    /// What becomes of a probe. The default: ok from the pod that owns the address, which sees the
    /// sender's own address.
    using Network = std::function<probe::Result(const probe::Request&)>;

    FakeLab();

    [[nodiscard]] Hooks hooks();
    Report check(const std::vector<Assertion>& assertions, const Options& options = {});
    Record check_one(const Assertion& one);

    /// The answer of a lab in which everything works.
    [[nodiscard]] probe::Result answer(const probe::Request& request) const;

    World world = small_world();
    Network network;
    DropEvidence dropped_by;
    AllowReason why_allowed;
    EndpointFinder endpoints;
    std::vector<probe::RequestList> rounds; // what was run
    std::vector<Record> finished;
    netemu::Clock::time_point now{};
    std::chrono::microseconds probe_time{0}; // by which the clock moves in each round

private:
    void index_world(); // at the beginning of each round: a big world is searched often

    std::map<std::string, const PodView*> by_address_;
    std::map<std::string, const PodView*> by_id_;
};

/// The ids "from to" of a round's probes.
std::vector<std::string> sent(const probe::RequestList& list);

} // namespace labctl::check::testing
