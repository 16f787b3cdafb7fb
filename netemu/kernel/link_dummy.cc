#include "netemu/kernel/link_dummy.h"

namespace netemu {

namespace {

void encode_dummy(Batch& /*batch*/, const LinkSpec& /*link*/, const LinkContext& /*context*/) {
}

} // namespace

const LinkKindCodec kDummyCodec{"dummy", encode_dummy, nullptr};

} // namespace netemu
