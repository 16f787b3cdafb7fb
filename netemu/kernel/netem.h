#pragma once

namespace netemu {

/// Whether this kernel has netem (tc-netem(8)); tries in a network namespace that is gone when this
/// returns, which loads the module where it can be loaded. The thread must hold CAP_NET_ADMIN and
/// CAP_SYS_ADMIN in its user namespace.
[[nodiscard]] bool has_netem();

} // namespace netemu
