#pragma once

#include <cstdint>

#include "netemu/base/address.h"

namespace netemu {

/// A connection that the kernel tracks: the addresses of its first packet, and those of an answer.
/// Where the destination was changed (DNAT), `reply_source` is who really got it. ICMP has no
/// ports: there the port of a source is the identifier, and that of a destination the type times
/// 256 plus the code.
struct Connection {
    std::uint8_t protocol = 0; // IPPROTO_*
    Endpoint source;
    Endpoint destination;
    Endpoint reply_source;
    Endpoint reply_destination;
    bool operator==(const Connection&) const = default;
};

} // namespace netemu
