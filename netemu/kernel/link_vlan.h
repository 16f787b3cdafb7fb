#pragma once

#include "netemu/kernel/link_codec.h"

namespace netemu {

/// One network of a link, with tags (IEEE 802.1Q; ip-link(8), "vlan").
extern const LinkKindCodec kVlanCodec;

} // namespace netemu
