#include "services/nftables_proxy.h"

#include <iterator>
#include <unordered_set>

namespace services {
namespace {

using namespace netemu;

/// Chains of these parts that have rules or not: their names.
std::set<std::string> chain_names(const std::vector<NftPartPtr>& parts) {
    std::set<std::string> names;
    for (const auto& part : parts) {
        for (const auto& chain : part->contents().chains) {
            names.insert(chain.name);
        }
    }
    return names;
}

NftPartPtr empty_chains(const std::set<std::string>& names) {
    NftContents contents;
    for (const auto& name : names) {
        contents.chains.push_back({name, {}, {}});
    }
    return make_nft_part(std::move(contents));
}

/// A part that was put in and taken out again within one update is in both lists: it is none of
/// them.
void drop_passing(std::vector<NftPartPtr>& before, std::vector<NftPartPtr>& after) {
    std::unordered_multiset<const NftPart*> added;
    std::unordered_multiset<const NftPart*> passing;
    for (const auto& part : after) {
        added.insert(part.get());
    }
    std::erase_if(before, [&](const NftPartPtr& part) {
        const auto found = added.find(part.get());
        if (found == added.end()) {
            return false;
        }
        passing.insert(*found);
        added.erase(found);
        return true;
    });
    std::erase_if(after, [&](const NftPartPtr& part) {
        const auto found = passing.find(part.get());
        if (found == passing.end()) {
            return false;
        }
        passing.erase(found);
        return true;
    });
}

} // namespace

NftPartPtr NftPartCache::part(const ServicePortInputPtr& input, const ProxyNode& node) {
    const auto make = [&] {
        return make_nft_part(
            layout_ == NftLayout::Scale ? nft_scale_contents(*input, node, config_)
                                        : nft_port_contents(*input, node, config_));
    };
    if (rules_depend_on_node(*input)) {
        made_.erase(input->name);
        return make();
    }
    auto& made = made_[input->name];
    if (made.input != input) {
        made = {input, make()};
    }
    return made.part;
}

NftProxy::NftProxy(Family family, ProxyNode node, NftPartCache& cache)
    : node_(std::move(node)), cache_(cache),
      table_(
          cache.layout() == NftLayout::Scale ? nft_scale_table(family, node_, cache.config())
                                             : nft_proxy_table(family, node_, cache.config())) {
}

void NftProxy::put(Slot& slot, NftPartPtr part, Replaced& replaced) {
    if (slot.part == part) {
        return;
    }
    replaced.after.push_back(part);
    if (slot.part == nullptr) {
        slot.index = table_.parts.size();
        table_.parts.push_back(part);
        slots_.push_back(&slot);
    } else {
        replaced.before.push_back(slot.part);
        table_.parts.replace(slot.index, part);
    }
    slot.part = std::move(part);
}

void NftProxy::take_out(Slot& slot, Replaced& replaced) {
    if (slot.part == nullptr) {
        return;
    }
    replaced.before.push_back(std::move(slot.part));
    slot.part = nullptr;
    slots_.back()->index = slot.index;
    slots_[slot.index] = slots_.back();
    slots_.pop_back();
    table_.parts.take_out(slot.index);
}

void NftProxy::update_port(const ServicePortUpdate& update, Replaced& replaced) {
    if (update.now == nullptr) {
        cache_.forget(update.name);
        if (const auto found = ports_.find(update.name); found != ports_.end()) {
            count_needs(found->second.needs, false, replaced);
            take_out(found->second.slot, replaced);
            ports_.erase(found);
        }
        return;
    }
    auto& port = ports_[update.name];
    if (cache_.layout() == NftLayout::Scale) {
        auto needs = nft_scale_needs(*update.now, node_);
        add_count_chains(needs.count, replaced);
        if (needs != port.needs) {
            count_needs(needs, true, replaced); // first, so that what both need stays
            count_needs(port.needs, false, replaced);
            port.needs = std::move(needs);
        }
    }
    put(port.slot, cache_.part(update.now, node_), replaced);
}

void NftProxy::count_needs(const NftScaleNeeds& needs, bool more, Replaced& replaced) {
    const auto count = [&](const std::string& key, const auto& contents) {
        if (!more) {
            discount_shared(key, replaced);
        } else if (const auto found = shared_.find(key); found != shared_.end()) {
            ++found->second.users;
        } else {
            count_shared(key, contents(), replaced);
        }
    };
    for (const auto& address : needs.hairpins) {
        count("hairpin " + address.to_string(), [&] { return nft_scale_hairpin(address); });
    }
}

void NftProxy::add_count_chains(std::size_t count, Replaced& replaced) {
    if (count != 0 && count_chains_[count].part == nullptr) {
        put(count_chains_[count], make_nft_part(nft_scale_chains(count)), replaced);
    }
}

void NftProxy::count_shared(const std::string& key, NftContents contents, Replaced& replaced) {
    auto& shared = shared_[key];
    shared.users = 1;
    put(shared.slot, make_nft_part(std::move(contents)), replaced);
}

void NftProxy::discount_shared(const std::string& key, Replaced& replaced) {
    const auto found = shared_.find(key);
    if (found != shared_.end() && --found->second.users == 0) {
        take_out(found->second.slot, replaced);
        shared_.erase(found);
    }
}

void NftProxy::note_stale(const Replaced& replaced) {
    const auto now = chain_names(replaced.after);
    for (const auto& name : chain_names(replaced.before)) {
        if (!now.contains(name)) {
            stale_.insert(name);
        }
    }
    for (const auto& name : now) {
        stale_.erase(name);
    }
}

void NftProxy::renew_stale_part(Replaced& replaced) {
    if (stale_.empty()) {
        take_out(stale_slot_, replaced);
    } else {
        put(stale_slot_, empty_chains(stale_), replaced);
    }
}

std::vector<NftChange> NftProxy::changes(const Replaced& replaced) const {
    const auto small_table = [&](std::vector<NftPartPtr> parts) {
        NftTable small;
        small.family = table_.family;
        small.name = table_.name;
        small.sets = table_.sets; // declarations; the difference needs them
        small.parts = NftParts(std::move(parts));
        return small;
    };
    const auto before = small_table(replaced.before);
    const auto after = small_table(replaced.after);
    std::vector<NftChange> found;
    const auto add = [&](std::optional<NftChange> change) {
        if (change && !change->empty()) {
            found.push_back(std::move(*change));
        }
        return change.has_value();
    };
    if (!add(nft_diff(before, after))) {
        // A set is declared otherwise: everything goes, and comes back.
        const auto between = small_table({empty_chains(chain_names(replaced.before))});
        add(nft_diff(before, between));
        add(nft_diff(between, after));
    }
    return found;
}

void NftProxy::fill(std::span<const ServicePortUpdate> updates) {
    Replaced ignored;
    for (const auto& one : updates) {
        update_port(one, ignored);
    }
}

std::vector<NftChange> NftProxy::update(std::span<const ServicePortUpdate> updates) {
    std::vector<NftChange> found;
    if (cache_.layout() == NftLayout::Scale) {
        Replaced ahead;
        for (const auto& one : updates) {
            if (one.now != nullptr) {
                add_count_chains(nft_scale_needs(*one.now, node_).count, ahead);
            }
        }
        found = changes(ahead);
    }
    Replaced replaced;
    for (const auto& one : updates) {
        update_port(one, replaced);
    }
    drop_passing(replaced.before, replaced.after);
    if (replaced.before.empty() && replaced.after.empty()) {
        return found;
    }
    note_stale(replaced);
    renew_stale_part(replaced);
    auto rest = changes(replaced);
    std::move(rest.begin(), rest.end(), std::back_inserter(found));
    return found;
}

std::vector<NftChange> NftProxy::sweep() {
    stale_.clear();
    Replaced replaced;
    renew_stale_part(replaced);
    return changes(replaced);
}

} // namespace services
