#include <string_view>

#include "netemu/model/cable.h"
#include "netemu/model/nft_text.h"
#include "netemu/model/plan.h"

namespace netemu {

namespace {

std::string ip_command(const IpAddress& address) {
    return address.is_v4() ? "ip " : "ip -6 ";
}

std::string kind_arguments(const LinkSpec& link) {
    struct Visitor {
        const LinkSpec& link;
        std::string operator()(const LoopbackSpec&) const { return {}; }
        std::string operator()(const VethPeerSpec&) const { return {}; }
        std::string operator()(const BridgeSpec& bridge) const {
            return std::string(" type bridge stp_state 0 forward_delay 0 mcast_snooping 0") +
                   (bridge.vlan_filtering ? " vlan_filtering 1 vlan_default_pvid 0" : "");
        }
        std::string operator()(const VethSpec& veth) const {
            return " type veth peer name " + veth.peer_name + " netns " + veth.peer_namespace +
                   " index " + std::to_string(veth.peer_index) + " address " +
                   veth.peer_mac.to_string() + " mtu " + std::to_string(link.mtu);
        }
        std::string operator()(const VxlanSpec& vxlan) const {
            return " type vxlan id " + std::to_string(vxlan.vni) + " local " +
                   vxlan.local.to_string() + " dev " + vxlan.underlay + " dstport " +
                   std::to_string(vxlan.port) + " nolearning";
        }
        std::string operator()(const ExternalTunnelSpec& tunnel) const {
            return std::string(" type ") + kind_of(tunnel) + " external dstport " +
                   std::to_string(tunnel.port);
        }
        std::string operator()(const IpipSpec& ipip) const {
            return " type ipip local " + ipip.local.to_string();
        }
        std::string operator()(const WireguardSpec&) const { return " type wireguard"; }
        std::string operator()(const VlanSpec& vlan) const {
            return " link " + vlan.parent + " type vlan id " + std::to_string(vlan.id);
        }
        std::string operator()(const DummySpec&) const { return " type dummy"; }
        std::string operator()(const TunSpec&) const { return {}; } // see add_tun
        std::string operator()(const TapSpec&) const { return {}; } // likewise
    };
    return std::visit(Visitor{link}, link.kind);
}

bool has_mac(const LinkSpec& link) {
    return !std::holds_alternative<IpipSpec>(link.kind) &&
           !std::holds_alternative<WireguardSpec>(link.kind);
}

bool exists_already(const LinkSpec& link) {
    return std::holds_alternative<LoopbackSpec>(link.kind) ||
           std::holds_alternative<VethPeerSpec>(link.kind);
}

std::string port_arguments(const LinkSpec& link) {
    return link.hairpin ? " && bridge link set dev " + link.name + " hairpin on" : "";
}

std::string set_link(const LinkSpec& link, bool can_lose_master) {
    std::string text = "ip link set " + link.name;
    if (!std::holds_alternative<LoopbackSpec>(link.kind)) {
        text += " mtu " + std::to_string(link.mtu);
        if (!link.master.empty()) {
            text += " master " + link.master;
        } else if (can_lose_master) {
            text += " nomaster";
        }
    }
    return text + (link.up ? " up" : " down") + port_arguments(link);
}

std::string add_tun(const LinkSpec& link, const TunSpec& tun) {
    return "ip tuntap add " + link.name + " mode " + (tun.ethernet ? "tap" : "tun") +
           (tun.vnet_header ? " vnet_hdr" : "") + " && " + set_link(link, false);
}

std::string add_link(const LinkSpec& link) {
    if (const auto tun = tun_of(link.kind)) {
        return add_tun(link, *tun);
    }
    std::string text = "ip link add " + link.name + " index " + std::to_string(link.index) +
                       (has_mac(link) ? " address " + link.mac.to_string() : "") + " mtu " +
                       std::to_string(link.mtu);
    if (!link.master.empty()) {
        text += " master " + link.master;
    }
    return text + (link.up ? " up" : "") + kind_arguments(link) + port_arguments(link);
}

std::string
address_command(std::string_view verb, const IpPrefix& prefix, const std::string& link) {
    auto text = ip_command(prefix.address) + "address ";
    text += verb;
    return text + " " + prefix.to_string() + " dev " + link;
}

std::string hop_arguments(const NextHop& hop) {
    return " nexthop via " + hop.gateway.to_string() + " dev " + hop.link;
}

std::string route_command(std::string_view verb, const RouteSpec& route) {
    auto text = ip_command(route.destination.address) + "route ";
    text += verb;
    text += route.is_blackhole() ? " blackhole" : "";
    text += " " + (route.destination.length == 0 ? "default" : route.destination.to_string());
    if (!route.more.empty()) {
        text += hop_arguments({*route.gateway, route.link});
        for (const auto& hop : route.more) {
            text += hop_arguments(hop);
        }
        return text;
    }
    if (route.encap) {
        text += " encap " + std::string(route.encap->remote.is_v4() ? "ip" : "ip6") + " id " +
                std::to_string(route.encap->id) + " dst " + route.encap->remote.to_string();
    }
    if (route.gateway) {
        text += " via " + route.gateway->to_string();
    }
    return text + (route.is_blackhole() ? "" : " dev " + route.link) +
           (route.onlink ? " onlink" : "") +
           (route.protocol == kRouteByHand ? "" : " proto " + std::to_string(route.protocol));
}

std::string fdb_command(std::string_view verb, const FdbSpec& entry) {
    return "bridge fdb " + std::string(verb) + " " + entry.mac.to_string() + " dev " + entry.link +
           " dst " + entry.remote.to_string() + " self permanent";
}

std::string shaper_command(const SetShaper& op) {
    const auto device = " dev " + op.link + " root";
    switch (op.shaper) {
    case Shaper::None:
        return "tc qdisc delete" + device;
    case Shaper::Tbf:
        return "tc qdisc replace" + device + " tbf " + to_text(op.impairment);
    case Shaper::Netem:
        break;
    }
    return "tc qdisc replace" + device + " netem " + to_text(op.impairment);
}

std::string vlan_command(const SetPortVlans& op) {
    std::string text;
    const auto add = [&](const char* verb, std::uint16_t id, const char* how) {
        text += (text.empty() ? "" : " && ") + std::string("bridge vlan ") + verb + " dev " +
                op.link + " vid " + std::to_string(id) + how;
    };
    for (const auto id : op.gone) {
        add("delete", id, "");
    }
    for (const auto& vlan : op.added) {
        add("add",
            vlan.id,
            vlan.pvid ? (vlan.untagged ? " pvid untagged" : " pvid")
                      : (vlan.untagged ? " untagged" : ""));
    }
    return text;
}

std::string peer_command(const SetWireguardPeer& op) {
    auto text = "wg set " + op.link + " peer " + to_text(op.peer.key) + " endpoint " +
                op.peer.endpoint.to_string() + " allowed-ips ";
    for (const auto& range : op.peer.allowed) {
        text += (&range == &op.peer.allowed.front() ? "" : ",") + range.to_string();
    }
    return text;
}

std::string scheduling(const VirtualServer& server) {
    std::string text = " -s " + server.scheduler;
    if (server.persistence_seconds != 0) {
        text += " -p " + std::to_string(server.persistence_seconds);
    }
    return text;
}

/// "-m": the kernel masquerades, which is to say it does NAT.
std::string real_server(const RealServer& server) {
    return " -r " + server.address.to_string() + " -m -w " + std::to_string(server.weight);
}

std::string add_virtual_server(const VirtualServer& server) {
    std::string text = "ipvsadm -A " + server.key.to_string() + scheduling(server);
    if (!server.servers.empty()) {
        const auto more = server.servers.size() - 1;
        text += " && ipvsadm -a " + server.key.to_string() + real_server(server.servers.front());
        text += more == 0 ? "" : " (and " + std::to_string(more) + " more)";
    }
    return text;
}

constexpr std::size_t kTableTextRulesMax = 64;    // rules and elements of a table in full
constexpr std::size_t kChangeTextBytesMax = 2000; // of a change in full

std::string amount(std::size_t count, std::string_view what) {
    return count == 0 ? "" : ", " + std::to_string(count) + " " + std::string(what);
}

std::string replace_command(const NftTable& table) {
    const auto counts = nft_counts(table);
    if (counts.rules + counts.elements <= kTableTextRulesMax) {
        return "nft " + to_text(table);
    }
    return "nft replace table " + std::string(to_text(table.family)) + " " + table.name +
           " (chains: " + std::to_string(counts.chains) + amount(counts.rules, "rules") +
           amount(counts.sets, "sets") + amount(counts.elements, "elements") + ")";
}

std::size_t element_count(const std::vector<NftSet>& sets) {
    std::size_t count = 0;
    for (const auto& set : sets) {
        count += set.elements.size();
    }
    return count;
}

std::string change_command(const NftChange& change) {
    std::string text =
        "nft change table " + std::string(to_text(change.family)) + " " + change.table;
    text += amount(change.added_sets.size(), "sets added");
    text += amount(change.added_chains.size(), "chains added");
    text += amount(element_count(change.removed_elements), "elements deleted");
    text += amount(change.refilled_chains.size(), "chains filled anew");
    text += amount(element_count(change.added_elements), "elements added");
    text += amount(change.deleted_sets.size(), "sets deleted");
    text += amount(change.deleted_chains.size(), "chains deleted");
    auto commands = to_text(change);
    if (commands.size() > kChangeTextBytesMax) {
        return text;
    }
    // One line: nft(8) takes semicolons as well as ends of lines.
    std::string line = "nft ";
    for (const char c : commands) {
        line += c == '\n' ? std::string("; ") : std::string(1, c);
    }
    line.resize(line.size() - 2);
    return line;
}

struct Command {
    std::string operator()(const CreateNamespace& op) const {
        auto text = "ip netns add " + op.ns;
        for (const auto& sysctl : op.sysctls) {
            text += (&sysctl == &op.sysctls.front() ? " && sysctl -w " : " ") + sysctl.key + "=" +
                    sysctl.value;
        }
        return text;
    }
    std::string operator()(const DeleteNamespace& op) const { return "ip netns delete " + op.ns; }
    std::string operator()(const CreateLink& op) const {
        return exists_already(op.link) ? set_link(op.link, false) : add_link(op.link);
    }
    std::string operator()(const ChangeLink& op) const { return set_link(op.link, true); }
    std::string operator()(const DeleteLink& op) const { return "ip link delete " + op.name; }
    std::string operator()(const SetShaper& op) const { return shaper_command(op); }
    std::string operator()(const SetPortVlans& op) const { return vlan_command(op); }
    std::string operator()(const SetWireguard& op) const {
        return "wg set " + op.link + " listen-port " + std::to_string(op.port) +
               " private-key (of " + to_text(op.key) + ")";
    }
    std::string operator()(const SetWireguardPeer& op) const { return peer_command(op); }
    std::string operator()(const RemoveWireguardPeer& op) const {
        return "wg set " + op.link + " peer " + to_text(op.key) + " remove";
    }
    std::string operator()(const AddAddress& op) const {
        return address_command("add", op.address, op.link) +
               (op.address.address.is_v4() ? "" : " nodad");
    }
    std::string operator()(const DeleteAddress& op) const {
        return address_command("delete", op.address, op.link);
    }
    std::string operator()(const AddRoute& op) const { return route_command("add", op.route); }
    std::string operator()(const DeleteRoute& op) const {
        return route_command("delete", op.route);
    }
    std::string operator()(const AddNeighbours& op) const {
        if (op.entries == nullptr || op.entries->empty()) {
            return "no neighbours";
        }
        const auto& first = op.entries->front();
        const auto more = op.entries->size() - 1;
        return ip_command(first.address) + "neighbour replace " + first.address.to_string() +
               " lladdr " + first.mac.to_string() + " dev " + first.link + " nud permanent" +
               (more == 0 ? "" : " (and " + std::to_string(more) + " more)");
    }
    std::string operator()(const DeleteNeighbour& op) const {
        return ip_command(op.entry.address) + "neighbour delete " + op.entry.address.to_string() +
               " dev " + op.entry.link;
    }
    std::string operator()(const AddFdb& op) const { return fdb_command("append", op.entry); }
    std::string operator()(const DeleteFdb& op) const { return fdb_command("delete", op.entry); }
    std::string operator()(const ReplaceTable& op) const { return replace_command(op.table); }
    std::string operator()(const ChangeTable& op) const { return change_command(*op.change); }
    std::string operator()(const DeleteTable& op) const {
        return "nft delete table " + std::string(to_text(op.family)) + " " + op.name;
    }
    std::string operator()(const AddVirtualServer& op) const {
        return add_virtual_server(op.server);
    }
    std::string operator()(const ChangeVirtualServer& op) const {
        return "ipvsadm -E " + op.server.key.to_string() + scheduling(op.server);
    }
    std::string operator()(const DeleteVirtualServer& op) const {
        return "ipvsadm -D " + op.key.to_string();
    }
    std::string operator()(const AddRealServer& op) const {
        return "ipvsadm -a " + op.key.to_string() + real_server(op.server);
    }
    std::string operator()(const ChangeRealServer& op) const {
        return "ipvsadm -e " + op.key.to_string() + real_server(op.server);
    }
    std::string operator()(const DeleteRealServer& op) const {
        return "ipvsadm -d " + op.key.to_string() + " -r " + op.server.address.to_string();
    }
};

struct Title {
    std::string operator()(const CreateNamespace&) const { return "create namespace"; }
    std::string operator()(const DeleteNamespace&) const { return "delete namespace"; }
    std::string operator()(const CreateLink& op) const {
        return exists_already(op.link) ? "configure link" : "create link";
    }
    std::string operator()(const ChangeLink&) const { return "change link"; }
    std::string operator()(const DeleteLink&) const { return "delete link"; }
    std::string operator()(const SetShaper&) const { return "set queueing discipline"; }
    std::string operator()(const SetPortVlans&) const { return "set VLANs of a port"; }
    std::string operator()(const SetWireguard&) const { return "set WireGuard device"; }
    std::string operator()(const SetWireguardPeer&) const { return "set WireGuard peer"; }
    std::string operator()(const RemoveWireguardPeer&) const { return "remove WireGuard peer"; }
    std::string operator()(const AddAddress&) const { return "add address"; }
    std::string operator()(const DeleteAddress&) const { return "delete address"; }
    std::string operator()(const AddRoute&) const { return "add route"; }
    std::string operator()(const DeleteRoute&) const { return "delete route"; }
    std::string operator()(const AddNeighbours&) const { return "add neighbour"; }
    std::string operator()(const DeleteNeighbour&) const { return "delete neighbour"; }
    std::string operator()(const AddFdb&) const { return "add fdb entry"; }
    std::string operator()(const DeleteFdb&) const { return "delete fdb entry"; }
    std::string operator()(const ReplaceTable&) const { return "replace table"; }
    std::string operator()(const ChangeTable&) const { return "change table"; }
    std::string operator()(const DeleteTable&) const { return "delete table"; }
    std::string operator()(const AddVirtualServer&) const { return "add virtual server"; }
    std::string operator()(const ChangeVirtualServer&) const { return "change virtual server"; }
    std::string operator()(const DeleteVirtualServer&) const { return "delete virtual server"; }
    std::string operator()(const AddRealServer&) const { return "add real server"; }
    std::string operator()(const ChangeRealServer&) const { return "change real server"; }
    std::string operator()(const DeleteRealServer&) const { return "delete real server"; }
};

} // namespace

const std::string& namespace_of(const Operation& operation) {
    return std::visit([](const auto& op) -> const std::string& { return op.ns; }, operation);
}

std::string describe(const Operation& operation) {
    return namespace_of(operation) + ": " + std::visit(Command{}, operation);
}

std::map<std::string, std::size_t> summarize(const Plan& plan) {
    std::map<std::string, std::size_t> counts;
    for (const auto& operation : plan.operations) {
        const auto* neighbours = std::get_if<AddNeighbours>(&operation);
        counts[std::visit(Title{}, operation)] +=
            neighbours != nullptr ? neighbours->entries->size() : 1;
    }
    return counts;
}

} // namespace netemu
