#include "netemu/kernel/link_ipip.h"

#include <algorithm>
#include <array>

namespace netemu {

namespace {

constexpr unsigned kIptunLocal = 2; // IFLA_IPTUN_LOCAL of linux/if_tunnel.h, which hates net/if.h

void encode_ipip(Batch& batch, const LinkSpec& link, const LinkContext& /*context*/) {
    batch.put_address(kIptunLocal, std::get<IpipSpec>(link.kind).local);
}

void decode_ipip(const Attributes& data, RawLink& link) {
    link.info.ipip = IpipSpec{data.address(kIptunLocal).value_or(IpAddress::v4(0))};
}

} // namespace

const LinkKindCodec kIpipCodec{"ipip", encode_ipip, decode_ipip};

bool is_fallback_tunnel(const LinkInfo& link) {
    constexpr std::array kNames{
        "tunl0",
        kAsideIpip,
        "gre0",
        "gretap0",
        "erspan0",
        "ip_vti0",
        "ip6_vti0",
        "sit0",
        "ip6tnl0",
        "ip6gre0"};
    const bool ours = link.ipip && link.ipip->local != IpAddress::v4(0);
    return !ours && std::find(kNames.begin(), kNames.end(), link.name) != kNames.end();
}

} // namespace netemu
