#pragma once

#include <string>

namespace netemu {

/// Throws UnsupportedError with `what`, the kernel's answer and the remedy, which names the
/// kernel's option, unless the kernel has the feature of that name (see detect_features). Tries in
/// a network namespace that is gone when this returns, which loads the module where it can be
/// loaded. The thread must hold CAP_NET_ADMIN and CAP_SYS_ADMIN in its user namespace.
void require_feature(const std::string& name, const std::string& what);

} // namespace netemu
