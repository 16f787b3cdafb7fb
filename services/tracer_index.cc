#include "services/tracer_index.h"

#include <algorithm>

#include "netemu/model/nft_text.h"

namespace services {

using namespace netemu;

void TraceSet::add(const std::vector<NftElement>& elements) {
    for (const auto& element : elements) {
        if (element.range) {
            ranges.push_back(&element);
        } else {
            exact.emplace(element.key, &element);
        }
    }
}

const NftElement* TraceSet::find(const std::string& key) const {
    if (const auto found = exact.find(key); found != exact.end()) {
        return found->second;
    }
    for (const auto* element : ranges) {
        const std::string_view both = element->key;
        const auto half = both.size() / 2;
        if (both.substr(0, half) <= key && key <= both.substr(half)) {
            return element;
        }
    }
    return nullptr;
}

TraceTable::TraceTable(const NftTable& of)
    : table(&of), label(std::string{to_text(of.family)} + " " + of.name) {
    const auto add = [&](const auto& all_chains, const auto& all_sets) {
        for (const auto& one : all_chains) {
            chains.emplace(one.name, &one);
        }
        for (const auto& one : all_sets) {
            auto& entry = sets[one.name];
            entry.declaration = &one;
            entry.add(one.elements);
        }
    };
    add(of.chains, of.sets);
    for (const auto& part : of.parts) {
        add(part->contents().chains, part->contents().sets);
        for (const auto& list : part->contents().elements) {
            sets[list.set].add(list.elements);
        }
    }
}

const NftChain& TraceTable::chain(const std::string& name) const {
    const auto found = chains.find(name);
    if (found == chains.end()) {
        throw Error("a rule leads to chain " + name + ", which " + label + " does not have");
    }
    return *found->second;
}

const TraceSet& TraceTable::set(const std::string& name) const {
    const auto found = sets.find(name);
    if (found == sets.end() || found->second.declaration == nullptr) {
        throw Error("a rule looks into set " + name + ", which " + label + " does not have");
    }
    return found->second;
}

bool TraceTable::sees(Family family) const {
    switch (table->family) {
    case NftFamily::Ip:
        return family == Family::V4;
    case NftFamily::Ip6:
        return family == Family::V6;
    case NftFamily::Inet:
        return true;
    case NftFamily::Bridge:
        return false;
    }
    return false;
}

bool NftTracer::Index::is_local(const IpAddress& address) const {
    return address.is_loopback() || std::find(local.begin(), local.end(), address) != local.end();
}

} // namespace services
