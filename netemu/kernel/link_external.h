#pragma once

#include "netemu/kernel/link_codec.h"

namespace netemu {

/// A VXLAN device in external mode (RFC 7348; ip-link(8)). It is read by kVxlanCodec.
extern const LinkKindCodec kExternalVxlanCodec;
/// A Geneve device in external mode (RFC 8926; ip-link(8)).
extern const LinkKindCodec kGeneveCodec;

} // namespace netemu
