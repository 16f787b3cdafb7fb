#include "labctl/compile/proxy_nftables.h"

#include <algorithm>

#include "labctl/compile/network.h"

namespace labctl::compile {

NftablesBackend::NftablesBackend(
    netemu::Family family,
    const services::ProxyConfig& config,
    const std::vector<services::ProxyNode>& nodes)
    : ProxyBackend(family), config_(config), nodes_(nodes) {
    make_proxies();
}

void NftablesBackend::make_proxies() {
    proxies_.clear();
    cache_ = std::make_unique<services::NftPartCache>(config_, layout_);
    const auto all = services_.all();
    for (const auto& node : nodes_) {
        proxies_.push_back(std::make_unique<services::NftProxy>(family(), node, *cache_));
        proxies_.back()->fill(all);
    }
}

void NftablesBackend::replace_tables(ProxyWork& work) const {
    for (std::size_t i = 0; i < nodes_.size(); ++i) {
        work.operations.emplace_back(
            netemu::ReplaceTable{node_namespace(nodes_[i].name), proxies_[i]->table()});
    }
}

void NftablesBackend::rebuild(ProxyWork& work) {
    make_proxies();
    replace_tables(work);
}

void NftablesBackend::update(std::vector<services::ServicePortUpdate> updates, ProxyWork& work) {
    const auto wanted = services::choose_nft_layout(services_.size());
    // Never back to the readable layout while the lab runs: around the limit it would go to and
    // fro.
    if (wanted == services::NftLayout::Scale && layout_ != wanted) {
        layout_ = wanted;
        rebuild(work);
        return;
    }
    last_.clear();
    for (std::size_t i = 0; i < proxies_.size(); ++i) {
        change_table(i, proxies_[i]->update(updates), work);
    }
    for (const auto& update : updates) {
        if (!update.now) {
            cache_->forget(update.name);
        }
    }
}

bool NftablesBackend::has_stale() const {
    return std::any_of(
        proxies_.begin(), proxies_.end(), [](const auto& proxy) { return proxy->has_stale(); });
}

void NftablesBackend::sweep(ProxyWork& work, const ServerReader& /*servers*/) {
    last_.clear();
    for (std::size_t i = 0; i < proxies_.size(); ++i) {
        change_table(i, proxies_[i]->sweep(), work);
    }
}

void NftablesBackend::change_table(
    std::size_t node, std::vector<netemu::NftChange> changes, ProxyWork& work) {
    if (changes.empty()) {
        return;
    }
    std::vector<netemu::NftChangePtr> shared;
    for (std::size_t i = 0; i < changes.size(); ++i) {
        const bool alike = i < last_.size() && *last_[i] == changes[i];
        shared.push_back(
            alike ? last_[i] : std::make_shared<const netemu::NftChange>(std::move(changes[i])));
    }
    const auto after = netemu::nft_identity(proxies_[node]->table());
    for (const auto& change : shared) {
        work.operations.emplace_back(
            netemu::ChangeTable{node_namespace(nodes_[node].name), change, after});
    }
    last_ = std::move(shared);
}

std::string NftablesBackend::layout() const {
    return layout_ == services::NftLayout::Scale ? "scale" : "readable";
}

} // namespace labctl::compile
