#pragma once

#include "netemu/kernel/link_codec.h"

namespace netemu {

/// A veth pair: both ends come to be in one message, the peer in its own namespace.
extern const LinkKindCodec kVethCodec;

} // namespace netemu
