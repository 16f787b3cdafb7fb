#pragma once

#include <cstddef>
#include <cstdint>

namespace labctl::dataplane {

/// Why a tunnel did not carry or deliver a packet. The numbers are those of the counters. Those
/// about identities are Geneve's.
enum class TunnelDrop : std::uint8_t {
    BadFrame,        // not of the tunnel's format, cut short, or no IP inside
    OtherVni,        // of a network that this is not
    UnknownPeer,     // from an address or a name that is no node's
    CriticalOption,  // an option that is critical and not known (RFC 8926, section 3.5)
    NoIdentity,      // without the option, or with one of a wrong length
    UnknownIdentity, // nothing has that identity
    ForgedIdentity,  // the sender's address has another identity, or is another node's
    UnknownSource,   // from an address of pods that no pod has (any more)
    NotHere,         // for an address or a name that this node has not
    PolicyDenied,    // the destination's policy map does not let that identity in
    Unroutable,      // while sending: no node has that address
    TooBig,          // while sending: larger than the underlay's MTU
};
inline constexpr std::size_t kTunnelDrops = 12;
/// "bad-frame", "no-identity", ...
[[nodiscard]] const char* to_text(TunnelDrop reason);

} // namespace labctl::dataplane
