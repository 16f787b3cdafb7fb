#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "netemu/base/address.h"
#include "netemu/model/network.h"
#include "netemu/model/observed.h"

/// Pods whose network namespace is a container's of somebody else: of it the lab has one interface,
/// and all that hangs on that.
namespace labctl::compile {

/// Annotation of a Pod: the addresses that it is to have, one of each family, with commas.
inline constexpr const char* kWantedAddresses = "labctl.dev/ips";

/// The pod's own end, in a namespace that has other interfaces, too.
struct AttachedLink {
    std::string ns;          // "pod/NS/NAME"
    std::string name;        // of the interface
    std::uint32_t index = 0; // free in that namespace
    /// Families for which the namespace has another default route: there only `ranges` are reached
    /// by the lab.
    bool has_v4_default = false;
    bool has_v6_default = false;
    /// Destinations that the namespace has routes to: those of `ranges` among them are left alone.
    std::vector<netemu::IpPrefix> taken{};
};

/// Changes what was compiled for an ordinary pod: another name and index, nothing of lo. `ranges`:
/// those of pods and Services. No effect if there is no such pod.
void adapt_attached(
    const AttachedLink& link,
    const std::vector<netemu::IpPrefix>& ranges,
    netemu::DesiredState& state);

/// Leaves of what was observed in its namespace only what is the lab's.
void forget_foreign(const std::string& link, netemu::NamespaceInfo& info);

} // namespace labctl::compile
