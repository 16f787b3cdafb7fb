#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "netemu/model/plan.h"
#include "services/nftables_proxy.h"
#include "services/service_map.h"

/// The nftables proxies of all nodes in one family. Internal to this folder.
namespace labctl::compile {

class NftablesBackend {
public:
    /// `nodes` outlives this and does not change meanwhile.
    NftablesBackend(
        netemu::Family family,
        const services::ProxyConfig& config,
        const std::vector<services::ProxyNode>& nodes);

    [[nodiscard]] netemu::Family family() const { return family_; }
    [[nodiscard]] services::ServiceMap& services() { return services_; }
    [[nodiscard]] const services::ServiceMap& services() const { return services_; }
    [[nodiscard]] services::NftLayout layout() const { return layout_; }
    [[nodiscard]] const netemu::NftTable& table(std::size_t node) const {
        return proxies_.at(node)->table();
    }

    /// Hands changes of service ports to every node's proxy. A table that has outgrown the readable
    /// layout is replaced.
    void
    update(std::vector<services::ServicePortUpdate> updates, std::vector<netemu::Operation>& work);
    /// After the nodes have changed: all proxies anew, all tables replaced.
    void rebuild(std::vector<netemu::Operation>& work);

    [[nodiscard]] bool has_stale() const;
    void sweep(std::vector<netemu::Operation>& work);

private:
    void make_proxies();
    void replace_tables(std::vector<netemu::Operation>& work) const;
    void change_table(
        std::size_t node,
        std::vector<netemu::NftChange> changes,
        std::vector<netemu::Operation>& work);

    netemu::Family family_;
    services::ProxyConfig config_;
    const std::vector<services::ProxyNode>& nodes_;
    services::NftLayout layout_ = services::NftLayout::Readable;
    services::ServiceMap services_;
    std::unique_ptr<services::NftPartCache> cache_; // the proxies point into it
    std::vector<std::unique_ptr<services::NftProxy>> proxies_;
    std::vector<netemu::NftChangePtr> last_; // of the node before: most nodes change alike
};

} // namespace labctl::compile
