#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "labctl/probe/probe.h"

/// A truth table by real packets: what is sent for a flow, and what an outcome means for it. Pure:
/// the caller sends the probes.
namespace labctl::check {

struct WireFlow {
    std::string from;             // "NS/POD"
    std::string address;          // of the target
    std::string protocol = "TCP"; // TCP, UDP or SCTP
    std::uint16_t port = 0;
};

/// Of a probe that is neither answered nor seen to be dropped. Long, since a busy host may be slow;
/// what has a rule or an answer does not wait for it.
inline constexpr std::uint64_t kWireTimeoutMs = 3000;

/// One probe for each flow, in their order: a TCP handshake and nothing more, or a datagram.
probe::RequestList wire_requests(const std::vector<WireFlow>& flows);

/// What became of a flow.
struct WireCell {
    enum class State {
        Allowed, // an answer, be it a refusal: nothing stands between the two
        Denied,  // a rule dropped its packet, and the packet log said so
        Unknown, // neither was seen
        Skipped, // this host cannot probe it
    };
    State state = State::Unknown;
    std::optional<probe::Drop> drop; // of Denied
    std::string text;                // one sentence
};
std::string to_string(WireCell::State state); // "allow", "deny", "unknown", "skipped"

WireCell wire_cell(const probe::Result& result);

} // namespace labctl::check
