#include "labctl/compile/cni_profile.h"

#include <algorithm>

#include "labctl/compile/cluster_config.h"
#include "labctl/compile/cni_bridge.h"
#include "labctl/compile/cni_overlay.h"
#include "labctl/compile/conflist_profile.h"
#include "netemu/base/error.h"
#include "netemu/base/text.h"

namespace labctl::compile {

const std::vector<const CniProfile*>& cni_profiles() {
    static const std::vector<const CniProfile*> kAll{
        &kBridgeProfile, &kFlannelProfile, &kCalicoProfile, &kCiliumProfile, &kWeaveProfile};
    return kAll;
}

const CniProfile& find_cni_profile(std::string_view name, const std::string& field) {
    std::vector<std::string> names;
    for (const auto* profile : cni_profiles()) {
        if (profile->name == name) {
            return *profile;
        }
        names.emplace_back(profile->name);
    }
    if (name == kConflist) {
        return kConflistProfile; // by spec.cni.conflist, never by its name
    }
    throw netemu::UsageError(
        field + ": '" + std::string(name) + "' is not available in this version",
        "available: " + netemu::join(names, ", "));
}

const CniProfile& cni_profile(const ClusterConfig& config) {
    return find_cni_profile(config.cni_profile, "spec.cni.profile");
}

void check_overlay(
    const std::string& overlay, const CniProfile& profile, const std::string& field) {
    const std::string available =
        std::string("available: ") + (profile.geneve == nullptr ? "" : "geneve, ") +
        (profile.ipip == nullptr ? "" : "ipip, ") + (profile.sleeve == nullptr ? "" : "sleeve, ") +
        "vxlan, none (routes over the underlay)";
    if (overlay == kOverlayVxlan || overlay == kOverlayNone ||
        (overlay == kOverlayGeneve && profile.geneve != nullptr) ||
        (overlay == kOverlayIpip && profile.ipip != nullptr) ||
        (overlay == kOverlaySleeve && profile.sleeve != nullptr)) {
        return;
    }
    if (overlay == kOverlayGeneve || overlay == kOverlayIpip || overlay == kOverlaySleeve) {
        throw netemu::UsageError(
            field + ": '" + overlay + "' is not available with the profile " + profile.name,
            available);
    }
    throw netemu::UsageError(
        field + ": '" + overlay + "' is not available in this version", available);
}

void check_emulation(
    const std::string& emulation, const CniProfile& profile, const std::string& field) {
    if (emulation == "auto" || emulation == "none") {
        return;
    }
    if (emulation != "userspace") {
        throw netemu::UsageError(
            field + ": '" + emulation + "' is not available in this version",
            "available: auto, none (a device of the kernel), userspace");
    }
    if (!profile.identities) {
        throw netemu::UsageError(
            field + ": Geneve in userspace carries identities, and the profile " + profile.name +
                " has none",
            "say emulation: none, or profile: cilium");
    }
}

bool tunnels_in_userspace(const ClusterConfig& config) {
    if (config.overlay == kOverlayGeneve) {
        return config.emulation == "userspace" ||
               (config.emulation == "auto" && cni_profile(config).identities);
    }
    return config.overlay == kOverlaySleeve;
}

const char* tunnel_device(const ClusterConfig& config) {
    const auto& profile = cni_profile(config);
    return config.wireguard                   ? profile.wireguard
           : config.overlay == kOverlayVxlan  ? profile.tunnel
           : config.overlay == kOverlayGeneve ? profile.geneve
           : config.overlay == kOverlayIpip   ? profile.ipip
           : config.overlay == kOverlaySleeve ? profile.sleeve
                                              : nullptr;
}

std::vector<netemu::IpAddress> node_addresses(const NodeView& node, const CniProfile& profile) {
    std::vector<netemu::IpAddress> addresses;
    for (const auto& prefix : node.underlay) {
        addresses.push_back(prefix.address);
    }
    for (const auto& range : node.pod_cidrs) {
        addresses.push_back(tunnel_address(range));
        if (!profile.routed() || profile.router != nullptr) {
            addresses.push_back(bridge_address(range));
        }
    }
    return addresses;
}

} // namespace labctl::compile
