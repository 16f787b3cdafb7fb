#include "netemu/kernel/fdb_codec.h"

#include <libmnl/libmnl.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>

#include "netemu/kernel/attributes.h"

namespace netemu {

namespace {

void encode(Batch& batch, unsigned type, unsigned flags, const LinkFdb& entry) {
    auto& header = batch.start<ndmsg>(type, flags);
    header.ndm_family = AF_BRIDGE;
    header.ndm_ifindex = static_cast<int>(entry.link_index);
    header.ndm_state = NUD_PERMANENT;
    header.ndm_flags = NTF_SELF;
    batch.put_mac(NDA_LLADDR, entry.mac);
    batch.put_address(NDA_DST, entry.remote);
}

bool may_have_many_remotes(const MacAddress& mac) {
    return mac == MacAddress{} || (mac.bytes[0] & 1U) != 0;
}

} // namespace

void encode_add_fdb(Batch& batch, const LinkFdb& entry) {
    const unsigned how = may_have_many_remotes(entry.mac) ? NLM_F_APPEND : NLM_F_REPLACE;
    encode(batch, RTM_NEWNEIGH, NLM_F_CREATE | how, entry);
}

void encode_delete_fdb(Batch& batch, const LinkFdb& entry) {
    encode(batch, RTM_DELNEIGH, 0, entry);
}

void encode_dump_fdb(Batch& batch, std::uint32_t link_index) {
    auto& header = batch.start<ndmsg>(RTM_GETNEIGH, NLM_F_DUMP);
    header.ndm_family = AF_BRIDGE;
    header.ndm_ifindex = static_cast<int>(link_index);
}

std::optional<LinkFdb> decode_fdb(const nlmsghdr* message) {
    const auto* header = static_cast<const ndmsg*>(mnl_nlmsg_get_payload(message));
    if (header->ndm_family != AF_BRIDGE || (header->ndm_state & NUD_PERMANENT) == 0) {
        return std::nullopt;
    }
    const Attributes attributes(message, sizeof *header);
    const auto remote = attributes.address(NDA_DST);
    const auto mac = attributes.mac(NDA_LLADDR);
    if (!remote || !mac) {
        return std::nullopt;
    }
    return LinkFdb{static_cast<std::uint32_t>(header->ndm_ifindex), *mac, *remote};
}

} // namespace netemu
