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
        &kBridgeProfile, &kFlannelProfile, &kCalicoProfile, &kCiliumProfile};
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
    const std::string kAvailable = std::string("available: ") +
                                   (profile.geneve == nullptr ? "" : "geneve, ") +
                                   "vxlan, none (routes over the underlay)";
    if (overlay == kOverlayVxlan || overlay == kOverlayNone ||
        (overlay == kOverlayGeneve && profile.geneve != nullptr)) {
        return;
    }
    if (overlay == kOverlayGeneve) {
        throw netemu::UsageError(
            field + ": 'geneve' is not available with the profile " + profile.name, kAvailable);
    }
    if (overlay == "ipip") {
        throw netemu::UnsupportedError(
            field + ": 'ipip' needs tunnels of IP in IP in the kernel (CONFIG_NET_IPIP), and this "
                    "version does not set them up",
            kAvailable);
    }
    throw netemu::UsageError(
        field + ": '" + overlay + "' is not available in this version", kAvailable);
}

void check_emulation(const std::string& emulation, const std::string& field) {
    if (emulation == "auto" || emulation == "userspace") {
        return;
    }
    if (emulation == "none") {
        throw netemu::UnsupportedError(
            field + ": 'none' needs Geneve devices in the kernel (CONFIG_GENEVE), and this version "
                    "does not set them up",
            "emulation: userspace carries the same frames on any kernel");
    }
    throw netemu::UsageError(
        field + ": '" + emulation + "' is not available in this version",
        "available: auto, userspace");
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
