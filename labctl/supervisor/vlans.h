#pragma once

#include "labctl/api/object.h"
#include "netemu/model/network.h"

namespace labctl::compile {
struct ClusterConfig;
}

namespace labctl::supervisor {

/// Throws netemu::UnsupportedError, naming the kernel's option, where the lab's underlay has
/// networks that this kernel cannot keep apart or put tags on.
void require_vlans(const compile::ClusterConfig& config);

/// What one end of a link says of networks: {"vlan": 10, "trunk": [20, 30]}, the one without a tag
/// and those with. Each only where there is one: of a device with addresses the end knows its tags
/// alone.
[[nodiscard]] api::Json link_vlans(const netemu::NamespaceSpec& ns, const netemu::LinkSpec& link);

} // namespace labctl::supervisor
