#pragma once

#include <memory>
#include <string>
#include <vector>

#include "labctl/compile/proxy_backend.h"
#include "services/nftables_proxy.h"

/// The nftables proxies of all nodes in one family. Internal to this folder.
namespace labctl::compile {

class NftablesBackend final : public ProxyBackend {
public:
    NftablesBackend(
        netemu::Family family,
        const services::ProxyConfig& config,
        const std::vector<services::ProxyNode>& nodes);

    /// A table that has outgrown the readable layout is replaced.
    void update(std::vector<services::ServicePortUpdate> updates, ProxyWork& work) override;
    /// All proxies anew, all tables replaced.
    void rebuild(ProxyWork& work) override;

    [[nodiscard]] bool has_stale() const override;
    void sweep(ProxyWork& work, const ServerReader& servers) override;

    [[nodiscard]] const netemu::NftTable* table(std::size_t node) const override {
        return &proxies_.at(node)->table();
    }
    /// "readable" or "scale".
    [[nodiscard]] std::string layout() const override;

private:
    void make_proxies();
    void replace_tables(ProxyWork& work) const;
    void change_table(std::size_t node, std::vector<netemu::NftChange> changes, ProxyWork& work);

    services::ProxyConfig config_;
    const std::vector<services::ProxyNode>& nodes_;
    services::NftLayout layout_ = services::NftLayout::Readable;
    std::unique_ptr<services::NftPartCache> cache_; // the proxies point into it
    std::vector<std::unique_ptr<services::NftProxy>> proxies_;
    std::vector<netemu::NftChangePtr> last_; // of the node before: most nodes change alike
};

} // namespace labctl::compile
