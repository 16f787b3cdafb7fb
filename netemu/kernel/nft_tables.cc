#include "netemu/kernel/nft_tables.h"

#include <algorithm>

#include "netemu/kernel/nft_codec.h"

namespace netemu {

namespace {

class TableCounter {
public:
    explicit TableCounter(NetlinkSocket& nft) : nft_(nft) {}

    std::vector<NftTableInfo> run() {
        encode_dump_tables(request_);
        nft_.dump("list nftables tables", request_, [&](const nlmsghdr* message) {
            if (auto table = decode_table(message)) {
                tables_.push_back(std::move(*table));
            }
        });
        if (!tables_.empty()) {
            count_chains();
            count_rules();
            count_sets();
        }
        return std::move(tables_);
    }

private:
    NftTableInfo* find(const NftOwner& owner) {
        const auto found = std::find_if(tables_.begin(), tables_.end(), [&](const auto& each) {
            return each.family == owner.family && each.name == owner.table;
        });
        return found == tables_.end() ? nullptr : &*found;
    }

    void count_chains() {
        encode_dump_chains(request_);
        nft_.dump("list nftables chains", request_, [&](const nlmsghdr* message) {
            const auto owner = decode_chain_owner(message);
            if (NftTableInfo* table = owner ? find(*owner) : nullptr) {
                ++table->counts.chains;
            }
        });
    }

    void count_rules() {
        encode_dump_rules(request_);
        nft_.dump("list nftables rules", request_, [&](const nlmsghdr* message) {
            const auto owner = decode_rule_owner(message);
            if (NftTableInfo* table = owner ? find(*owner) : nullptr) {
                ++table->counts.rules;
            }
        });
    }

    void count_sets() {
        std::vector<FoundSet> sets;
        encode_dump_sets(request_);
        nft_.dump("list nftables sets", request_, [&](const nlmsghdr* message) {
            auto set = decode_set(message);
            if (set && !set->anonymous) {
                sets.push_back(std::move(*set));
            }
        });
        for (const FoundSet& set : sets) {
            if (NftTableInfo* table = find(set.owner)) {
                ++table->counts.sets;
                table->counts.elements += set.counted ? count_elements(set) : 0;
            }
        }
    }

    std::size_t count_elements(const FoundSet& set) {
        std::size_t count = 0;
        encode_dump_elements(request_, set.owner.family, set.owner.table, set.name);
        nft_.dump("list elements", request_, [&](const nlmsghdr* message) {
            count += decode_element_count(message);
        });
        return count;
    }

    NetlinkSocket& nft_;
    Batch request_;
    std::vector<NftTableInfo> tables_;
};

} // namespace

std::uint32_t read_generation(NetlinkSocket& nft) {
    Batch request;
    std::uint32_t generation = 0;
    encode_get_generation(request);
    nft.get("ask for the nftables generation", request, [&](const nlmsghdr* message) {
        generation = decode_generation(message).value_or(generation);
    });
    return generation;
}

std::vector<NftTableInfo> observe_tables(NetlinkSocket& nft, KnownTables& known) {
    const std::uint32_t generation = read_generation(nft);
    if (const auto* infos = known.at(generation)) {
        return *infos;
    }
    return known.observed(generation, TableCounter(nft).run());
}

} // namespace netemu
