#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "labctl/api/object.h"

/// The objects of one lab, by kind, namespace and name, with resource versions and watches. In
/// memory; the journal (journal.h) makes it last. Single-threaded: it belongs to the supervisor's
/// loop.
namespace labctl::store {

enum class EventType { Added, Modified, Deleted };
std::string to_string(EventType type); // "ADDED", as a Kubernetes watch spells it

struct Event {
    EventType type = EventType::Added;
    api::ObjectPtr object; // for Deleted, the last state
    std::uint64_t revision = 0;
    api::ObjectPtr previous =
        nullptr;              // for Modified, the state before; empty in what `since` returns
    bool status_only = false; // for Modified: nothing but `status` differs
};

class Store {
public:
    using WatchId = std::uint64_t;
    using Watcher = std::function<void(const Event&)>;

    [[nodiscard]] api::ObjectPtr get(const api::ObjectKey& key) const; // nullptr if absent
    /// All of a kind, in order of namespace and name. An empty `ns` means all namespaces.
    [[nodiscard]] std::vector<api::ObjectPtr> list(
        const std::string& kind,
        const std::string& ns = {},
        const api::Selector& selector = {}) const;
    /// The keys of a kind: cheaper than `list` where no object is needed.
    [[nodiscard]] std::vector<api::ObjectKey>
    keys(const std::string& kind, const std::string& ns = {}) const;
    /// Every kind that has an object, typed or not.
    [[nodiscard]] std::vector<std::string> kinds() const;
    [[nodiscard]] std::size_t size() const;
    [[nodiscard]] std::size_t size(const std::string& kind) const;
    [[nodiscard]] std::uint64_t revision() const { return revision_; }

    /// Creates or replaces. Fills metadata.uid, creationTimestamp (new objects; given ones are
    /// kept, for objects that come back from the journal), generation (raised when spec changes)
    /// and resourceVersion. An equal object changes nothing and emits nothing. Returns what is
    /// stored. Throws netemu::Error if kind or metadata.name is missing.
    api::ObjectPtr put(api::Object object);
    /// Returns whether it was there.
    bool remove(const api::ObjectKey& key);

    /// `watcher` is called for every change from now on, in order, until `unwatch`. It may change
    /// the store: those events follow after the one that it is in.
    WatchId watch(Watcher watcher);
    void unwatch(WatchId id);
    /// What changed after `revision`, oldest first, out of at most the last kHistoryMax changes.
    /// Several changes of one object are given as the last of them (Added if it was not there at
    /// `revision`), so that old states need no memory. Throws netemu::Error ("too old resource
    /// version") if the history does not reach back that far.
    [[nodiscard]] std::vector<Event> since(std::uint64_t revision) const;

    /// A store with the same objects and revision but no history and no watchers. Cheap: objects
    /// are shared. For trying something out (`plan`, `diff`).
    [[nodiscard]] Store snapshot() const;

    Store();
    Store(Store&&) = default;
    Store& operator=(Store&&) = default;
    Store(const Store&) = delete;
    Store& operator=(const Store&) = delete;
    ~Store() = default;

    static constexpr std::size_t kHistoryMax = 4096;

private:
    struct Slot {
        api::ObjectPtr object;
        std::uint64_t created = 0;  // revision
        std::uint64_t modified = 0; // revision
    };
    struct Past { // one change; `object` is empty when a later change of the same object replaced
                  // it
        EventType type = EventType::Added;
        api::ObjectPtr object;
        std::uint64_t created = 0;
    };
    using Slots = std::map<std::pair<std::string, std::string>, Slot>;

    api::ObjectPtr add(Slots& slots, api::Object object);
    api::ObjectPtr replace(Slot& slot, api::Object object);
    void remember(EventType type, const Slot& slot, std::uint64_t replaced_revision);
    void emit(Event event);
    std::string make_uid();

    std::map<std::string, Slots> objects_; // kind -> (namespace, name) -> object
    std::size_t size_ = 0;
    std::map<WatchId, Watcher> watchers_;
    std::deque<Event> undelivered_;
    bool delivering_ = false;
    std::deque<Past> history_; // entry i is revision history_base_ + 1 + i
    std::uint64_t history_base_ = 0;
    std::uint64_t revision_ = 0;
    std::uint64_t uid_seed_ = 0; // random, so that two runs of a lab give different uids
    std::uint64_t next_uid_ = 1;
    WatchId next_watch_ = 1;
};

} // namespace labctl::store
