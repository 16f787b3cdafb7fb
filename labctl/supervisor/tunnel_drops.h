#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "labctl/dataplane/tunnel_counters.h"
#include "labctl/supervisor/drop_log.h"

namespace labctl::compile {
class Policies;
}

namespace labctl::supervisor {

/// What a tunnel dropped, as the packet log would tell it: with the prefix of the policy's rule if
/// the policy map did not let it in, and otherwise with one that names the reason
/// ("labctl tunnel/geneve/forged-identity"). nullopt of what was no packet.
[[nodiscard]] std::optional<DroppedPacket> dropped_by_tunnel(
    const dataplane::TunnelDropped& dropped,
    const std::string& overlay,
    compile::Policies& policies);

/// "its Geneve tunnel: no-identity" of such a prefix, or nullopt of any other.
[[nodiscard]] std::optional<std::string> tunnel_drop_text(std::string_view prefix);

} // namespace labctl::supervisor
