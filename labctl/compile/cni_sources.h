#pragma once

#include <string>
#include <vector>

#include "labctl/compile/network_view.h"
#include "netemu/model/nft.h"

namespace labctl::compile {

/// The table cni-sources: a pod sends from its own addresses only. What comes in by a port is
/// looked up together with the port, stateless, before anything else. On a bridge (family bridge)
/// every port is a pod's, and what a pod says of itself in ARP is looked at too; where pods are
/// routed (family inet) their ports are known by how their names begin.
class SourceCheck {
public:
    /// `cluster` outlives this. `ports`: how the names of the routed ports begin, as in "cali*";
    /// empty: all ports of the node's bridge.
    SourceCheck(const ClusterView& cluster, std::string ports);

    void add(const PodView& pod, const std::string& port);
    [[nodiscard]] netemu::NftTable finish() &&;

private:
    void add_rules(netemu::NftChain& chain, netemu::Family family) const;
    [[nodiscard]] netemu::NftRule drop_unless(
        netemu::NftField field,
        netemu::Family family,
        std::vector<netemu::NftStatement> also) const;

    const ClusterView& cluster_;
    std::string ports_;
    netemu::NftTable table_;
};

} // namespace labctl::compile
