#pragma once

#include "netemu/kernel/link_codec.h"

namespace netemu {

/// A WireGuard device. What rtnetlink makes has neither key nor peers: those are told by generic
/// netlink (wireguard_codec.h).
extern const LinkKindCodec kWireguardCodec;

} // namespace netemu
