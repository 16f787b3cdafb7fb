#include <chrono>

#include "labctl/compile/cni_profile.h"
#include "labctl/compile/identities.h"
#include "labctl/compile/impairments.h"
#include "labctl/compile/policies.h"
#include "labctl/compile/sleeve_network.h"
#include "labctl/supervisor/lab.h"
#include "labctl/supervisor/tunnel_drops.h"
#include "netemu/kernel/link_tun.h"
#include "netemu/kernel/require.h"

/// Identities of a lab, and the tunnels that carry them.
namespace labctl::supervisor {

namespace {

api::Json counters_json(const dataplane::TunnelCounters& counters) {
    auto drops = api::Json::object();
    std::uint64_t dropped = 0;
    for (std::size_t i = 0; i < counters.drops.size(); ++i) {
        dropped += counters.drops.at(i);
        if (counters.drops.at(i) > 0) {
            drops[dataplane::to_text(static_cast<dataplane::TunnelDrop>(i))] = counters.drops.at(i);
        }
    }
    return {
        {"sent", counters.sent},
        {"sentBytes", counters.sent_bytes},
        {"received", counters.received},
        {"receivedBytes", counters.received_bytes},
        {"dropped", dropped},
        {"drops", std::move(drops)}};
}

} // namespace

/// Before anything is made: a host that cannot says so while nothing has changed.
void Lab::require_tunnels(const compile::ClusterConfig& config) {
    if (config.wireguard) {
        netemu::require_feature(
            "wireguard", "spec.cni.encryption: wireguard needs WireGuard devices in the kernel");
    }
    if (compile::links_in_userspace(config)) {
        try {
            netemu::require_tun();
        } catch (netemu::Error& error) {
            error.add_context("`emulation: userspace` of links needs TAP devices");
            throw;
        }
    }
    if (compile::tunnels_in_userspace(config)) {
        try {
            netemu::require_tun();
        } catch (netemu::Error& error) {
            error.add_context(
                config.overlay == compile::kOverlaySleeve
                    ? "Sleeve needs a TUN device"
                    : "Geneve in userspace needs a TUN device");
            throw;
        }
    } else if (config.overlay == compile::kOverlayGeneve) {
        netemu::require_feature(
            "geneve", "spec.cni.overlay: geneve needs Geneve devices in the kernel");
    } else if (config.overlay == compile::kOverlayIpip) {
        netemu::require_feature(
            "ipip", "spec.cni.overlay: ipip needs tunnels of IP in IP in the kernel");
    }
}

/// What tunnels go by, as far as they are in userspace.
services::IdentityNetwork Lab::tunnel_network() const {
    const auto& config = cluster_->config();
    return config.overlay == compile::kOverlaySleeve ? compile::sleeve_network(store_, config)
                                                     : identities_->network(*policies_);
}

/// Before packets can meet what is new.
void Lab::update_tunnels() {
    if (!compile::tunnels_in_userspace(cluster_->config())) {
        return;
    }
    if (cluster_->config().overlay == compile::kOverlaySleeve) {
        auto network = tunnel_network();
        if (tunnel_nodes_ != network.nodes) {
            tunnel_nodes_ = network.nodes;
            dataplane_->change_tunnels(std::move(network));
        }
    } else if (identities_->take_changed()) {
        dataplane_->change_tunnels(tunnel_network());
    }
}

/// When their devices are there.
void Lab::serve_tunnels() {
    if (compile::tunnels_in_userspace(cluster_->config())) {
        dataplane_->serve_tunnels();
    }
}

/// What a tunnel drops because of a policy is what a rule would have dropped a moment later: it is
/// told of alike.
void Lab::tunnels_dropped(const std::vector<dataplane::TunnelDropped>& drops) {
    std::vector<DroppedPacket> packets;
    for (const auto& dropped : drops) {
        if (auto packet = dropped_by_tunnel(dropped, cluster_->config().overlay, *policies_)) {
            packets.push_back(std::move(*packet));
        }
    }
    drop_log_->add(std::move(packets));
}

api::Json Lab::identities() const {
    auto tunnels = api::Json::object();
    if (compile::tunnels_in_userspace(cluster_->config())) {
        for (const auto& [node, counters] : dataplane_->tunnel_counters()) {
            tunnels[node] = counters_json(counters);
        }
    }
    return {{"items", identities_->list()}, {"tunnels", std::move(tunnels)}};
}

/// The identities of both ends, and what is on the wire between them.
void Lab::explain_identities(api::Json& explanation) const {
    if (!compile::cni_profile(cluster_->config()).identities) {
        return;
    }
    const auto identity_of = [this](const std::string& name) -> std::uint32_t {
        if (name.empty() || name == "external") {
            return services::kIdentityWorld;
        }
        if (name.starts_with("node/")) {
            return services::kIdentityHost;
        }
        const auto slash = name.find('/');
        const auto number = identities_->of_pod(
            name.substr(0, slash), slash == std::string::npos ? "" : name.substr(slash + 1));
        return number == 0 ? services::kIdentityHost : number; // in its node's network
    };
    const auto from = identity_of(api::string_at(explanation, "from.name"));
    explanation["identities"]["from"] = from;
    // A node is "host" to itself only.
    explanation["identities"]["onTheWire"] =
        from == services::kIdentityHost ? services::kIdentityRemoteNode : from;
    for (auto& branch : explanation["branches"]) {
        auto pod = api::string_at(branch, "pod");
        if (pod.empty()) {
            pod = api::string_at(explanation, "to.pod");
        }
        if (!pod.empty()) {
            branch["identity"] = identity_of(pod);
            explanation["identities"]["to"] = branch["identity"];
        }
    }
}

} // namespace labctl::supervisor
