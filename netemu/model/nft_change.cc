#include "netemu/model/nft_change.h"

#include <algorithm>
#include <map>
#include <string_view>
#include <unordered_map>
#include <unordered_set>

#include "netemu/base/error.h"
#include "netemu/model/nft_text.h"

namespace netemu {

namespace {

/// What both tables do not share, by name.
struct NftIndex {
    std::map<std::string_view, const NftSet*> sets;
    std::map<std::string_view, const NftChain*> chains;
    std::map<std::string_view, std::vector<const std::vector<NftElement>*>> elements; // by set

    void add(const std::vector<NftSet>& more_sets, const std::vector<NftChain>& more_chains) {
        for (const auto& set : more_sets) {
            sets.emplace(set.name, &set);
            elements[set.name].push_back(&set.elements);
        }
        for (const auto& chain : more_chains) {
            chains.emplace(chain.name, &chain);
        }
    }

    void add(const NftContents& part) {
        add(part.sets, part.chains);
        for (const auto& list : part.elements) {
            elements[list.set].push_back(&list.elements);
        }
    }
};

/// The parts of `all` from `first` on, without `last` ones at the end, that are not in `others`.
std::vector<const NftPart*> only_in(const NftParts& all, const NftParts& others) {
    const auto shorter = static_cast<std::ptrdiff_t>(std::min(all.size(), others.size()));
    // Nearly always one part of thousands was replaced where it stood.
    const auto first = std::mismatch(all.begin(), all.begin() + shorter, others.begin()).first;
    const auto rest = std::min(all.end() - first, shorter - (first - all.begin()));
    const auto last = std::mismatch(all.rbegin(), all.rbegin() + rest, others.rbegin()).first;
    std::unordered_set<const NftPart*> known;
    const auto at = first - all.begin();
    const auto end = static_cast<std::ptrdiff_t>(others.size()) - (last - all.rbegin());
    for (auto other = others.begin() + at; other != others.begin() + end; ++other) {
        known.insert(other->get());
    }
    std::vector<const NftPart*> found;
    for (auto part = first; part != last.base(); ++part) {
        if (!known.contains(part->get())) {
            found.push_back(part->get());
        }
    }
    return found;
}

NftIndex make_index(const NftTable& table, const std::vector<const NftPart*>& parts) {
    NftIndex index;
    index.add(table.sets, table.chains);
    for (const auto* part : parts) {
        index.add(part->contents());
    }
    return index;
}

/// Whether all but the elements is the same.
bool same_declaration(const NftSet& a, const NftSet& b) {
    return a.key == b.key && a.data == b.data && a.verdicts == b.verdicts &&
           a.interval == b.interval && a.dynamic == b.dynamic &&
           a.timeout_seconds == b.timeout_seconds && a.size == b.size && a.comment == b.comment;
}

class NftDiffer {
public:
    NftDiffer(const NftTable& before, const NftTable& after)
        : before_(make_index(before, only_in(before.parts, after.parts))),
          after_(make_index(after, only_in(after.parts, before.parts))) {
        change_.family = after.family;
        change_.table = after.name;
    }

    std::optional<NftChange> run() {
        if (!compare_sets() || !compare_chains()) {
            return std::nullopt;
        }
        compare_elements();
        return std::move(change_);
    }

private:
    bool compare_sets() {
        for (const auto& [name, set] : after_.sets) {
            const auto old = before_.sets.find(name);
            if (old == before_.sets.end()) {
                change_.added_sets.push_back(*set);
            } else if (old->second != set && !same_declaration(*old->second, *set)) {
                return false;
            }
        }
        for (const auto& [name, set] : before_.sets) {
            if (!after_.sets.contains(name)) {
                change_.deleted_sets.emplace_back(name);
            }
        }
        return true;
    }

    bool compare_chains() {
        for (const auto& [name, chain] : after_.chains) {
            const auto old = before_.chains.find(name);
            if (old == before_.chains.end()) {
                change_.added_chains.push_back(*chain);
            } else if (old->second == chain) {
                continue;
            } else if (old->second->base != chain->base) {
                return false;
            } else if (old->second->rules != chain->rules) {
                change_.refilled_chains.push_back(*chain);
            }
        }
        for (const auto& [name, chain] : before_.chains) {
            if (!after_.chains.contains(name)) {
                change_.flushed_chains.emplace_back(name);
                change_.deleted_chains.emplace_back(name);
            }
        }
        return true;
    }

    void compare_elements() {
        for (const auto& [set, lists] : after_.elements) {
            const auto old = before_.elements.find(set);
            if (old == before_.elements.end()) {
                add(set, lists, {});
            } else if (old->second != lists) {
                compare(set, old->second, lists);
            }
        }
        for (const auto& [set, lists] : before_.elements) {
            if (!after_.elements.contains(set) && after_.sets.contains(set)) {
                compare(set, lists, {});
            }
        }
    }

    using Lists = std::vector<const std::vector<NftElement>*>;
    using ByKey = std::unordered_map<std::string_view, const NftElement*>;

    static ByKey by_key(const Lists& lists) {
        ByKey elements;
        for (const auto* list : lists) {
            for (const auto& element : *list) {
                elements.emplace(element.key, &element);
            }
        }
        return elements;
    }

    [[nodiscard]] bool is_added(std::string_view set) const {
        return after_.sets.contains(set) && !before_.sets.contains(set);
    }

    [[nodiscard]] NftSet declaration(std::string_view name) const {
        const auto found = after_.sets.find(name);
        if (found == after_.sets.end()) {
            throw Error("elements of a set that the table does not declare: " + std::string(name));
        }
        const auto& set = *found->second;
        return {
            set.name,
            set.key,
            set.data,
            set.verdicts,
            set.interval,
            set.dynamic,
            set.timeout_seconds,
            set.size,
            set.comment,
            {}};
    }

    void compare(std::string_view set, const Lists& before, const Lists& after) {
        const auto known = by_key(before);
        const auto wanted = by_key(after);
        auto removed = declaration(set);
        for (const auto* list : before) {
            for (const auto& element : *list) {
                const auto found = wanted.find(element.key);
                if (found == wanted.end() || *found->second != element) {
                    removed.elements.push_back(element);
                }
            }
        }
        if (!removed.elements.empty()) {
            change_.removed_elements.push_back(std::move(removed));
        }
        add(set, after, known);
    }

    /// Adds what is not in `known` as it is. The own list of a new set stays with its declaration.
    void add(std::string_view set, const Lists& lists, const ByKey& known) {
        auto added = declaration(set);
        const bool fresh = is_added(set);
        for (const auto* list : lists) {
            if (fresh && list == &after_.sets.at(set)->elements) {
                continue;
            }
            for (const auto& element : *list) {
                const auto found = known.find(element.key);
                if (found == known.end() || *found->second != element) {
                    added.elements.push_back(element);
                }
            }
        }
        if (!added.elements.empty()) {
            change_.added_elements.push_back(std::move(added));
        }
    }

    NftIndex before_;
    NftIndex after_;
    NftChange change_;
};

/// Lines of commands on the objects of one table.
class ChangeText {
public:
    explicit ChangeText(const NftChange& change)
        : change_(change),
          table_(" " + std::string(to_text(change.family)) + " " + change.table + " ") {}

    std::string run() {
        for (const auto& set : change_.added_sets) {
            const auto text = to_text(set);
            const auto kind = text.substr(0, text.find(' '));
            line("add " + kind + table_ + text.substr(kind.size() + 1));
        }
        for (const auto& chain : change_.added_chains) {
            auto bare = chain;
            bare.rules.clear();
            const auto text = chain.base ? to_text(bare, change_.family).substr(6) : chain.name;
            line("add chain" + table_ + text);
        }
        elements("delete", change_.removed_elements);
        for (const auto& chain : change_.refilled_chains) {
            line("flush chain" + table_ + chain.name);
        }
        for (const auto& name : change_.flushed_chains) {
            line("flush chain" + table_ + name);
        }
        rules(change_.refilled_chains);
        rules(change_.added_chains);
        elements("add", change_.added_elements);
        for (const auto& name : change_.deleted_sets) {
            line("delete set" + table_ + name); // a map too
        }
        for (const auto& name : change_.deleted_chains) {
            line("delete chain" + table_ + name);
        }
        return std::move(text_);
    }

private:
    void line(const std::string& text) { text_ += text + "\n"; }

    void rules(const std::vector<NftChain>& chains) {
        for (const auto& chain : chains) {
            for (const auto& rule : chain.rules) {
                line("add rule" + table_ + chain.name + " " + to_text(rule, change_.family));
            }
        }
    }

    void elements(const std::string& verb, const std::vector<NftSet>& sets) {
        for (const auto& set : sets) {
            std::string text;
            for (const auto& element : set.elements) {
                text += (text.empty() ? "" : ", ") + to_text(set, element);
            }
            line(verb + " element" + table_ + set.name + " { " + text + " }");
        }
    }

    const NftChange& change_;
    std::string table_;
    std::string text_;
};

} // namespace

bool NftChange::empty() const {
    return added_sets.empty() && added_chains.empty() && removed_elements.empty() &&
           refilled_chains.empty() && flushed_chains.empty() && added_elements.empty() &&
           deleted_sets.empty() && deleted_chains.empty();
}

std::optional<NftChange> nft_diff(const NftTable& before, const NftTable& after) {
    if (before.family != after.family || before.name != after.name) {
        throw Error("tables " + before.name + " and " + after.name + " are not the same table");
    }
    return NftDiffer(before, after).run();
}

std::string to_text(const NftChange& change) {
    return ChangeText(change).run();
}

} // namespace netemu
