#pragma once

#include <functional>
#include <string>
#include <vector>

#include "labctl/api/link_change.h"
#include "labctl/compile/faults.h"
#include "netemu/model/network.h"

/// What links do to packets: that of the lab file's `links`, changed by the faults that are in
/// force.
namespace labctl::compile {

struct ClusterConfig;

/// The table that loses packets where the kernel has no netem.
inline constexpr const char* kLinkLossTable = "labctl-link";

/// Adds it to the links of the network. `has_netem` is asked only when there is something to do:
/// with netem, a netem on the sending end of each link does all of it. Without, a tbf there does
/// rate and queue, and a table of the end that has addresses the loss (of IP packets: ARP is not
/// lost). Links in userspace (netemu::TapSpec) need nothing of it. Throws netemu::UnsupportedError,
/// naming what the kernel lacks, for anything else. Call it after add_faults.
void add_impairments(
    const ClusterConfig& config,
    const std::vector<NetworkFault>& faults,
    const std::function<bool()>& has_netem,
    netemu::DesiredState& desired);

/// Whether a program is to carry some link of the underlay.
[[nodiscard]] bool links_in_userspace(const ClusterConfig& config);

/// Two ends of one cable, in two namespaces of the network.
struct LinkPair {
    netemu::LinkSpec* near = nullptr; // in the first namespace
    netemu::LinkSpec* far = nullptr;
};
/// The pairs between two namespaces.
[[nodiscard]] std::vector<LinkPair>
link_pairs(netemu::DesiredState& desired, const std::string& near, const std::string& far);

} // namespace labctl::compile
