#include "services/nft_part_table.h"

#include <utility>

namespace services {
namespace {

constexpr const char* kStalePart = "stale chains";

std::set<std::string> chains_of_parts(const std::vector<netemu::NftPartPtr>& parts) {
    std::set<std::string> names;
    for (const auto& part : parts) {
        for (const auto& chain : part->contents().chains) {
            names.insert(chain.name);
        }
    }
    return names;
}

netemu::NftPartPtr part_of_empty_chains(const std::set<std::string>& names) {
    netemu::NftContents contents;
    for (const auto& name : names) {
        contents.chains.push_back({name, {}, {}});
    }
    return netemu::make_nft_part(std::move(contents));
}

} // namespace

void NftPartTable::note(const std::string& name, const netemu::NftPartPtr& before) {
    before_.try_emplace(name, before); // only the first time: what came between does not count
}

void NftPartTable::put(const std::string& name, netemu::NftPartPtr part) {
    const auto [found, fresh] = places_.try_emplace(name, table_.parts.size());
    if (fresh) {
        note(name, nullptr);
        names_.push_back(name);
        table_.parts.push_back(std::move(part));
    } else if (const auto& there = table_.parts.at(found->second); there != part) {
        note(name, there);
        table_.parts.replace(found->second, std::move(part));
    }
}

void NftPartTable::take_out(const std::string& name) {
    const auto found = places_.find(name);
    if (found == places_.end()) {
        return;
    }
    const auto place = found->second;
    note(name, table_.parts.at(place));
    places_.erase(found);
    if (place + 1 != names_.size()) {
        places_.at(names_.back()) = place;
        names_[place] = std::move(names_.back());
    }
    names_.pop_back();
    table_.parts.take_out(place);
}

void NftPartTable::note_stale(const Parts& before, const Parts& after) {
    const auto now = chains_of_parts(after);
    for (const auto& name : chains_of_parts(before)) {
        if (!now.contains(name)) {
            stale_.insert(name);
        }
    }
    for (const auto& name : now) {
        stale_.erase(name);
    }
}

void NftPartTable::renew_stale_part() {
    if (stale_.empty()) {
        take_out(kStalePart);
        return;
    }
    auto part = part_of_empty_chains(stale_);
    const auto found = places_.find(kStalePart);
    if (found == places_.end() || !(*table_.parts.at(found->second) == *part)) {
        put(kStalePart, std::move(part));
    }
}

std::vector<netemu::NftChange> NftPartTable::take_changes() {
    Parts before;
    Parts after;
    for (const auto& [name, part] : std::exchange(before_, {})) {
        const auto found = places_.find(name);
        const auto now = found == places_.end() ? nullptr : table_.parts.at(found->second);
        if (part == now) {
            continue;
        }
        if (part != nullptr) {
            before.push_back(part);
        }
        if (now != nullptr) {
            after.push_back(now);
        }
    }
    const auto small_table = [&](Parts parts) {
        netemu::NftTable small{table_.family, table_.name, {}};
        small.sets = table_.sets; // declarations; the difference needs them
        small.parts = netemu::NftParts(std::move(parts));
        return small;
    };
    std::vector<netemu::NftChange> found;
    const auto add = [&](std::optional<netemu::NftChange> change) {
        if (change && !change->empty()) {
            found.push_back(std::move(*change));
        }
        return change.has_value();
    };
    const auto from = small_table(before);
    const auto to = small_table(after);
    if (!add(netemu::nft_diff(from, to))) {
        // A set is declared otherwise: everything goes, and comes back.
        const auto between = small_table({part_of_empty_chains(chains_of_parts(before))});
        add(netemu::nft_diff(from, between));
        add(netemu::nft_diff(between, to));
    }
    return found;
}

std::vector<netemu::NftChange> NftPartTable::commit() {
    if (before_.empty()) {
        return {};
    }
    Parts before;
    Parts after;
    for (const auto& [name, part] : before_) {
        if (part != nullptr) {
            before.push_back(part);
        }
        if (const auto found = places_.find(name); found != places_.end()) {
            after.push_back(table_.parts.at(found->second));
        }
    }
    note_stale(before, after);
    renew_stale_part();
    return take_changes();
}

std::vector<netemu::NftChange> NftPartTable::sweep() {
    stale_.clear();
    renew_stale_part();
    return take_changes();
}

} // namespace services
