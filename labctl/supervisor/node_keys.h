#pragma once

#include <map>
#include <string>

#include "mesh/x25519.h"
#include "netemu/model/wireguard.h"

namespace netemu {
class Kernel;
}

namespace labctl::compile {
struct ClusterConfig;
}

namespace labctl::supervisor {

/// The keys of the nodes of a lab that encrypts: made when it comes up, anew each time, and written
/// nowhere.
class NodeKeys {
public:
    /// Makes none without encryption. Throws netemu::Error.
    explicit NodeKeys(const compile::ClusterConfig& config);

    /// By the nodes' names.
    [[nodiscard]] std::map<std::string, netemu::WireguardKey> public_keys() const;
    /// Hands over the private halves.
    void give_to(netemu::Kernel& kernel) const;

private:
    std::map<std::string, mesh::X25519Pair> pairs_;
};

} // namespace labctl::supervisor
