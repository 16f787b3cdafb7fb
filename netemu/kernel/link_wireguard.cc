#include "netemu/kernel/link_wireguard.h"

namespace netemu {

namespace {

void encode_wireguard(Batch& /*batch*/, const LinkSpec& /*link*/, const LinkContext& /*context*/) {
}

} // namespace

const LinkKindCodec kWireguardCodec{"wireguard", encode_wireguard, nullptr};

} // namespace netemu
