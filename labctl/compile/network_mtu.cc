#include "labctl/compile/network_mtu.h"

#include <algorithm>
#include <string>

#include "labctl/compile/cluster_config.h"
#include "labctl/compile/cni_profile.h"
#include "labctl/compile/network.h"
#include "netemu/base/error.h"

namespace labctl::compile {

namespace {

constexpr std::uint32_t kVxlanOverV4 = 20 + 8 + 8 + 14;
constexpr std::uint32_t kVxlanOverV6 = 40 + 8 + 8 + 14;
constexpr std::uint32_t kGeneveOption = 8; // the sender's identity, beyond what VXLAN has
// Outer IP and UDP, a header of 16 bytes, and a tag of 16 (wireguard.com/protocol).
constexpr std::uint32_t kWireguardOverV4 = 20 + 8 + 16 + 16;
constexpr std::uint32_t kWireguardOverV6 = 40 + 8 + 16 + 16;
constexpr std::uint32_t kIpipHeader = 20;  // RFC 2003
constexpr std::uint32_t kSleeveNames = 12; // three names and a length, where VXLAN has 8 bytes

bool any_v6(const std::vector<netemu::IpPrefix>& ranges) {
    return std::any_of(
        ranges.begin(), ranges.end(), [](const auto& range) { return !range.address.is_v4(); });
}

} // namespace

std::uint32_t overlay_overhead(const ClusterConfig& config) {
    const bool v6 =
        !config.underlay_cidrs.empty() && !config.underlay_cidrs.front().address.is_v4();
    if (config.wireguard) {
        return v6 ? kWireguardOverV6 : kWireguardOverV4;
    }
    if (config.overlay == kOverlayNone) {
        return 0;
    }
    if (config.overlay == kOverlayIpip) {
        return kIpipHeader;
    }
    const bool userspace = tunnels_in_userspace(config);
    return (v6 ? kVxlanOverV6 : kVxlanOverV4) +
           (config.overlay == kOverlaySleeve ? kSleeveNames : 0) +
           (config.overlay == kOverlayGeneve && userspace ? kGeneveOption : 0);
}

std::uint32_t compute_mtu(const ClusterConfig& config) {
    const bool v6 = any_v6(config.pod_cidrs) || any_v6(config.underlay_cidrs);
    const auto least = v6 ? kMtuMinV6 : kMtuMinV4;
    const auto overhead = overlay_overhead(config);
    const std::string family = v6 ? "IPv6" : "IPv4";
    if (config.underlay_mtu < least + overhead || config.underlay_mtu > kMtuMax) {
        throw netemu::UsageError(
            "spec.underlay.mtu: " + std::to_string(config.underlay_mtu) + " bytes cannot carry " +
                (overhead == 0
                     ? "the pods' packets: "
                     : "the overlay: its headers take " + std::to_string(overhead) + " and ") +
                family + " needs " + std::to_string(least) + (overhead == 0 ? "" : " inside"),
            "give a value from " + std::to_string(least + overhead) + " to " +
                std::to_string(kMtuMax));
    }
    const auto most = cni_profile(config).mtu_max;
    const auto left = config.underlay_mtu - overhead;
    const auto usual = most == 0 ? left : std::min(left, most);
    if (!config.cni_mtu) {
        return usual;
    }
    if (*config.cni_mtu < least || *config.cni_mtu > kMtuMax) {
        throw netemu::UsageError(
            "spec.cni.mtu: " + std::to_string(*config.cni_mtu) + " bytes are not between " +
                std::to_string(least) + ", which " + family + " needs, and " +
                std::to_string(kMtuMax),
            "leave it out, or say auto: that gives " + std::to_string(usual));
    }
    return *config.cni_mtu;
}

} // namespace labctl::compile
