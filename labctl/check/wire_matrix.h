#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "labctl/check/world.h"
#include "labctl/probe/probe.h"

/// The whole truth table of a lab by real packets: from every pod to every port of every other pod.
/// Pure: the caller sends the probes.
namespace labctl::check {

struct WireMatrixOptions {
    std::string ns;              // of targets and sources; empty: every namespace
    std::vector<PortView> ports; // by number and protocol; empty: those that each target declares
    /// Of a probe that is neither answered nor seen to be dropped. Long, since a busy host may be
    /// slow, and short for nobody who has a rule or an answer.
    std::uint64_t timeout_ms = 3000;
};

/// A flow of the matrix. The pointers go into the world.
struct WireFlow {
    const PodView* from = nullptr;
    const PodView* to = nullptr;
    std::uint16_t port = 0;
    std::string protocol = "TCP"; // or UDP
};

/// Between pods that run, have an address and are not on the host's network, in the order of the
/// world; a pod does not send to itself. SCTP, which cannot be probed, is left out.
std::vector<WireFlow> wire_flows(const World& world, const WireMatrixOptions& options);
/// One probe for each flow, in their order: a TCP handshake or a datagram to the first address.
probe::RequestList
wire_requests(const std::vector<WireFlow>& flows, const WireMatrixOptions& options);

/// What became of a flow.
struct WireCell {
    enum class State {
        Reached, // an answer, be it a refusal: nothing stood between them
        Dropped, // a rule dropped its packet, and said so
        Unknown, // neither was seen
    };
    State state = State::Unknown;
    std::optional<probe::Drop> drop; // of Dropped
    std::string text;                // one sentence
};

/// In the order of the flows; `results` are in the order of their requests.
std::vector<WireCell> wire_cells(const std::vector<probe::Result>& results);

} // namespace labctl::check
