#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "labctl/api/object.h"

/// The objects of one lab, by kind, namespace and name, with resource versions and watches. In memory; the
/// journal (journal.h) makes it last. Single-threaded: it belongs to the supervisor's loop.
namespace labctl::store {

enum class EventType { Added, Modified, Deleted };
std::string to_string(EventType type); // "ADDED", as a Kubernetes watch spells it

struct Event {
    EventType type = EventType::Added;
    api::ObjectPtr object; // for Deleted, the last state
    std::uint64_t revision = 0;
};

class Store {
public:
    using WatchId = std::uint64_t;
    using Watcher = std::function<void(const Event&)>;

    [[nodiscard]] api::ObjectPtr get(const api::ObjectKey& key) const; // nullptr if absent
    /// All of a kind, in order of namespace and name. An empty `ns` means all namespaces.
    [[nodiscard]] std::vector<api::ObjectPtr> list(
        const std::string& kind, const std::string& ns = {}, const api::Selector& selector = {}) const;
    /// Every kind that has an object, typed or not.
    [[nodiscard]] std::vector<std::string> kinds() const;
    [[nodiscard]] std::size_t size() const;
    [[nodiscard]] std::uint64_t revision() const { return revision_; }

    /// Creates or replaces. Fills metadata.uid, creationTimestamp (new objects), generation (raised when spec
    /// changes) and resourceVersion. An equal object changes nothing and emits nothing. Returns what is stored.
    api::ObjectPtr put(api::Object object);
    /// Returns whether it was there.
    bool remove(const api::ObjectKey& key);

    /// `watcher` is called for every change from now on, in order, until `unwatch`.
    WatchId watch(Watcher watcher);
    void unwatch(WatchId id);
    /// Events after `revision`, oldest first, of at most the last kHistoryMax changes. Throws
    /// netemu::Error ("too old resource version") if the history does not reach back that far.
    [[nodiscard]] std::vector<Event> since(std::uint64_t revision) const;

    static constexpr std::size_t kHistoryMax = 4096;

private:
    void emit(Event event);

    std::map<std::string, std::map<std::pair<std::string, std::string>, api::ObjectPtr>> objects_;
    std::map<WatchId, Watcher> watchers_;
    std::deque<Event> history_;
    std::uint64_t revision_ = 0;
    std::uint64_t next_uid_ = 1;
    WatchId next_watch_ = 1;
};

} // namespace labctl::store
