#pragma once

#include <string>
#include <vector>

#include "labctl/check/assertion.h"
#include "labctl/check/record.h"
#include "labctl/check/world.h"

/// From an assertion to the flows that it speaks of. Pure. Private to the room.
namespace labctl::check {

/// One packet exchange that an assertion selects.
struct Flow {
    Party from;
    Party to;
    probe::Request request; // without an id
    std::string blocked;    // why it cannot be probed at all, or empty
    bool too_large = false; // it must not come through: a byte more than the path shall take
    std::string backend;    // glob that must answer, in addition to the expectation's; or empty
    /// The Service of the target's name that has the port, if that means a pod: "svc/web". A name
    /// means pods before it means a Service.
    std::string service_with_port;
    /// The addresses that the server may see it come from, if the expectation is about that.
    std::vector<std::string> client_ips;
    /// What the answer does not say is then counted, not held against the flow (model assertions).
    bool lenient = false;
};

/// Something that is known without a probe.
struct Finding {
    Verdict verdict = Verdict::Fail;
    std::string text;
};

struct Expansion {
    std::vector<Flow> flows;
    std::vector<Finding> findings;
    std::vector<std::string> notes;
    std::string nothing; // why nothing was selected; empty otherwise
};

/// The pointers in the result go into `world`.
Expansion expand(const Assertion& assertion, const World& world, std::uint64_t timeout_ms);

/// Probes that would show that the source of `flow` can send, and that its target listens.
std::vector<probe::Request> sender_controls(const Flow& flow, const World& world);
std::vector<probe::Request> listener_controls(const Flow& flow, const World& world);

/// The pod's door that a dropped packet was on its way to. It tells which endpoint of a Service, or
/// which address of a name, an exchange was for.
struct DroppedAt {
    Party pod;
    probe::Target target;
};
std::vector<DroppedAt>
dropped_at(const Flow& flow, const probe::Result& result, const World& world);
/// Probes that would show that it listens.
std::vector<probe::Request> listener_controls(const Flow& flow, const DroppedAt& at);

/// SCHEME://ADDRESS[:PORT][PATH].
probe::Target make_target(
    probe::Scheme scheme,
    const std::string& address,
    const std::string& port,
    const std::string& path);

/// A flow between two parties without its target: who it is from and how it is probed.
Flow start_flow(
    const Assertion& assertion,
    const World& world,
    const Party& from,
    const Party& to,
    std::uint64_t timeout_ms);
const NodeView* node_named(const World& world, const std::string& name);    // nullptr if unknown
const PodView* pod_with_address(const World& world, const std::string& ip); // likewise

/// The model's assertions, by their rule (network_model.cc).
Expansion expand_model(const Assertion& assertion, const World& world, std::uint64_t timeout_ms);

} // namespace labctl::check
