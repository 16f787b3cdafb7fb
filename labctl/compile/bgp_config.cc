#include "labctl/compile/bgp_config.h"

#include <algorithm>

#include "labctl/compile/cluster_config.h"
#include "labctl/compile/cni_profile.h"
#include "labctl/compile/config_words.h"
#include "labctl/compile/topology.h"
#include "netemu/base/error.h"

namespace labctl::compile {

namespace {

using netemu::UsageError;

constexpr std::int64_t kAsNumberMax = 4294967294; // RFC 7300; 0 is RFC 7607's

std::uint32_t read_as_number(const api::Json& json, const std::string& field) {
    const auto value = json.is_number_integer() ? json.get<std::int64_t>() : 0;
    if (value < 1 || value > kAsNumberMax) {
        throw UsageError(
            field + ": " + json.dump() + " is not the number of an autonomous system",
            "one of your own is from 64512 to 65534");
    }
    return static_cast<std::uint32_t>(value);
}

std::vector<std::string>
read_reflectors(const api::Json& json, const std::vector<NodeConfig>& nodes, bool wanted) {
    std::vector<std::string> names;
    for (const auto& entry : json.is_array() ? json : api::Json::array()) {
        names.push_back(entry.is_string() ? entry.get<std::string>() : entry.dump());
    }
    if (!wanted) {
        if (!names.empty()) {
            throw UsageError(
                "spec.cni.bgp.reflectors: only topology: reflector has some",
                "say topology: reflector, too");
        }
        return {};
    }
    for (const auto& name : names) {
        const bool there = std::any_of(
            nodes.begin(), nodes.end(), [&](const NodeConfig& node) { return node.name == name; });
        if (!there || std::count(names.begin(), names.end(), name) > 1) {
            throw UsageError(
                "spec.cni.bgp.reflectors: " +
                    (there ? "'" + name + "' is there twice" : "there is no node '" + name + "'"),
                "nodes reflect routes; the lab's first is " + nodes.front().name);
        }
    }
    return names.empty() ? std::vector<std::string>{nodes.front().name} : names;
}

bool has_routers(const api::Json& spec) {
    const auto& routers = api::at(spec, "underlay.routers");
    return routers.is_array() && !routers.empty();
}

/// Whether BIRD's routes lead into a tunnel. Throws where they cannot.
bool check_tunnel(const api::Json& spec, BgpConfig::Topology topology) {
    const bool encrypted = api::string_at(spec, "cni.encryption") == "wireguard";
    const auto overlay =
        encrypted ? "wireguard" : api::string_at(spec, "cni.overlay", kOverlayVxlan);
    if (!encrypted && overlay != kOverlayNone && overlay != kOverlayIpip) {
        throw UsageError(
            "spec.cni.routing: bgp is for pods' packets without a tunnel, in ipip or encrypted, "
            "and "
            "the overlay is '" +
                overlay + "'",
            "say overlay: none, too");
    }
    const bool tunnelled = encrypted || overlay == kOverlayIpip;
    if (tunnelled && topology == BgpConfig::Topology::TopOfRack) {
        throw UsageError(
            "spec.cni.bgp.topology: 'tor' has nodes send to their routers, and " + overlay +
                " sends past them",
            "topology: mesh or reflector, with routers, too; or overlay: none");
    }
    return tunnelled;
}

void check_place(const api::Json& spec, std::string_view profile, BgpConfig::Topology topology) {
    const bool tunnelled = check_tunnel(spec, topology);
    const bool racks = topology == BgpConfig::Topology::TopOfRack;
    const bool outside = !api::at(spec, "cni.bgp.external.asNumber").is_null();
    if (tunnelled && outside && has_routers(spec)) {
        throw UsageError(
            "spec.cni.bgp.external: routers between the outside and the nodes know nothing of pods "
            "that are in a tunnel",
            "leave out external, or the routers");
    }
    if (!tunnelled && has_routers(spec) != racks) {
        throw UsageError(
            std::string("spec.cni.bgp.topology: '") + to_text(topology) + "' is for nodes " +
                (racks ? "behind routers, and the underlay has none"
                       : "on one segment, and the underlay has routers"),
            racks ? "spec.underlay: {routers: [tor-1], links: [...]}, or topology: mesh"
                  : "topology: tor, where nodes talk to their routers; or a tunnel, overlay: ipip");
    }
    if (profile == "flannel" || profile == "weave") {
        throw UsageError(
            "spec.cni.routing: " + std::string(profile) + " knows no BGP",
            "calico does, and bridge, as kube-router");
    }
}

} // namespace

std::optional<BgpConfig>
read_bgp(const api::Json& spec, const std::vector<NodeConfig>& nodes, std::string_view profile) {
    const auto routing = one_of(spec, "cni.routing", kRoutingStatic, {kRoutingStatic, kRoutingBgp});
    const auto& json = api::at(spec, "cni.bgp");
    if (routing == kRoutingStatic) {
        if (!json.is_null()) {
            throw UsageError("spec.cni.bgp: the routes are static", "say routing: bgp, too");
        }
        return std::nullopt;
    }
    BgpConfig config;
    const auto topology = one_of(spec, "cni.bgp.topology", "mesh", {"mesh", "reflector", "tor"});
    config.topology = topology == "reflector" ? BgpConfig::Topology::Reflector
                      : topology == "tor"     ? BgpConfig::Topology::TopOfRack
                                              : BgpConfig::Topology::Mesh;
    check_place(spec, profile, config.topology);
    if (const auto& number = api::at(json, "asNumber"); !number.is_null()) {
        if (config.topology == BgpConfig::Topology::TopOfRack) {
            throw UsageError(
                "spec.cni.bgp.asNumber: with topology: tor every rack is an autonomous system of "
                "its own, from 65001 on",
                "leave it out");
        }
        config.as_number = read_as_number(number, "spec.cni.bgp.asNumber");
    }
    config.reflectors = read_reflectors(
        api::at(json, "reflectors"), nodes, config.topology == BgpConfig::Topology::Reflector);
    config.service_cidr = api::bool_at(json, "serviceCIDR", false);
    config.load_balancer = api::bool_at(json, "loadBalancer", false);
    if (const auto& number = api::at(json, "external.asNumber"); !number.is_null()) {
        config.outside_as = read_as_number(number, "spec.cni.bgp.external.asNumber");
        if (*config.outside_as == config.as_number) {
            throw UsageError(
                "spec.cni.bgp.external.asNumber: " + number.dump() + " is the nodes' own",
                "the outside is another autonomous system");
        }
    } else if (config.service_cidr || config.load_balancer) {
        throw UsageError(
            std::string("spec.cni.bgp.") + (config.service_cidr ? "serviceCIDR" : "loadBalancer") +
                ": nobody outside of the cluster would hear of it",
            "add external: {asNumber: 64513}, too");
    }
    return config;
}

void check_racks(const BgpConfig& config, const Topology* topology) {
    if (config.topology != BgpConfig::Topology::TopOfRack || topology == nullptr) {
        return;
    }
    for (std::size_t i = 0; i < topology->devices.size(); ++i) {
        const auto& device = topology->devices[i];
        if (device.kind == DeviceKind::Node && topology->routers_of({i, 0}).empty()) {
            throw UsageError(
                "spec.cni.bgp.topology: node '" + device.name + "' has no router on its segment",
                "link a router to the switch that it is on");
        }
    }
}

const char* to_text(BgpConfig::Topology topology) {
    switch (topology) {
    case BgpConfig::Topology::Mesh:
        return "mesh";
    case BgpConfig::Topology::Reflector:
        return "reflector";
    case BgpConfig::Topology::TopOfRack:
        return "tor";
    }
    return "";
}

} // namespace labctl::compile
