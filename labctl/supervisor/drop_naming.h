#pragma once

#include <functional>
#include <string>

#include "labctl/probe/probe.h"
#include "labctl/supervisor/drop_log.h"

namespace labctl::compile {
class Policies;
}

namespace labctl::supervisor {

/// What a drop rule of the policies means, by the prefix that it logs with: fills in direction, by,
/// policies, rule and `text` ("NetworkPolicy prod/deny-all (manifests/p.yaml:12): no rule allows
/// prod/other (app=other) on TCP 8080"). Leaves a drop alone that no policy's rule has made. `who`
/// names the owner of an address.
void name_drop(
    compile::Policies& policies,
    const std::function<std::string(const netemu::IpAddress&)>& who,
    const DroppedPacket& dropped,
    probe::Drop& drop);

} // namespace labctl::supervisor
