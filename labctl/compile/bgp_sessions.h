#pragma once

#include <utility>
#include <vector>

#include "labctl/compile/bgp_speakers.h"

/// Sessions between speakers. Internal to this folder.
namespace labctl::compile {

/// A speaker, as far as sessions need it.
struct BgpMember {
    BgpSpeaker* speaker;
    std::vector<netemu::IpPrefix> addresses; // with the length of their segment
};

/// Adds both ends of a session in each family that both have. `kinds`: how the names of the first
/// one's and of the second one's session begin.
void connect_speakers(
    const BgpMember& a,
    const BgpMember& b,
    std::pair<const char*, const char*> kinds,
    const BgpShutDowns& down);

/// 32 bits that tell speakers apart: an IPv6 segment has no other four bytes to offer than the last
/// of each address.
[[nodiscard]] netemu::IpAddress router_id_of(const netemu::IpAddress& address);

/// BGP as in a data centre of racks (RFC 7938): the routers of a node's segment and the nodes there
/// are one autonomous system, in which the routers reflect; every other router is one of its own;
/// and what is learned is told to all neighbours. `speakers` are the nodes' and, behind them, the
/// outside's if it takes part; appends the routers', and the sessions of all. The lab has a
/// topology.
void add_racks(
    const ClusterConfig& config, const BgpShutDowns& down, std::vector<BgpSpeaker>& speakers);

} // namespace labctl::compile
