#pragma once

#include <memory>
#include <string>
#include <vector>

#include "labctl/api/object.h"
#include "labctl/compile/topology.h"
#include "netemu/base/error.h"

namespace labctl::compile {

/// One thing that is wrong with a lab's `spec.underlay`.
struct TopologyProblem {
    std::string path; // "spec.underlay.links[2].endpoints[1]"
    std::string message;
    std::string hint; // or empty
};

/// All that is wrong; what() is the first of it.
class TopologyError : public netemu::UsageError {
public:
    explicit TopologyError(std::vector<TopologyProblem> problems);
    [[nodiscard]] const std::vector<TopologyProblem>& problems() const { return problems_; }

private:
    std::vector<TopologyProblem> problems_;
};

/// Words of `emulation`, of a link of the underlay or of all.
inline constexpr const char* kEmulationNone = "none";
inline constexpr const char* kEmulationUserspace = "userspace";
/// What a TAP device allows: the largest frame without its header (tun_net_init of Linux).
inline constexpr std::uint32_t kTapMtuMax = 65521;

struct TopologyQuestion {
    const api::Json& underlay;             // spec.underlay
    std::vector<std::string> nodes;        // names, in the lab's order
    std::vector<netemu::IpPrefix> ranges;  // that segments get theirs from; one per family
    std::vector<netemu::IpPrefix> foreign; // of pods and Services: no segment may have them
    std::uint32_t mtu = 1500;              // of links that name none
};

/// Whether `spec.underlay` says more than the default segment does.
[[nodiscard]] bool describes_topology(const api::Json& underlay);

/// Decides everything that the lab file leaves open: who is attached where, interface names,
/// ranges, addresses, routes. Deterministic. Throws TopologyError.
[[nodiscard]] std::shared_ptr<const Topology> read_topology(const TopologyQuestion& question);

} // namespace labctl::compile
