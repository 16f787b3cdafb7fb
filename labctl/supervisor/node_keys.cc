#include "labctl/supervisor/node_keys.h"

#include "labctl/compile/cluster_config.h"
#include "netemu/kernel/kernel.h"

namespace labctl::supervisor {

NodeKeys::NodeKeys(const compile::ClusterConfig& config) {
    if (!config.wireguard) {
        return;
    }
    for (const auto& node : config.nodes) {
        pairs_.emplace(node.name, mesh::make_x25519_pair());
    }
}

std::map<std::string, netemu::WireguardKey> NodeKeys::public_keys() const {
    std::map<std::string, netemu::WireguardKey> keys;
    for (const auto& [node, pair] : pairs_) {
        keys.emplace(node, netemu::WireguardKey{pair.public_key});
    }
    return keys;
}

void NodeKeys::give_to(netemu::Kernel& kernel) const {
    for (const auto& [node, pair] : pairs_) {
        kernel.keep_wireguard_key({pair.public_key}, pair.private_key);
    }
}

} // namespace labctl::supervisor
