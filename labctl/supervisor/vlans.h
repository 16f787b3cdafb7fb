#pragma once

namespace labctl::compile {
struct ClusterConfig;
}

namespace labctl::supervisor {

/// Throws netemu::UnsupportedError, naming the kernel's option, where the lab's underlay has
/// networks that this kernel cannot keep apart or put tags on.
void require_vlans(const compile::ClusterConfig& config);

} // namespace labctl::supervisor
