#pragma once

#include <compare>
#include <cstdint>
#include <string>

/// Virtual networks on one Ethernet (IEEE 802.1Q), as values.
namespace netemu {

/// The identifiers that a network can have: 0 is a priority without one, 4095 is reserved (IEEE
/// 802.1Q, table 9-2).
inline constexpr std::uint16_t kVlanIdMin = 1;
inline constexpr std::uint16_t kVlanIdMax = 4094;

/// A network that a port of a filtering bridge is in (bridge(8), "vlan").
struct PortVlan {
    std::uint16_t id = 0;
    bool pvid = false;     // what comes in without a tag is of this one; at most one of a port
    bool untagged = false; // what leaves here loses its tag
    auto operator<=>(const PortVlan&) const = default;
};

/// One network of a link, as a link of its own: it puts the tag on, and takes it off
/// (ip-link(8), "vlan"). It has the MAC address of its parent, or another one.
struct VlanSpec {
    std::uint16_t id = 0;
    std::string parent; // a link of the same namespace
    bool operator==(const VlanSpec&) const = default;
};

} // namespace netemu
