#include <algorithm>
#include <cerrno>

#include "labctl/compile/network.h"
#include "labctl/compile/underlay_names.h"
#include "labctl/supervisor/lab.h"
#include "labctl/supervisor/targets.h"
#include "netemu/base/error.h"
#include "netemu/base/text.h"
#include "netemu/kernel/capture.h"

namespace labctl::supervisor {

namespace {

using netemu::LinkSpec;

constexpr std::size_t kTapsMax = 64;
constexpr std::size_t kTapRingsBytesMax = 64U << 20U; // of all taps of one command
constexpr std::size_t kTapRingBytesMax = 8U << 20U;
constexpr std::uint32_t kSnapBytesMin = 64; // below it not even the headers are there

/// "pod/default/web-1" as people write it: "default/web-1".
std::string place_of(const std::string& ns) {
    return ns.starts_with("pod/") ? ns.substr(4) : ns;
}

/// What an interface is, in one line.
std::string describe_link(const LinkSpec& link, const std::string& ns, std::uint32_t mtu) {
    struct Visitor {
        const LinkSpec& link;
        std::string operator()(const netemu::LoopbackSpec&) const { return "loopback"; }
        std::string operator()(const netemu::BridgeSpec&) const { return "bridge"; }
        std::string operator()(const netemu::VethSpec& veth) const {
            return "veth to " + place_of(veth.peer_namespace) + ":" + veth.peer_name;
        }
        std::string operator()(const netemu::VethPeerSpec&) const { return "veth"; }
        std::string operator()(const netemu::VxlanSpec& vxlan) const {
            return "VXLAN " + std::to_string(vxlan.vni) + " from " + vxlan.local.to_string() +
                   " over " + vxlan.underlay;
        }
        std::string operator()(const netemu::ExternalTunnelSpec& tunnel) const {
            const bool vxlan = tunnel.protocol == netemu::ExternalTunnelSpec::Protocol::Vxlan;
            return std::string(vxlan ? "VXLAN" : "Geneve") + ", UDP " +
                   std::to_string(tunnel.port) + ", as routes say";
        }
        std::string operator()(const netemu::IpipSpec& ipip) const {
            return "IP in IP from " + ipip.local.to_string() + ", as routes say";
        }
        std::string operator()(const netemu::WireguardSpec& wireguard) const {
            return "WireGuard, UDP " + std::to_string(wireguard.port) + ", " +
                   std::to_string(wireguard.peers.size()) + " peers";
        }
        std::string operator()(const netemu::VlanSpec& vlan) const {
            return "VLAN " + std::to_string(vlan.id) + " of " + vlan.parent;
        }
        std::string operator()(const netemu::DummySpec&) const { return "dummy"; }
        std::string operator()(const netemu::TunSpec& tun) const {
            return tun.ethernet ? "TAP" : "TUN";
        }
        std::string operator()(const netemu::TapSpec& tap) const {
            return "TAP, in userspace to " + place_of(tap.peer_namespace) + ":" + tap.peer_name;
        }
    };
    auto text = link.name + " in " + place_of(ns) + ": " + std::visit(Visitor{link}, link.kind);
    for (const auto& address : link.addresses) {
        text += ", " + address.to_string();
    }
    return text + ", MTU " + std::to_string(mtu);
}

/// One interface that a tap is to be opened on.
struct WantedTap {
    Target target;
    std::string link;
    const LinkSpec* spec = nullptr; // nothing for what somebody made by hand
};

const LinkSpec* spec_of(const netemu::NamespaceSpec& ns, const std::string& link) {
    const auto found = std::find_if(
        ns.links.begin(), ns.links.end(), [&](const auto& spec) { return spec.name == link; });
    return found == ns.links.end() ? nullptr : &*found;
}

std::vector<WantedTap> wanted_taps(
    const store::Store& store,
    const compile::Topology* topology,
    const netemu::DesiredState& desired,
    const api::Json& targets,
    const std::string& default_ns) {
    std::vector<WantedTap> taps;
    const auto add = [&](WantedTap tap) {
        const bool twice = std::any_of(taps.begin(), taps.end(), [&](const WantedTap& each) {
            return each.target.ns == tap.target.ns && each.link == tap.link;
        });
        if (!twice) {
            taps.push_back(std::move(tap));
        }
    };
    for (const auto& text : targets) {
        const auto target = find_target(store, topology, text.get<std::string>(), default_ns, true);
        const auto found = desired.namespaces.find(target.ns);
        if (found == desired.namespaces.end()) {
            throw netemu::UsageError("'" + target.name + "' has no network");
        }
        const bool is_switch =
            target.kind == Target::Kind::Underlay || target.ns.starts_with("switch/");
        const bool whole = is_switch && target.interface.empty();
        if (target.interface != "any" && !whole) {
            const auto link = target.interface.empty() ? std::string("eth0") : target.interface;
            add({target, link, spec_of(found->second, link)});
            continue;
        }
        for (const auto& link : found->second.links) {
            if (link.name != "lo") {
                add({target, link.name, &link});
            }
        }
    }
    if (taps.empty() || taps.size() > kTapsMax) {
        throw netemu::UsageError(
            taps.empty() ? "no place to listen at is named"
                         : "that is " + std::to_string(taps.size()) + " interfaces; at most " +
                               std::to_string(kTapsMax) + " are watched at once",
            "name some: TARGET:INTERFACE");
    }
    return taps;
}

[[noreturn]] void no_interface(const WantedTap& wanted, const netemu::NamespaceSpec& ns) {
    std::vector<std::string> names;
    for (const auto& link : ns.links) {
        names.push_back(link.name);
    }
    throw netemu::UsageError(
        "'" + wanted.target.name + "' has no interface '" + wanted.link + "'",
        "it has " + netemu::join(names, ", ") + "; `any` means all but lo");
}

/// Whose address is whose: pods, nodes, Services and the outside.
api::Json address_names(const store::Store& store, const compile::ClusterConfig& config) {
    api::Json names = api::Json::object();
    for (const auto& [address, name] : compile::underlay_names(config)) {
        names[address.to_string()] = name;
    }
    for (const auto& service : store.list("Service")) {
        for (const auto& address : api::at(service->body, "spec.clusterIPs")) {
            if (address != "None") {
                names[address.get<std::string>()] = "svc/" + service->ns() + "/" + service->name();
            }
        }
    }
    for (const auto& pod : store.list("Pod")) {
        if (api::bool_at(pod->body, "spec.hostNetwork", false)) {
            continue; // its address is the node's
        }
        for (const auto& entry : api::at(pod->body, "status.podIPs")) {
            names[api::string_at(entry, "ip")] = pod->ns() + "/" + pod->name();
        }
    }
    for (const auto& node : store.list("Node")) {
        for (const auto& entry : api::at(node->body, "status.addresses")) {
            if (api::string_at(entry, "type") == "InternalIP") {
                names[api::string_at(entry, "address")] = "node/" + node->name();
            }
        }
    }
    return names;
}

} // namespace

Lab::Taps Lab::open_taps(const api::Json& question) {
    const auto desired = desired_state();
    const auto wanted = wanted_taps(
        store_,
        cluster_->config().topology.get(),
        desired,
        question.at("targets"),
        question.value("namespace", "default"));
    netemu::TapOptions options;
    options.ring_bytes = std::min(kTapRingBytesMax, kTapRingsBytesMax / wanted.size());
    options.snap_bytes = question.value("snapBytes", options.snap_bytes);
    if (options.snap_bytes < kSnapBytesMin) {
        throw netemu::UsageError(
            "at least " + std::to_string(kSnapBytesMin) + " bytes of each packet are needed");
    }
    Taps taps;
    taps.description = {{"places", api::Json::array()}};
    for (const auto& each : wanted) {
        const auto& ns = desired.namespaces.at(each.target.ns);
        netemu::Tap tap;
        try {
            tap = netemu::open_tap(*kernel_, each.target.ns, each.link, options);
        } catch (const netemu::SysError& error) {
            if (error.error_number() == ENODEV) {
                no_interface(each, ns);
            }
            throw;
        }
        taps.description["places"].push_back(
            {{"name", each.target.name + ":" + each.link},
             {"description",
              each.spec == nullptr ? each.link + " in " + each.target.name + ": made by hand"
                                   : describe_link(*each.spec, each.target.ns, tap.mtu)},
             {"linkType", tap.link_type},
             {"mac", tap.mac.to_string()},
             {"ringBytes", tap.ring_bytes}});
        taps.sockets.push_back(std::move(tap.socket));
    }
    if (question.value("names", false)) {
        taps.description["names"] = address_names(store_, cluster_->config());
    }
    return taps;
}

} // namespace labctl::supervisor
