#pragma once

#include "netemu/kernel/link_codec.h"

namespace netemu {

/// A dummy device. Born without ARP.
extern const LinkKindCodec kDummyCodec;

} // namespace netemu
