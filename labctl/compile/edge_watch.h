#pragma once

#include <functional>
#include <map>
#include <set>
#include <string>
#include <utility>

#include "labctl/compile/slice_names.h"
#include "labctl/store/store.h"

namespace labctl::compile {

/// Follows the store for a controller at the edge of the cluster (of Ingresses, of Gateways): says
/// whether its rules may have become others. Internal to this folder.
class EdgeWatch {
public:
    using Key = std::pair<std::string, std::string>; // namespace, name
    /// Whether a change of an object of the controller's own kinds may change its rules.
    using Concerns = std::function<bool(const store::Event&)>;

    /// `store` outlives this.
    EdgeWatch(store::Store& store, Concerns concerns);
    EdgeWatch(const EdgeWatch&) = delete;
    EdgeWatch& operator=(const EdgeWatch&) = delete;
    ~EdgeWatch();

    /// Whether something has changed since the last call; true at the first.
    [[nodiscard]] bool take_changed() { return std::exchange(changed_, false); }
    /// The Services and Secrets that the rules now name.
    void follow(std::set<Key> services, std::set<Key> secrets);
    [[nodiscard]] const SliceNames& slices() const { return slices_; }

private:
    void on_event(const store::Event& event);

    store::Store& store_;
    Concerns concerns_;
    store::Store::WatchId watch_ = 0;
    SliceNames slices_;
    bool changed_ = true;
    std::set<Key> services_;
    std::set<Key> secrets_;
};

/// Those tables of `now` that are others than in `before`. Who had one and has none any more gets
/// an empty one in `now`.
template <class Table>
std::map<std::string, Table>
changed_tables(const std::map<std::string, Table>& before, std::map<std::string, Table>& now) {
    for (const auto& [name, table] : before) {
        now.try_emplace(name);
    }
    std::map<std::string, Table> changed;
    for (const auto& [name, table] : now) {
        const auto known = before.find(name);
        if (known == before.end() || !(known->second == table)) {
            changed.emplace(name, table);
        }
    }
    return changed;
}

} // namespace labctl::compile
