#include "netemu/kernel/link_external.h"

#include <linux/if_link.h>

namespace netemu {

namespace {

std::uint16_t external_port(const LinkSpec& link) {
    return std::get<ExternalTunnelSpec>(link.kind).port;
}

/// Whoever sends over IPv6 may leave the outer checksum out, as Open vSwitch does (RFC 6935).
void encode_external_vxlan(Batch& batch, const LinkSpec& link, const LinkContext& /*context*/) {
    batch.put_u8(IFLA_VXLAN_COLLECT_METADATA, 1);
    batch.put_be16(IFLA_VXLAN_PORT, external_port(link));
    batch.put_u8(IFLA_VXLAN_LEARNING, 0);
    batch.put_u8(IFLA_VXLAN_UDP_ZERO_CSUM6_RX, 1);
}

void encode_geneve(Batch& batch, const LinkSpec& link, const LinkContext& /*context*/) {
    batch.put(IFLA_GENEVE_COLLECT_METADATA, {});
    batch.put_be16(IFLA_GENEVE_PORT, external_port(link));
    batch.put_u8(IFLA_GENEVE_UDP_ZERO_CSUM6_RX, 1);
}

void decode_geneve(const Attributes& data, RawLink& link) {
    if (data.has(IFLA_GENEVE_COLLECT_METADATA)) {
        link.info.external = {
            ExternalTunnelSpec::Protocol::Geneve, data.be16(IFLA_GENEVE_PORT).value_or(0)};
    }
}

} // namespace

const LinkKindCodec kExternalVxlanCodec{"vxlan", encode_external_vxlan, nullptr};
const LinkKindCodec kGeneveCodec{"geneve", encode_geneve, decode_geneve};

} // namespace netemu
