#include "netemu/model/plan_entries.h"

#include <algorithm>
#include <iterator>

#include "netemu/model/nft_change.h"

namespace netemu {

namespace {

constexpr auto kByValue = [](const auto* a, const auto* b) { return *a < *b; };

template <typename T>
std::vector<const T*> sorted_view(const std::vector<T>& list) {
    std::vector<const T*> view;
    view.reserve(list.size());
    for (const auto& entry : list) {
        view.push_back(&entry);
    }
    if (!std::is_sorted(view.begin(), view.end(), kByValue)) {
        std::sort(view.begin(), view.end(), kByValue);
    }
    return view;
}

template <typename T>
bool contains(const std::vector<const T*>& view, const T& value) {
    return std::binary_search(view.begin(), view.end(), &value, kByValue);
}

template <typename T>
bool has(const std::vector<T>& list, const T& value) {
    return std::find(list.begin(), list.end(), value) != list.end();
}

bool renews(const NamespaceDiff& ns, const RouteSpec& route) {
    return route.destination.address.is_v4() && ns.renews_v4(route.link);
}

/// Whether one of several gateways goes with its link: the others stay, but the route is another.
bool loses_hop(const NamespaceDiff& ns, const RouteSpec& route) {
    const auto of_hop = [&](const NextHop& hop) {
        return ns.loses(hop.link) || (route.destination.address.is_v4() && ns.renews_v4(hop.link));
    };
    return !route.more.empty() && (of_hop({*route.gateway, route.link}) ||
                                   std::any_of(route.more.begin(), route.more.end(), of_hop));
}

void remove_routes(const NamespaceDiff& ns, std::vector<Operation>& out) {
    const auto wanted = sorted_view(ns.spec->routes);
    for (const auto& route : ns.info->routes) {
        const bool hop_lost = ns.disturbed && loses_hop(ns, route);
        if (ns.disturbed && ns.loses(route.link) && !hop_lost) {
            continue;
        }
        if (!contains(wanted, route) || hop_lost || (ns.disturbed && renews(ns, route))) {
            out.emplace_back(DeleteRoute{*ns.name, route});
        }
    }
}

void remove_fdb(const NamespaceDiff& ns, std::vector<Operation>& out) {
    const auto wanted = sorted_view(ns.spec->fdb);
    for (const auto& entry : ns.info->fdb) {
        if (!contains(wanted, entry) && !(ns.disturbed && ns.loses(entry.link))) {
            out.emplace_back(DeleteFdb{*ns.name, entry});
        }
    }
}

void remove_addresses(
    const NamespaceDiff& ns,
    const LinkSpec* spec,
    const LinkInfo& info,
    bool v4,
    std::vector<Operation>& out) {
    for (auto address = info.addresses.rbegin(); address != info.addresses.rend(); ++address) {
        const bool wanted = spec != nullptr && has(spec->addresses, *address);
        if (!wanted || (v4 && address->address.is_v4())) {
            out.emplace_back(DeleteAddress{*ns.name, info.name, *address});
        }
    }
}

void remove_addresses(const NamespaceDiff& ns, std::vector<Operation>& out) {
    bool lists_loopback = false;
    for (std::size_t i = 0; i < ns.links.size(); ++i) {
        const auto& spec = ns.spec->links[i];
        const auto& state = ns.links[i];
        lists_loopback = lists_loopback || spec.name == "lo";
        if (state.kept != nullptr && state.kept->addresses != spec.addresses) {
            remove_addresses(ns, &spec, *state.kept, state.renews_v4, out);
        }
    }
    const auto loopback = ns.info->links.find("lo");
    if (!lists_loopback && loopback != ns.info->links.end()) {
        remove_addresses(ns, nullptr, loopback->second, true, out);
    }
}

const NftTableInfo* find_table(const NamespaceInfo& info, const NftTable& table) {
    const auto found = std::find_if(info.tables.begin(), info.tables.end(), [&](const auto& each) {
        return each.family == table.family && each.name == table.name;
    });
    return found == info.tables.end() ? nullptr : &*found;
}

bool wants_table(const NamespaceSpec& spec, const NftTableInfo& info) {
    return std::any_of(spec.tables.begin(), spec.tables.end(), [&](const auto& each) {
        return each.family == info.family && each.name == info.name;
    });
}

bool same_key(const NeighbourSpec& a, const NeighbourSpec& b) {
    return a.address == b.address && a.link == b.link;
}

} // namespace

bool NeighbourComparer::same_list(const NeighbourList& a, const NeighbourList& b) {
    if (a == b) {
        return true;
    }
    if (a == nullptr || b == nullptr || a->size() != b->size()) {
        return false;
    }
    const auto [entry, added] = same_.try_emplace({a.get(), b.get()}, false);
    if (added) {
        entry->second = *a == *b;
    }
    return entry->second;
}

const NeighbourComparer::View& NeighbourComparer::sorted(const NeighbourList& list) {
    const auto [entry, added] = views_.try_emplace(list.get());
    if (added && list != nullptr) {
        entry->second = sorted_view(*list);
    }
    return entry->second;
}

NeighbourComparer::View
NeighbourComparer::merge(const std::vector<NeighbourSpec>& own, const NeighbourList& segment) {
    const auto mine = sorted_view(own);
    const auto& shared = sorted(segment);
    View merged;
    merged.reserve(mine.size() + shared.size());
    std::merge(
        mine.begin(),
        mine.end(),
        shared.begin(),
        shared.end(),
        std::back_inserter(merged),
        kByValue);
    merged.erase(
        std::unique(
            merged.begin(), merged.end(), [](const auto* a, const auto* b) { return *a == *b; }),
        merged.end());
    return merged;
}

NeighbourChange NeighbourComparer::compare(const NamespaceDiff& ns) {
    NeighbourChange change;
    const auto& spec = *ns.spec;
    View there;
    if (ns.info != nullptr) {
        if (!ns.disturbed && same_list(spec.segment_neighbours, ns.info->segment_neighbours) &&
            spec.neighbours == ns.info->neighbours) {
            return change;
        }
        there = merge(ns.info->neighbours, ns.info->segment_neighbours);
        if (ns.disturbed) {
            std::erase_if(there, [&](const auto* each) { return ns.loses_neighbours(*each); });
        }
    }
    if (there.empty()) { // then the shared list serves as it is
        if (!spec.neighbours.empty()) {
            change.added.push_back(
                std::make_shared<const std::vector<NeighbourSpec>>(spec.neighbours));
        }
        if (spec.segment_neighbours != nullptr && !spec.segment_neighbours->empty()) {
            change.added.push_back(spec.segment_neighbours);
        }
        return change;
    }
    const auto wanted = merge(spec.neighbours, spec.segment_neighbours);
    View fresh;
    View stale;
    std::set_difference(
        wanted.begin(),
        wanted.end(),
        there.begin(),
        there.end(),
        std::back_inserter(fresh),
        kByValue);
    std::set_difference(
        there.begin(),
        there.end(),
        wanted.begin(),
        wanted.end(),
        std::back_inserter(stale),
        kByValue);
    for (const auto* entry : stale) {
        const bool replaced = std::any_of(
            fresh.begin(), fresh.end(), [&](const auto* each) { return same_key(*each, *entry); });
        if (!replaced) {
            change.gone.push_back(*entry);
        }
    }
    if (!fresh.empty()) {
        auto list = std::make_shared<std::vector<NeighbourSpec>>();
        for (const auto* entry : fresh) {
            list->push_back(*entry);
        }
        change.added.push_back(std::move(list));
    }
    return change;
}

void plan_removals(const NamespaceDiff& ns, std::vector<Operation>& out) {
    for (const auto& table : ns.info->tables) {
        if (!wants_table(*ns.spec, table)) {
            out.emplace_back(DeleteTable{*ns.name, table.family, table.name});
        }
    }
    if (ns.disturbed || ns.spec->fdb != ns.info->fdb) {
        remove_fdb(ns, out);
    }
    if (ns.disturbed || ns.spec->routes != ns.info->routes) {
        remove_routes(ns, out);
    }
    remove_addresses(ns, out);
}

void plan_shapers(const NamespaceDiff& ns, std::vector<Operation>& out) {
    for (std::size_t i = 0; i < ns.links.size(); ++i) {
        const auto& spec = ns.spec->links[i];
        const auto* kept = ns.links[i].kept;
        const auto wanted = shaped_by(spec.shaper, spec.impairment);
        const bool same = kept == nullptr
                              ? spec.shaper == Shaper::None
                              : kept->shaper == spec.shaper && kept->impairment == wanted;
        if (!same) {
            out.emplace_back(SetShaper{*ns.name, spec.name, spec.shaper, wanted, spec.mtu});
        }
    }
}

void plan_addresses(const NamespaceDiff& ns, std::vector<Operation>& out) {
    for (std::size_t i = 0; i < ns.links.size(); ++i) {
        const auto& spec = ns.spec->links[i];
        const auto& state = ns.links[i];
        if (state.kept != nullptr && !state.renews_v4 && !state.goes_down &&
            state.kept->addresses == spec.addresses) {
            continue;
        }
        for (const auto& address : spec.addresses) {
            const bool v4 = address.address.is_v4();
            const bool stays = state.kept != nullptr && !(v4 ? state.renews_v4 : state.goes_down) &&
                               has(state.kept->addresses, address);
            if (!stays) {
                out.emplace_back(AddAddress{*ns.name, spec.name, address});
            }
        }
    }
}

void plan_routes(const NamespaceDiff& ns, std::vector<Operation>& out) {
    static const std::vector<RouteSpec> kNone;
    const auto& there = ns.info == nullptr ? kNone : ns.info->routes;
    if (!ns.disturbed && ns.spec->routes == there) {
        return;
    }
    const auto view = sorted_view(there);
    for (const auto& route : ns.spec->routes) {
        const bool lost =
            ns.disturbed && (ns.loses(route.link) || renews(ns, route) || loses_hop(ns, route));
        if (lost || !contains(view, route)) {
            out.emplace_back(AddRoute{*ns.name, route});
        }
    }
}

void plan_fdb(const NamespaceDiff& ns, std::vector<Operation>& out) {
    static const std::vector<FdbSpec> kNone;
    const auto& there = ns.info == nullptr ? kNone : ns.info->fdb;
    if (!ns.disturbed && ns.spec->fdb == there) {
        return;
    }
    const auto view = sorted_view(there);
    for (const auto& entry : ns.spec->fdb) {
        if ((ns.disturbed && ns.loses(entry.link)) || !contains(view, entry)) {
            out.emplace_back(AddFdb{*ns.name, entry});
        }
    }
}

NftChangePtr TableChanges::between(const NftTableInfo& there, const NftTable& wanted) {
    constexpr std::size_t kKnownMax = 4; // a change is made for all nodes, or for each its own
    const auto* contents = there.contents.get();
    if (contents == nullptr || nft_identity(*contents) != NftIdentity{there.digest, there.counts}) {
        return nullptr;
    }
    auto change = nft_diff(*contents, wanted);
    if (!change) {
        return nullptr;
    }
    auto& known = known_[{wanted.family, wanted.name}];
    for (const auto& each : known) {
        if (*each == *change) {
            return each;
        }
    }
    auto fresh = std::make_shared<const NftChange>(std::move(*change));
    if (known.size() < kKnownMax) {
        known.push_back(fresh);
    }
    return fresh;
}

void plan_tables(const NamespaceDiff& ns, TableChanges& changes, std::vector<Operation>& out) {
    for (const auto& table : ns.spec->tables) {
        const auto* info = ns.info == nullptr ? nullptr : find_table(*ns.info, table);
        if (info != nullptr) {
            const auto wanted = nft_identity(table);
            if (info->digest == wanted.digest && info->counts == wanted.counts) {
                continue;
            }
            if (const auto change = changes.between(*info, table)) {
                out.emplace_back(ChangeTable{*ns.name, change, wanted});
                continue;
            }
        }
        out.emplace_back(ReplaceTable{*ns.name, table});
    }
}

} // namespace netemu
