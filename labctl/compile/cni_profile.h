#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "labctl/compile/network_view.h"
#include "netemu/model/network.h"

/// What tells one CNI plugin from another. Each has a file NAME_profile.cc with its wiring, its
/// tunnel and the names of its devices; what they share is in cni_*.h.
namespace labctl::compile {

struct ClusterConfig;

struct CniProfile {
    const char* name;
    const char* bridge; // the nodes' bridge; nullptr: pods hang on their node one by one, routed
    const char* ports;  // what the pods' ends on a node are called, as a pattern: "veth*"
    const char* tunnel; // the VXLAN device of each node
    std::uint32_t vni;
    std::uint16_t port; // UDP, of the tunnel
    bool enforces_policies;
    bool always_checks_sources; // otherwise only once there is a policy
    /// Adds what the plugin makes of the node at this position of `cluster.nodes`: to its
    /// namespace, and the namespaces of its pods.
    void (*add)(const ClusterView& cluster, std::size_t position, netemu::DesiredState& state);
    const char* geneve = nullptr;  // the Geneve device of each node; nullptr: it speaks none
    const char* overlay = "vxlan"; // where the lab does not say
    const char* router = nullptr;  // device with the node's own address among its pods
    bool identities = false;       // label sets have numbers, which policies go by
    const char* ipip = nullptr;    // the device for IP in IP; nullptr: it has none
    const char* sleeve = nullptr;  // the device behind which Sleeve is; nullptr: it has none
    bool peer_networks = false;    // by VXLAN each way between two nodes has a VNI of its own
    /// WireGuard's device, its UDP port, and the annotation that shows a node's public key;
    /// nullptr: the plugin has it not.
    const char* wireguard = nullptr;
    std::uint16_t wireguard_port = 51820;
    const char* wireguard_annotation = nullptr;
    std::uint32_t mtu_max = 0; // of pods, where the lab does not say; 0: what the underlay leaves

    [[nodiscard]] bool routed() const { return bridge == nullptr; }
};

extern const CniProfile kBridgeProfile;
extern const CniProfile kFlannelProfile;
extern const CniProfile kCalicoProfile;
extern const CniProfile kCiliumProfile;
extern const CniProfile kWeaveProfile;

/// In the order in which they are offered.
[[nodiscard]] const std::vector<const CniProfile*>& cni_profiles();
/// Throws netemu::UsageError, naming `field` and the profiles that there are.
[[nodiscard]] const CniProfile& find_cni_profile(std::string_view name, const std::string& field);
[[nodiscard]] const CniProfile& cni_profile(const ClusterConfig& config);

/// How nodes exchange the packets of pods: "vxlan", "geneve", "ipip" (IPv4 alone; IPv6 goes as with
/// "none"), "sleeve" (Weave's own), or "none", by routes over the underlay.
inline constexpr const char* kOverlayVxlan = "vxlan";
inline constexpr const char* kOverlayGeneve = "geneve";
inline constexpr const char* kOverlayIpip = "ipip";
inline constexpr const char* kOverlaySleeve = "sleeve";
inline constexpr const char* kOverlayNone = "none";
/// Throws netemu::UsageError for an overlay that is not known here, or that the profile has not.
/// `field` is what the user wrote it in.
void check_overlay(const std::string& overlay, const CniProfile& profile, const std::string& field);

/// Who makes Geneve's tunnels: "userspace", the data plane behind a TUN device, on any kernel,
/// which knows identities; "none", a device of the kernel, which does not; "auto": the former with
/// a profile that has identities, the latter with any other. Throws netemu::UsageError for anything
/// else, and where the profile has no identities to carry.
void check_emulation(
    const std::string& emulation, const CniProfile& profile, const std::string& field);

/// Whether the data plane carries what nodes exchange: Geneve as check_emulation says, and Sleeve.
[[nodiscard]] bool tunnels_in_userspace(const ClusterConfig& config);
/// The device of each node that leads to the others; nullptr: none, without an overlay.
[[nodiscard]] const char* tunnel_device(const ClusterConfig& config);

/// The addresses that are the node's own: on the underlay, and those of the plugin's devices.
[[nodiscard]] std::vector<netemu::IpAddress>
node_addresses(const NodeView& node, const CniProfile& profile);

} // namespace labctl::compile
