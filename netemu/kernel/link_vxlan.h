#pragma once

#include "netemu/kernel/link_codec.h"

namespace netemu {

/// A VXLAN device (RFC 7348) that only FDB entries direct.
extern const LinkKindCodec kVxlanCodec;

} // namespace netemu
