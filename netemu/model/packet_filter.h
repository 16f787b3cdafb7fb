#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "netemu/model/packet.h"

namespace netemu {

/// Chooses packets by words that people know from tcpdump(8), a small part of pcap-filter(7) with
/// the same meaning:
///
///     [src|dst] host WHO    [src|dst] net PREFIX    [src|dst] port N or N-M
///     tcp udp icmp icmp6 sctp arp ip ip6    vxlan geneve sleeve ipip   vni N  identity N
///     wireguard    vlan [N]
///     and (or nothing between two words)   or   not   ( )
///
/// Unlike there, each level of a tunnelled packet is looked at: `host 10.244.1.2` finds the packet
/// on a node's eth0 too. What is joined by `and` must hold of one level ("udp port 53" is not found
/// in a tunnel's outer UDP and an inner TCP port 53); `not X` means that no level is X; `vxlan`,
/// `geneve`, `sleeve`, `ipip`, `vni` and `vlan` are said of the packet as a whole.
class PacketFilter {
public:
    /// The addresses of a WHO that is no address; none if there is no such thing.
    using HostLookup = std::function<std::vector<IpAddress>(const std::string& word)>;

    /// Throws UsageError that quotes the word which is wrong. An empty text takes every packet.
    static PacketFilter parse(std::string_view text, const HostLookup& lookup = {});

    [[nodiscard]] bool matches(const std::vector<PacketLevel>& levels) const;

    using Levels = std::vector<PacketLevel>;
    using Test = std::function<bool(const PacketLevel& level, const Levels& all)>;

private:
    Test test_; // empty: everything
};

} // namespace netemu
