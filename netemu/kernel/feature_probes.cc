#include "netemu/kernel/feature_probes.h"

#include <cerrno>
#include <cstring>

#include <linux/genetlink.h>
#include <linux/if_link.h>
#include <linux/netlink.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "netemu/base/error.h"
#include "netemu/kernel/ipvs_codec.h"
#include "netemu/kernel/link_codec.h"
#include "netemu/kernel/netlink_socket.h"
#include "netemu/kernel/nft_codec.h"
#include "netemu/kernel/packet_log.h"

namespace netemu {

namespace {

/// The first refusal, or 0.
int first_error(NetlinkSocket& socket, const Batch& batch) {
    const auto failures = socket.send(batch);
    return failures.empty() ? 0 : failures.front().error_number;
}

template <class Body>
int errno_of(const Body& body) {
    try {
        return body();
    } catch (const SysError& error) {
        return error.error_number();
    }
}

/// A link without a queue is refused, but only after its kind was found: so nothing is made, and
/// nothing has to be torn down.
int probe_link(const std::string& kind) {
    return errno_of([&] {
        NetlinkSocket route(NETLINK_ROUTE);
        Batch batch;
        batch.start<ifinfomsg>(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL);
        batch.put_text(IFLA_IFNAME, "probe");
        batch.put_u32(IFLA_NUM_TX_QUEUES, 0);
        {
            const Batch::Nest information(batch, IFLA_LINKINFO);
            batch.put_text(IFLA_INFO_KIND, kind);
        }
        const int error = first_error(route, batch);
        return error == EINVAL ? 0 : error;
    });
}

/// The same with a queueing discipline: netem without options is refused after netem was found.
int probe_netem() {
    return errno_of([] {
        NetlinkSocket route(NETLINK_ROUTE);
        Batch batch;
        auto& header = batch.start<tcmsg>(RTM_NEWQDISC, NLM_F_CREATE | NLM_F_EXCL);
        header.tcm_family = AF_UNSPEC;
        header.tcm_ifindex = 1;
        header.tcm_parent = TC_H_ROOT;
        batch.put_text(TCA_KIND, "netem");
        const int error = first_error(route, batch);
        return error == EINVAL ? 0 : error;
    });
}

/// A bridge that is told to filter, for real: a kernel that cannot takes no notice and makes it all
/// the same. It dies with the namespace.
int probe_vlan_filtering() {
    return errno_of([] {
        constexpr std::uint32_t kProbeIndex = 4711;
        LinkSpec bridge;
        bridge.name = "probe-vlan";
        bridge.index = kProbeIndex;
        bridge.mac = MacAddress{{0x0e, 0, 0, 0, 0, 1}};
        bridge.kind = BridgeSpec{true};
        bridge.up = false;
        NetlinkSocket route(NETLINK_ROUTE);
        Batch batch;
        encode_create_link(batch, bridge, {});
        if (const int error = first_error(route, batch); error != 0) {
            return error;
        }
        batch.clear();
        encode_get_link(batch, kProbeIndex);
        bool filters = false;
        route.get("look at a bridge", batch, [&](const nlmsghdr* message) {
            filters = decode_link(message).info.vlan_filtering;
        });
        return filters ? 0 : EOPNOTSUPP;
    });
}

/// A table with everything that a lab uses, for real: it dies with the namespace.
int probe_nftables() {
    return errno_of([] {
        NftTable table;
        table.name = "probe";
        NftChain chain;
        chain.name = "postrouting";
        chain.base = NftBase{"nat", NftHook::Postrouting, 100, NftVerdict::Accept};
        const IpPrefix everywhere_else{IpAddress::v4(0x0A000000), 8};
        NftRule rule;
        rule.statements = {
            NftMatchAddress{NftMatchAddress::Field::Source, everywhere_else, false},
            NftCounter{},
            NftMasquerade{}};
        rule.comment = "probe";
        chain.rules.push_back(std::move(rule));
        table.chains.push_back(std::move(chain));
        NetlinkSocket nft(NETLINK_NETFILTER);
        return first_error(nft, encode_replace_table(table).batch());
    });
}

/// That it is there is not enough: many kernels let nobody but root of the host use it.
int probe_ipvs() {
    try {
        NetlinkSocket generic(NETLINK_GENERIC);
        (void)list_virtual_servers(generic, find_ipvs_family(generic));
        return 0;
    } catch (const SysError& error) {
        return error.error_number();
    } catch (const UnsupportedError&) {
        return ENOENT;
    }
}

int probe_sctp() {
    const UniqueFd socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, IPPROTO_SCTP));
    return socket ? 0 : errno;
}

int probe_ipv6() {
    const UniqueFd socket(::socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    return socket ? 0 : errno;
}

/// A listener of the packet log, in this namespace.
int probe_packet_log() {
    constexpr std::uint16_t kGroup = 1;
    return errno_of([] {
        UniqueFd socket(
            ::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_NETFILTER));
        if (!socket) {
            return errno;
        }
        const PacketLog log(std::move(socket), kGroup);
        return 0;
    });
}

std::string module_remedy(const std::string& module, const std::string& option) {
    return "sudo modprobe " + module + ", or use a kernel with " + option;
}

FeatureProbe link_probe(const std::string& kind, bool required, const std::string& module) {
    std::string option = "CONFIG_";
    for (const char c : module) {
        option += static_cast<char>(c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c);
    }
    return {kind, required, module_remedy(module, option), [kind] { return probe_link(kind); }};
}

} // namespace

const std::vector<FeatureProbe>& feature_probes() {
    static const std::vector<FeatureProbe> kProbes{
        link_probe("veth", true, "veth"),
        link_probe("bridge", true, "bridge"),
        link_probe("vxlan", true, "vxlan"),
        {"nftables",
         true,
         "sudo modprobe -a nf_tables nft_chain_nat nft_masq, or use a kernel with "
         "CONFIG_NF_TABLES_INET, CONFIG_NFT_NAT and CONFIG_NFT_MASQ",
         probe_nftables},
        {"ipv6", false, "boot without ipv6.disable=1", probe_ipv6},
        {"packet log",
         false,
         module_remedy("nfnetlink_log", "CONFIG_NETFILTER_NETLINK_LOG"),
         probe_packet_log},
        link_probe("geneve", false, "geneve"),
        {"netem", false, module_remedy("sch_netem", "CONFIG_NET_SCH_NETEM"), probe_netem},
        link_probe("dummy", false, "dummy"),
        {"vrf", false, module_remedy("vrf", "CONFIG_NET_VRF"), [] { return probe_link("vrf"); }},
        {"vlan",
         false,
         module_remedy("8021q", "CONFIG_VLAN_8021Q"),
         [] { return probe_link("vlan"); }},
        {"bridge vlan filtering",
         false,
         "use a kernel with CONFIG_BRIDGE_VLAN_FILTERING",
         probe_vlan_filtering},
        {"ipip",
         false,
         module_remedy("ipip", "CONFIG_NET_IPIP"),
         [] { return probe_link("ipip"); }},
        link_probe("wireguard", false, "wireguard"),
        {"ipvs", false, module_remedy("ip_vs", "CONFIG_IP_VS"), probe_ipvs},
        {"sctp", false, module_remedy("sctp", "CONFIG_IP_SCTP"), probe_sctp}};
    return kProbes;
}

} // namespace netemu
