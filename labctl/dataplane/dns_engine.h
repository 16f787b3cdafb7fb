#pragma once

#include <memory>
#include <string>
#include <vector>

#include "dns/corefile.h"
#include "dns/resolver.h"
#include "dns/zone.h"

namespace labctl::dataplane {

/// A Corefile and the cluster's records, which all DNS pods share: each makes a resolver of its
/// own from it, with a cache and upstreams of its own.
class DnsEngine {
public:
    /// Throws netemu::UsageError as dns::parse_corefile does. Server blocks of other ports than 53
    /// are left out.
    explicit DnsEngine(const std::string& corefile);

    template <typename Change>
    void each_zone(Change change) {
        for (const auto& zone : zones_) {
            if (zone) {
                change(*zone);
            }
        }
    }

    [[nodiscard]] const std::vector<dns::ServerBlock>& blocks() const { return blocks_; }
    /// Of the block with that index; nullptr if it has no plugin kubernetes.
    [[nodiscard]] dns::ClusterZone* zone(std::size_t block) const { return zones_[block].get(); }

private:
    std::vector<dns::ServerBlock> blocks_;
    std::vector<std::unique_ptr<dns::ClusterZone>> zones_; // one for each block
};

} // namespace labctl::dataplane
