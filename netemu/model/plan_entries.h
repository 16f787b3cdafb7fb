#pragma once

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "netemu/model/plan.h"
#include "netemu/model/plan_links.h"

/// Second half of a plan (internal to this room): what hangs on the links of one namespace.
namespace netemu {

using NeighbourList = std::shared_ptr<const std::vector<NeighbourSpec>>;

struct NeighbourChange {
    std::vector<NeighbourSpec> gone;
    std::vector<NeighbourList> added;
};

/// Compares neighbours. Remembers what it learned of the shared lists, so that a thousand members
/// of a segment cost one comparison. The lists must outlive it.
class NeighbourComparer {
public:
    NeighbourChange compare(const NamespaceDiff& ns);

private:
    using View = std::vector<const NeighbourSpec*>; // sorted by value, without doubles

    bool same_list(const NeighbourList& a, const NeighbourList& b);
    const View& sorted(const NeighbourList& list);
    View merge(const std::vector<NeighbourSpec>& own, const NeighbourList& segment);

    std::map<const void*, View> views_;
    std::map<std::pair<const void*, const void*>, bool> same_;
};

/// Deletions of addresses, routes and FDB entries that are not wanted (any more), and of tables.
void plan_removals(const NamespaceDiff& ns, std::vector<Operation>& out);
/// Queueing disciplines that are to be put on, changed or taken off.
void plan_shapers(const NamespaceDiff& ns, std::vector<Operation>& out);
void plan_addresses(const NamespaceDiff& ns, std::vector<Operation>& out);
void plan_routes(const NamespaceDiff& ns, std::vector<Operation>& out);
void plan_fdb(const NamespaceDiff& ns, std::vector<Operation>& out);

/// Finds what changes in tables. Nodes that see the same change get the same value.
class TableChanges {
public:
    /// nullptr when the table has to be replaced.
    NftChangePtr between(const NftTableInfo& there, const NftTable& wanted);

private:
    std::map<std::pair<NftFamily, std::string>, std::vector<NftChangePtr>> known_;
};
void plan_tables(const NamespaceDiff& ns, TableChanges& changes, std::vector<Operation>& out);

} // namespace netemu
