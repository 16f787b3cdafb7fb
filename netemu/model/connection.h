#pragma once

#include <cstdint>

#include "netemu/base/address.h"

namespace netemu {

/// A connection that the kernel tracks: the addresses of its first packet, and those of an answer.
/// Where the destination was changed (DNAT), `reply_source` is who really got it.
struct Connection {
    std::uint8_t protocol = 0; // IPPROTO_*
    Endpoint source;
    Endpoint destination;
    Endpoint reply_source;
    Endpoint reply_destination;
    bool operator==(const Connection&) const = default;
};

} // namespace netemu
