#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "dns/corefile.h"
#include "dns/resolver.h"
#include "dns/zone.h"
#include "dns/zone_file.h"

namespace labctl::dataplane {

/// A Corefile and the cluster's records, which all DNS pods share: each makes a resolver of its
/// own from it, with a cache and upstreams of its own.
class DnsEngine {
public:
    using Files = std::map<std::string, std::string>; // by path

    /// `files` are those that the Corefile reads; one that is not there is empty. Throws
    /// netemu::UsageError as dns::parse_corefile and dns::StaticZone do. Server blocks of other
    /// ports than 53 are left out.
    explicit DnsEngine(const std::string& corefile, const Files& files = {});

    template <typename Change>
    void each_zone(Change change) {
        for (const auto& zone : zones_) {
            if (zone) {
                change(*zone);
            }
        }
    }

    [[nodiscard]] const std::vector<dns::ServerBlock>& blocks() const { return blocks_; }
    /// What the files of the block with that index say: a zone for each `file` of it, in order, and
    /// the text of its hosts file.
    [[nodiscard]] const std::vector<dns::StaticZone>& file_zones(std::size_t block) const {
        return contents_[block].zones;
    }
    [[nodiscard]] const std::string& hosts_text(std::size_t block) const {
        return contents_[block].hosts;
    }
    /// Of the block with that index; nullptr if it has no plugin kubernetes.
    [[nodiscard]] dns::ClusterZone* zone(std::size_t block) const { return zones_[block].get(); }

private:
    struct Contents {
        std::vector<dns::StaticZone> zones;
        std::string hosts;
    };
    static Contents read(dns::ServerBlock& block, const Files& files);

    std::vector<dns::ServerBlock> blocks_;
    std::vector<Contents> contents_;                       // one for each block
    std::vector<std::unique_ptr<dns::ClusterZone>> zones_; // one for each block
};

} // namespace labctl::dataplane
