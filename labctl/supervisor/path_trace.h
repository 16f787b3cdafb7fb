#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "labctl/api/object.h"
#include "netemu/kernel/kernel.h"
#include "netemu/kernel/packet_trace.h"
#include "netemu/model/network.h"

namespace labctl::supervisor {

/// What the rules of several namespaces do with one packet, while it exists: nft's own trace, in
/// each of them. A namespace where the kernel refuses is left out, and why is in `problem`.
class PathTrace {
public:
    /// `namespaces` in the order of the packet's way.
    PathTrace(
        netemu::Kernel& kernel,
        const std::vector<std::string>& namespaces,
        const std::vector<netemu::TraceFilter>& filters);

    /// The way of the first packet that came from `from` (nullopt: from anywhere), to be asked for
    /// once, when it was answered or is lost:
    /// {"places": [{"place", "steps": [{"table", "chain", "kind", "handle", "verdict", "rule",
    /// "comment"}]}], "problem"}. A place where it met no rule has no steps. In other namespaces it
    /// is known by its TCP sequence number, and a packet without one by being the first.
    /// `desired` has the texts of rules that are the lab's. Throws SysError.
    [[nodiscard]] api::Json
    finish(const netemu::DesiredState& desired, std::optional<netemu::IpAddress> from);

private:
    struct Place {
        std::string ns;
        std::unique_ptr<netemu::PacketTrace> trace;
    };

    netemu::Kernel& kernel_;
    std::vector<Place> places_;
    std::string problem_;
};

/// What to trace for an explanation: its destination, and each of its endpoints. Empty where it has
/// no address.
[[nodiscard]] std::vector<netemu::TraceFilter> trace_filters(const api::Json& explanation);

} // namespace labctl::supervisor
