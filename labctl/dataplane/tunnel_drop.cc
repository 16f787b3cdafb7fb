#include "labctl/dataplane/tunnel_drop.h"

#include <array>

namespace labctl::dataplane {

const char* to_text(TunnelDrop reason) {
    static constexpr std::array<const char*, kTunnelDrops> kNames{
        "bad-frame",
        "other-vni",
        "unknown-peer",
        "critical-option",
        "no-identity",
        "unknown-identity",
        "forged-identity",
        "unknown-source",
        "not-here",
        "policy-denied",
        "unroutable",
        "too-big"};
    return kNames.at(static_cast<std::size_t>(reason));
}

} // namespace labctl::dataplane
