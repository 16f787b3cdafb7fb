#pragma once

#include "netemu/kernel/link_codec.h"

namespace netemu {

/// A Linux bridge without STP, forward delay and multicast snooping.
extern const LinkKindCodec kBridgeCodec;

} // namespace netemu
