#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "labctl/dataplane/tunnel_drop.h"

namespace labctl::dataplane {

/// What a node's tunnel has carried, and what it has not.
struct TunnelCounters {
    std::uint64_t sent = 0; // frames
    std::uint64_t sent_bytes = 0;
    std::uint64_t received = 0; // frames that were delivered
    std::uint64_t received_bytes = 0;
    std::array<std::uint64_t, kTunnelDrops> drops{}; // by TunnelDrop
    bool operator==(const TunnelCounters&) const = default;
};

/// A packet that a tunnel did not deliver.
struct TunnelDropped {
    std::string node;
    TunnelDrop reason = TunnelDrop::BadFrame;
    std::uint32_t identity = 0;     // that it claimed; 0: none
    std::vector<std::uint8_t> head; // of the packet of IP, as far as it is kept
};

} // namespace labctl::dataplane
