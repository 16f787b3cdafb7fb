#include "netemu/kernel/nft_tables.h"

#include <algorithm>
#include <map>
#include <set>
#include <string>

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

/// The range from an element's key to the last key in front of `end`, or to the very last one.
NftElement close_range(NftElement element, std::string end) {
    if (end.empty()) {
        end.assign(element.key.size(), '\xff');
    } else {
        std::size_t digit = end.size();
        while (digit > 0 && end[digit - 1] == '\0') {
            end[--digit] = '\xff';
        }
        if (digit > 0) {
            end[digit - 1] = static_cast<char>(static_cast<std::uint8_t>(end[digit - 1]) - 1U);
        }
    }
    if (end != element.key) {
        element.range = true;
        element.key += end;
    }
    return element;
}

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

std::vector<NftRuleInfo>
read_table_rules(NetlinkSocket& nft, NftFamily family, const std::string& table) {
    std::vector<NftRuleInfo> rules;
    Batch request;
    encode_dump_rules(request);
    nft.dump("list nftables rules", request, [&](const nlmsghdr* message) {
        const auto owner = decode_rule_owner(message);
        if (owner && owner->family == family && owner->table == table) {
            rules.push_back(decode_rule(message));
        }
    });
    return rules;
}

std::vector<NftElementInfo> read_set_elements(
    NetlinkSocket& nft, NftFamily family, const std::string& table, const std::string& set) {
    std::vector<NftElementInfo> elements;
    std::map<std::string, NftElementInfo> begins; // of ranges, by key
    std::set<std::string> ends;
    Batch request;
    encode_dump_elements(request, family, table, set);
    nft.dump(("list elements of set " + set).c_str(), request, [&](const nlmsghdr* message) {
        decode_elements(message, [&](const NftElementInfo& info, bool end) {
            if (end) {
                ends.insert(info.element.key);
            } else if (info.element.range) {
                elements.push_back(info);
            } else {
                begins.emplace(info.element.key, info);
            }
        });
    });
    for (auto& [key, info] : begins) {
        const auto end = ends.upper_bound(key);
        if (!ends.empty()) {
            info.element = close_range(std::move(info.element), end == ends.end() ? "" : *end);
        }
        elements.push_back(std::move(info));
    }
    return elements;
}

} // namespace netemu
