#include "labctl/compile/wireguard.h"

#include <algorithm>

#include "labctl/compile/cluster_config.h"
#include "labctl/compile/cni_profile.h"
#include "labctl/compile/config_words.h"
#include "netemu/base/error.h"

namespace labctl::compile {

bool read_encryption(const api::Json& spec, const CniProfile& profile) {
    if (one_of(spec, "cni.encryption", "none", {"none", "wireguard"}) == "none") {
        return false;
    }
    if (profile.wireguard == nullptr) {
        throw netemu::UsageError(
            std::string("spec.cni.encryption: the profile ") + profile.name +
                " has no WireGuard between nodes",
            "the profiles bridge, flannel, calico and cilium have it");
    }
    const auto overlay = api::string_at(spec, "cni.overlay", kOverlayNone);
    if (overlay != kOverlayNone) {
        throw netemu::UsageError(
            "spec.cni.overlay: WireGuard carries the pods' packets itself, and nothing is "
            "encapsulated in " +
                overlay,
            "leave it out, or say overlay: none");
    }
    return true;
}

netemu::WireguardKey wireguard_key(const ClusterConfig& config, const std::string& node) {
    netemu::WireguardKey key;
    if (!config.wireguard) {
        return key;
    }
    if (const auto found = config.wireguard_keys.find(node); found != config.wireguard_keys.end()) {
        return found->second;
    }
    std::copy_n(node.begin(), std::min(node.size(), key.bytes.size()), key.bytes.begin());
    return key;
}

netemu::WireguardSpec wireguard_device(const ClusterView& cluster, const NodeView& node) {
    const auto port = cluster.profile->wireguard_port;
    netemu::WireguardSpec device;
    device.key = node.key;
    device.port = port;
    device.roams = cluster.topology != nullptr; // a router may translate, a node have two addresses
    for (const auto& peer : cluster.nodes) {
        if (&peer == &node) {
            continue;
        }
        auto ranges = peer.pod_cidrs;
        std::sort(ranges.begin(), ranges.end());
        device.peers.push_back(
            {peer.key, {peer.underlay.front().address, port}, std::move(ranges)});
    }
    std::sort(device.peers.begin(), device.peers.end(), [](const auto& a, const auto& b) {
        return a.key < b.key;
    });
    return device;
}

void annotate_key(const ClusterConfig& config, api::Object& node) {
    auto& metadata = node.body["metadata"];
    for (const auto* profile : cni_profiles()) {
        if (profile->wireguard_annotation != nullptr && metadata.contains("annotations")) {
            metadata["annotations"].erase(profile->wireguard_annotation);
        }
    }
    if (!config.wireguard) {
        return;
    }
    const auto* name = cni_profile(config).wireguard_annotation;
    auto text = netemu::to_text(wireguard_key(config, node.name()));
    if (name == kFlannelProfile.wireguard_annotation) {
        text = api::Json{{"PublicKey", text}}.dump(); // flannel, pkg/backend/wireguard
    }
    metadata["annotations"][name] = std::move(text);
}

} // namespace labctl::compile
