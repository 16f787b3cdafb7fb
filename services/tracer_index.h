#pragma once

#include <string_view>
#include <unordered_map>

#include "netemu/base/error.h"
#include "services/tracer.h"

/// Names and keys of tables, found quickly. For the tracer only.
namespace services {

struct TraceSet {
    const netemu::NftSet* declaration = nullptr;
    std::unordered_map<std::string_view, const netemu::NftElement*> exact;
    std::vector<const netemu::NftElement*> ranges;

    void add(const std::vector<netemu::NftElement>& elements);
    /// The element that holds the key, or null.
    [[nodiscard]] const netemu::NftElement* find(const std::string& key) const;
};

struct TraceTable {
    const netemu::NftTable* table = nullptr;
    std::string label; // "ip kube-proxy"
    std::unordered_map<std::string_view, const netemu::NftChain*> chains;
    std::unordered_map<std::string_view, TraceSet> sets;

    explicit TraceTable(const netemu::NftTable& of);
    [[nodiscard]] const netemu::NftChain& chain(const std::string& name) const;
    [[nodiscard]] const TraceSet& set(const std::string& name) const;
    /// Whether a packet of the family passes this table.
    [[nodiscard]] bool sees(Family family) const;
};

struct TraceBaseChain {
    const TraceTable* table = nullptr;
    const netemu::NftChain* chain = nullptr;
};

struct NftTracer::Index {
    std::vector<std::unique_ptr<TraceTable>> tables;
    std::map<netemu::NftHook, std::vector<TraceBaseChain>> hooks; // by priority
    std::vector<IpAddress> local;

    [[nodiscard]] bool is_local(const IpAddress& address) const;
};

} // namespace services
