#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "netemu/model/network.h"

/// Cables and switches, as the wanted network has them: who is at the other end.
namespace labctl::explain {

/// A link, in the namespace that has it. It stays the network's.
struct LinkPlace {
    std::string ns;
    const netemu::LinkSpec* link = nullptr;
};

/// The other end of a cable; no link where there is none.
[[nodiscard]] LinkPlace far_end(const netemu::DesiredState& network, const LinkPlace& near);

/// A frame on a bridge. `in` is the port that it came in by, or the bridge itself where it begins.
struct BridgedFrame {
    LinkPlace in;
    std::uint16_t tag = 0; // of its VLAN; 0: it has none
};

/// Whom a frame is for.
using Wanted = std::function<bool(const std::string& name, const netemu::NamespaceSpec& ns)>;

/// The port of the bridge that leads to who is wanted, over other switches too, and in the frame's
/// own VLAN. nullptr: none does. Bridges form no circles.
[[nodiscard]] const netemu::LinkSpec*
port_to(const netemu::DesiredState& network, const BridgedFrame& frame, const Wanted& wanted);

} // namespace labctl::explain
