#include "labctl/compile/proxy_backend.h"

#include "labctl/compile/cluster_config.h"
#include "labctl/compile/cni_profile.h"
#include "labctl/compile/proxy_iptables.h"
#include "labctl/compile/proxy_ipvs.h"
#include "labctl/compile/proxy_nftables.h"
#include "labctl/compile/proxy_userspace.h"
#include "netemu/base/error.h"

namespace labctl::compile {

std::unique_ptr<ProxyBackend> make_proxy_backend(
    const ClusterConfig& cluster,
    netemu::Family family,
    const services::ProxyConfig& config,
    const std::vector<services::ProxyNode>& nodes) {
    const auto& mode = cluster.proxy_mode;
    if (mode == "nftables") {
        return std::make_unique<NftablesBackend>(family, config, nodes);
    }
    if (mode == "iptables") {
        return std::make_unique<IptablesBackend>(family, config, nodes);
    }
    if (mode == "ipvs") {
        return std::make_unique<IpvsBackend>(family, config, cluster.ipvs_scheduler, nodes);
    }
    if (mode == "userspace") {
        return std::make_unique<UserspaceBackend>(
            family,
            nodes,
            cni_profile(cluster).routed() ? services::UserspaceBind::Node
                                          : services::UserspaceBind::Any);
    }
    throw netemu::Error("no proxy for the mode '" + mode + "'");
}

} // namespace labctl::compile
