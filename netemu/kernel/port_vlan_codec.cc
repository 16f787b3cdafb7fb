#include "netemu/kernel/port_vlan_codec.h"

#include <algorithm>
#include <array>
#include <cstring>

#include <libmnl/libmnl.h>
#include <linux/if_bridge.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include "netemu/kernel/attributes.h"

namespace netemu {

namespace {

void start_port(Batch& batch, unsigned type, std::uint32_t index) {
    auto& header = batch.start<ifinfomsg>(type, 0);
    header.ifi_family = AF_BRIDGE;
    header.ifi_index = static_cast<int>(index);
}

void put_vlan(Batch& batch, unsigned flags, std::uint16_t id) {
    const bridge_vlan_info info{static_cast<__u16>(flags), id};
    std::array<std::uint8_t, sizeof info> bytes{};
    std::memcpy(bytes.data(), &info, sizeof info);
    batch.put(IFLA_BRIDGE_VLAN_INFO, bytes);
}

PortVlan vlan_of(const bridge_vlan_info& info, std::uint16_t id) {
    return {
        id,
        (info.flags & BRIDGE_VLAN_INFO_PVID) != 0,
        (info.flags & BRIDGE_VLAN_INFO_UNTAGGED) != 0};
}

} // namespace

void encode_leave_vlans(Batch& batch, std::uint32_t index, const std::vector<std::uint16_t>& gone) {
    start_port(batch, RTM_DELLINK, index);
    const Batch::Nest specification(batch, IFLA_AF_SPEC);
    for (const auto id : gone) {
        put_vlan(batch, 0, id);
    }
}

void encode_join_vlans(Batch& batch, std::uint32_t index, const std::vector<PortVlan>& added) {
    start_port(batch, RTM_SETLINK, index);
    const Batch::Nest specification(batch, IFLA_AF_SPEC);
    for (const auto& vlan : added) {
        put_vlan(
            batch,
            (vlan.pvid ? BRIDGE_VLAN_INFO_PVID : 0U) |
                (vlan.untagged ? BRIDGE_VLAN_INFO_UNTAGGED : 0U),
            vlan.id);
    }
}

void encode_dump_port_vlans(Batch& batch) {
    batch.start<ifinfomsg>(RTM_GETLINK, NLM_F_DUMP).ifi_family = AF_BRIDGE;
    batch.put_u32(IFLA_EXT_MASK, RTEXT_FILTER_BRVLAN);
}

std::optional<LinkVlans> decode_port_vlans(const nlmsghdr* message) {
    const auto* header = static_cast<const ifinfomsg*>(mnl_nlmsg_get_payload(message));
    if (header->ifi_family != AF_BRIDGE) {
        return std::nullopt;
    }
    LinkVlans port{static_cast<std::uint32_t>(header->ifi_index), {}};
    const Attributes attributes(message, sizeof *header);
    std::uint16_t first = 0; // of a range that is open
    for_each_attribute(
        attributes.bytes(IFLA_AF_SPEC), [&](unsigned type, std::span<const std::uint8_t> data) {
            bridge_vlan_info info{};
            if (type != IFLA_BRIDGE_VLAN_INFO || data.size() < sizeof info) {
                return;
            }
            std::memcpy(&info, data.data(), sizeof info);
            if ((info.flags & BRIDGE_VLAN_INFO_RANGE_BEGIN) != 0) {
                first = info.vid;
                return;
            }
            const bool range = (info.flags & BRIDGE_VLAN_INFO_RANGE_END) != 0;
            for (unsigned id = range ? first : info.vid; id <= info.vid; ++id) {
                port.vlans.push_back(vlan_of(info, static_cast<std::uint16_t>(id)));
            }
        });
    std::sort(port.vlans.begin(), port.vlans.end());
    return port;
}

} // namespace netemu
