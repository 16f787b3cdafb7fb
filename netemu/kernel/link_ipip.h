#pragma once

#include "netemu/kernel/link_codec.h"

namespace netemu {

/// A tunnel of IPv4 in IPv4 (RFC 2003; ip-link(8), "ipip").
extern const LinkKindCodec kIpipCodec;

/// What a kernel with tunnel modules may put into every new namespace (Documentation/admin-guide/
/// sysctl/net.rst, fb_tunnels_only_for_init_net). Such a device cannot be deleted; where a wanted
/// one has its name, it is renamed to kAsideIpip.
[[nodiscard]] bool is_fallback_tunnel(const LinkInfo& link);
inline constexpr const char* kAsideIpip = "tunl-aside";

} // namespace netemu
