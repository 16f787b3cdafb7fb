#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "netemu/model/network.h"
#include "netemu/model/observed.h"

/// First half of a plan (internal to this room): which links stay, which go, which come.
namespace netemu {

struct LinkState {
    const LinkInfo* kept = nullptr; // what is there and stays; none: the link must be created
    /// The link loses an IPv4 address. The kernel takes secondary addresses along with their
    /// primary, and with the last one every IPv4 route and neighbour; so all of them are taken off
    /// and put on anew.
    bool renews_v4 = false;
    bool goes_down = false; // the kernel drops its neighbours and IPv6 addresses
};

/// One wanted namespace beside what was observed of it. Points into both states.
struct NamespaceDiff {
    const std::string* name = nullptr;
    const NamespaceSpec* spec = nullptr;
    const NamespaceInfo* info = nullptr; // none: the namespace must be created
    std::vector<LinkState> links;        // one for each of spec->links
    std::vector<const LinkInfo*> removed;
    bool disturbed = false; // some link loses entries without our deleting them one by one

    /// Whether what hangs on that link is gone before anything is added.
    [[nodiscard]] bool loses(std::string_view link) const;
    [[nodiscard]] bool loses_neighbours(const NeighbourSpec& entry) const;
    [[nodiscard]] bool renews_v4(std::string_view link) const;
};

/// Every wanted namespace, in order of name, with the fate of its links. Throws Error when the peer
/// of a veth or the link that a device stands on is not wanted.
std::vector<NamespaceDiff> match_links(const DesiredState& desired, const ObservedState& observed);

/// Whether MTU, up flag or master differ. A master that does not stay counts as none.
bool needs_change(const NamespaceDiff& ns, const LinkSpec& spec, const LinkInfo& info);

} // namespace netemu
