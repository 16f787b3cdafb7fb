#include "netemu/kernel/neighbour_codec.h"

#include <libmnl/libmnl.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>

#include "netemu/kernel/attributes.h"

namespace netemu {

namespace {

ndmsg& start(Batch& batch, unsigned type, unsigned flags, const LinkNeighbour& neighbour) {
    auto& header = batch.start<ndmsg>(type, flags);
    header.ndm_family = static_cast<std::uint8_t>(neighbour.address.af());
    header.ndm_ifindex = static_cast<int>(neighbour.link_index);
    return header;
}

} // namespace

void encode_add_neighbour(Batch& batch, const LinkNeighbour& neighbour) {
    start(batch, RTM_NEWNEIGH, NLM_F_CREATE | NLM_F_REPLACE, neighbour).ndm_state = NUD_PERMANENT;
    batch.put_address(NDA_DST, neighbour.address);
    batch.put_mac(NDA_LLADDR, neighbour.mac);
}

void encode_delete_neighbour(Batch& batch, const LinkNeighbour& neighbour) {
    start(batch, RTM_DELNEIGH, 0, neighbour);
    batch.put_address(NDA_DST, neighbour.address);
}

void encode_dump_neighbours(Batch& batch) {
    batch.start<ndmsg>(RTM_GETNEIGH, NLM_F_DUMP);
}

std::optional<LinkNeighbour> decode_neighbour(const nlmsghdr* message) {
    const auto* header = static_cast<const ndmsg*>(mnl_nlmsg_get_payload(message));
    const bool internet = header->ndm_family == AF_INET || header->ndm_family == AF_INET6;
    if (!internet || (header->ndm_state & NUD_PERMANENT) == 0) {
        return std::nullopt;
    }
    const Attributes attributes(message, sizeof *header);
    const auto address = attributes.address(NDA_DST);
    const auto mac = attributes.mac(NDA_LLADDR);
    if (!address || !mac) {
        return std::nullopt;
    }
    return LinkNeighbour{static_cast<std::uint32_t>(header->ndm_ifindex), *address, *mac};
}

} // namespace netemu
