#pragma once

#include <map>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "netemu/model/nft_change.h"
#include "services/nftables_scale.h"

/// The nftables proxy of one node: which table it wants, and the small changes that lead there as
/// Services and endpoints come and go. No kernel: the changes are values for whoever applies them.
namespace services {

/// Parts of one family made once for all nodes, where nodes do not differ. Owned by the cluster;
/// outlives the proxies. Not thread-safe.
class NftPartCache {
public:
    NftPartCache(ProxyConfig config, NftLayout layout)
        : config_(std::move(config)), layout_(layout) {}

    [[nodiscard]] const ProxyConfig& config() const { return config_; }
    [[nodiscard]] NftLayout layout() const { return layout_; }
    [[nodiscard]] netemu::NftPartPtr part(const ServicePortInputPtr& input, const ProxyNode& node);
    void forget(const ServicePortName& name) { made_.erase(name); }

private:
    struct Made {
        ServicePortInputPtr input;
        netemu::NftPartPtr part;
    };
    ProxyConfig config_;
    NftLayout layout_;
    std::map<ServicePortName, Made> made_;
};

/// A stale chain may be deleted this long after it was flushed: kernels before 6.2 notice late that
/// nothing refers to a chain any more (kube-proxy proxier.go; reference 8.1).
inline constexpr unsigned kStaleChainSeconds = 1;

class NftProxy {
public:
    /// `cache` is of the same family and outlives the proxy.
    NftProxy(Family family, ProxyNode node, NftPartCache& cache);
    NftProxy(const NftProxy&) = delete; // it points into itself
    NftProxy& operator=(const NftProxy&) = delete;
    ~NftProxy() = default;

    /// The table as wanted, all parts included. A copy shares the parts.
    [[nodiscard]] const netemu::NftTable& table() const { return table_; }

    /// Takes the first service ports of a new proxy, for a table that is written as a whole.
    void fill(std::span<const ServicePortUpdate> updates);
    /// Takes changes of service ports and returns what to do about it, in this order; usually one
    /// change, none if nothing differs, two if a set has to be declared anew (affinity timeout) or
    /// if the scale layout needs chains for a number of endpoints that it has not had.
    /// Costs what the changed service ports hold, however many others there are. Chains that are no
    /// longer used are flushed and stay, empty, until `sweep`.
    std::vector<netemu::NftChange> update(std::span<const ServicePortUpdate> updates);

    /// Whether there are flushed chains to delete.
    [[nodiscard]] bool has_stale() const { return !stale_.empty(); }
    /// Deletes them; at least kStaleChainSeconds after the update that flushed them.
    std::vector<netemu::NftChange> sweep();

private:
    /// Where a part stands in the table.
    struct Slot {
        netemu::NftPartPtr part;
        std::size_t index = 0;
    };
    struct Port {
        Slot slot;
        NftScaleNeeds needs;
    };
    /// A part that several service ports need.
    struct Shared {
        Slot slot;
        std::size_t users = 0;
    };
    /// What an update took out of the table and put into it.
    struct Replaced {
        std::vector<netemu::NftPartPtr> before;
        std::vector<netemu::NftPartPtr> after;
    };

    void put(Slot& slot, netemu::NftPartPtr part, Replaced& replaced);
    void take_out(Slot& slot, Replaced& replaced);
    void update_port(const ServicePortUpdate& update, Replaced& replaced);
    void count_needs(const NftScaleNeeds& needs, bool more, Replaced& replaced);
    /// The chains of the scale layout for services with so many endpoints. They stay once they are
    /// made, and are made before anything leads to them: a packet that began in the generation
    /// before finds a map's new elements, but a chain without its new rules.
    void add_count_chains(std::size_t count, Replaced& replaced);
    void count_shared(const std::string& key, netemu::NftContents contents, Replaced& replaced);
    void discount_shared(const std::string& key, Replaced& replaced);
    void note_stale(const Replaced& replaced);
    void renew_stale_part(Replaced& replaced);
    [[nodiscard]] std::vector<netemu::NftChange> changes(const Replaced& replaced) const;

    ProxyNode node_;
    NftPartCache& cache_;
    netemu::NftTable table_;
    std::vector<Slot*> slots_; // by index in table_.parts
    std::map<ServicePortName, Port> ports_;
    std::map<std::size_t, Slot> count_chains_; // by number of endpoints
    std::map<std::string, Shared> shared_;
    std::set<std::string> stale_;
    Slot stale_slot_;
};

} // namespace services
