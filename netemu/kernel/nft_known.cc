#include "netemu/kernel/nft_known.h"

#include <algorithm>
#include <utility>

namespace netemu {

void KnownTables::note_generation(std::uint32_t generation) {
    // A namespace that we made begins with ours.
    current_ = started_ ? current_ && generation_ == generation : generation <= 1;
    started_ = true;
    generation_ = generation;
}

KnownTables::Made* KnownTables::find(NftFamily family, const std::string& name) {
    const auto found = std::find_if(made_.begin(), made_.end(), [&](const Made& each) {
        return each.family == family && each.name == name;
    });
    return found == made_.end() ? nullptr : &*found;
}

NftTableInfo& KnownTables::info_of(NftFamily family, const std::string& name) {
    const auto found = std::find_if(infos_.begin(), infos_.end(), [&](const NftTableInfo& each) {
        return each.family == family && each.name == name;
    });
    if (found != infos_.end()) {
        return *found;
    }
    auto& info = infos_.emplace_back();
    info.family = family;
    info.name = name;
    return info;
}

void KnownTables::replaced(NftFamily family, const std::string& name, NftIdentity identity) {
    auto& info = info_of(family, name);
    info.digest = identity.digest;
    info.counts = identity.counts;
    Made* made = find(family, name);
    if (made == nullptr) {
        made = &made_.emplace_back();
        made->family = family;
        made->name = name;
    }
    made->comment = identity.digest;
    made->identity = std::move(identity);
    made->doubted = false;
}

void KnownTables::doubted(NftFamily family, const std::string& name) {
    if (Made* made = find(family, name)) {
        made->doubted = true;
        info_of(family, name).digest.clear();
    }
}

void KnownTables::changed(NftFamily family, const std::string& name, const NftIdentity& identity) {
    Made* made = find(family, name);
    if (made == nullptr) {
        return; // not made by us: it has no digest
    }
    auto& info = info_of(family, name);
    // What somebody did to the table before is still there.
    const bool intact = info.counts == made->identity.counts;
    made->doubted = !intact;
    made->identity = identity;
    info.counts = identity.counts;
    info.digest = intact ? identity.digest : "";
}

void KnownTables::deleted(NftFamily family, const std::string& name) {
    std::erase_if(
        made_, [&](const Made& each) { return each.family == family && each.name == name; });
    std::erase_if(infos_, [&](const NftTableInfo& each) {
        return each.family == family && each.name == name;
    });
}

const std::vector<NftTableInfo>* KnownTables::at(std::uint32_t generation) const {
    return current_ && generation == generation_ ? &infos_ : nullptr;
}

const std::vector<NftTableInfo>&
KnownTables::observed(std::uint32_t generation, std::vector<NftTableInfo> found) {
    for (NftTableInfo& info : found) {
        const Made* made = find(info.family, info.name);
        const bool ours = made != nullptr && !made->doubted && made->comment == info.digest;
        info.digest = ours ? made->identity.digest : "";
    }
    infos_ = std::move(found);
    generation_ = generation;
    current_ = true;
    started_ = true;
    return infos_;
}

} // namespace netemu
