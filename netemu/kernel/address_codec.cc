#include "netemu/kernel/address_codec.h"

#include <libmnl/libmnl.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>

#include "netemu/kernel/attributes.h"

namespace netemu {

namespace {

constexpr std::uint32_t kLoopbackIndex = 1;

void start(Batch& batch, unsigned type, unsigned flags, const LinkAddress& address) {
    auto& header = batch.start<ifaddrmsg>(type, flags);
    header.ifa_family = static_cast<std::uint8_t>(address.prefix.address.af());
    header.ifa_prefixlen = address.prefix.length;
    header.ifa_index = address.link_index;
    batch.put_address(IFA_LOCAL, address.prefix.address);
    batch.put_address(IFA_ADDRESS, address.prefix.address);
}

bool is_from_kernel(const LinkAddress& address) {
    return address.link_index == kLoopbackIndex &&
           (address.prefix.address == IpAddress::v4(0x7F000001) ||
            address.prefix.address == IpAddress::parse("::1"));
}

} // namespace

void encode_add_address(Batch& batch, const LinkAddress& address) {
    constexpr std::uint8_t kPointToPointLength = 31; // RFC 3021: no broadcast address
    start(batch, RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, address);
    if (address.prefix.address.is_v6()) {
        batch.put_u32(IFA_FLAGS, IFA_F_NODAD);
    } else if (address.prefix.length < kPointToPointLength) {
        batch.put_address(IFA_BROADCAST, address.prefix.last());
    }
}

void encode_delete_address(Batch& batch, const LinkAddress& address) {
    start(batch, RTM_DELADDR, 0, address);
}

void encode_dump_addresses(Batch& batch) {
    batch.start<ifaddrmsg>(RTM_GETADDR, NLM_F_DUMP);
}

std::optional<LinkAddress> decode_address(const nlmsghdr* message) {
    const auto* header = static_cast<const ifaddrmsg*>(mnl_nlmsg_get_payload(message));
    const Attributes attributes(message, sizeof *header);
    // IFA_ADDRESS is the peer's on a point-to-point link; IFA_LOCAL is always ours but IPv6 omits
    // it.
    auto ip = attributes.address(IFA_LOCAL);
    if (!ip) {
        ip = attributes.address(IFA_ADDRESS);
    }
    if (!ip) {
        return std::nullopt;
    }
    const LinkAddress address{header->ifa_index, {*ip, header->ifa_prefixlen}};
    if (is_from_kernel(address)) {
        return std::nullopt;
    }
    return address;
}

} // namespace netemu
