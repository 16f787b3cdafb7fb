#include "labctl/store/store.h"

#include <array>
#include <cstdio>
#include <random>

#include "labctl/api/naming.h"
#include "netemu/base/error.h"

namespace labctl::store {

namespace {

using api::Json;
using api::ObjectPtr;

constexpr std::uint64_t kUidStride = 0x9e3779b97f4a7c15U; // odd, so that multiples never repeat

bool has_generation(const std::string& kind) {
    return kind != "Service" && kind != "Node" && kind != "Namespace";
}

/// Takes over from `old` what a user cannot set, so that comparing the bodies compares the
/// contents.
void inherit(Json& metadata, const Json& old) {
    for (const auto* field : {"uid", "creationTimestamp", "generation", "resourceVersion"}) {
        const auto found = old.find(field);
        if (found != old.end()) {
            metadata[field] = *found;
        } else {
            metadata.erase(field);
        }
    }
}

struct Difference {
    bool any = false;
    bool spec = false;
    bool only_status = true;
};

Difference compare(const Json& before, const Json& after) {
    Difference result;
    const auto note = [&](const std::string& field) {
        result.any = true;
        result.spec = result.spec || field == "spec";
        result.only_status = result.only_status && field == "status";
    };
    for (auto it = after.begin(); it != after.end(); ++it) {
        const auto found = before.find(it.key());
        if (found == before.end() || *found != it.value()) {
            note(it.key());
        }
    }
    for (auto it = before.begin(); it != before.end(); ++it) {
        if (!after.contains(it.key())) {
            note(it.key());
        }
    }
    return result;
}

template <typename Slots>
auto range_of(const Slots& slots, const std::string& ns) {
    if (ns.empty()) {
        return std::make_pair(slots.begin(), slots.end());
    }
    return std::make_pair(
        slots.lower_bound({ns, std::string{}}), slots.lower_bound({ns + '\0', std::string{}}));
}

} // namespace

std::string to_string(EventType type) {
    switch (type) {
    case EventType::Added:
        return "ADDED";
    case EventType::Modified:
        return "MODIFIED";
    case EventType::Deleted:
        return "DELETED";
    }
    return {};
}

Store::Store() {
    std::random_device random;
    uid_seed_ = (std::uint64_t{random()} << 32U) | random();
}

std::string Store::make_uid() {
    // Two words: a multiple of an odd number never repeats, and the seed differs from run to run.
    const auto low = uid_seed_ + kUidStride * next_uid_++;
    const auto high = uid_seed_ * kUidStride ^ (low >> 7U);
    std::array<char, 40> text{};
    std::snprintf(
        text.data(),
        text.size(),
        "%08x-%04x-4%03x-%04x-%012llx",
        static_cast<unsigned>(low >> 32U),
        static_cast<unsigned>((low >> 16U) & 0xffffU),
        static_cast<unsigned>((low >> 4U) & 0xfffU),
        static_cast<unsigned>(0x8000U | ((low & 0xfU) << 8U) | ((high >> 56U) & 0xffU)),
        static_cast<unsigned long long>(high & 0xffffffffffffU));
    return text.data();
}

ObjectPtr Store::get(const api::ObjectKey& key) const {
    const auto kind = objects_.find(key.kind);
    if (kind == objects_.end()) {
        return nullptr;
    }
    const auto found = kind->second.find({key.ns, key.name});
    return found == kind->second.end() ? nullptr : found->second.object;
}

std::vector<ObjectPtr>
Store::list(const std::string& kind, const std::string& ns, const api::Selector& selector) const {
    std::vector<ObjectPtr> result;
    const auto slots = objects_.find(kind);
    if (slots == objects_.end()) {
        return result;
    }
    const auto [begin, end] = range_of(slots->second, ns);
    for (auto it = begin; it != end; ++it) {
        if (selector.empty() || selector.matches(it->second.object->labels())) {
            result.push_back(it->second.object);
        }
    }
    return result;
}

std::vector<api::ObjectKey> Store::keys(const std::string& kind, const std::string& ns) const {
    std::vector<api::ObjectKey> result;
    const auto slots = objects_.find(kind);
    if (slots != objects_.end()) {
        const auto [begin, end] = range_of(slots->second, ns);
        for (auto it = begin; it != end; ++it) {
            result.push_back({kind, it->first.first, it->first.second});
        }
    }
    return result;
}

std::vector<std::string> Store::kinds() const {
    std::vector<std::string> result;
    for (const auto& [kind, slots] : objects_) {
        if (!slots.empty()) {
            result.push_back(kind);
        }
    }
    return result;
}

std::size_t Store::size() const {
    return size_;
}

std::size_t Store::size(const std::string& kind) const {
    const auto slots = objects_.find(kind);
    return slots == objects_.end() ? 0 : slots->second.size();
}

ObjectPtr Store::put(api::Object object) {
    auto key = object.key();
    if (key.kind.empty() || key.name.empty()) {
        throw netemu::Error("store an object: it has no kind or no metadata.name");
    }
    auto& slots = objects_[key.kind];
    const auto found = slots.find({key.ns, key.name});
    return found == slots.end() ? add(slots, std::move(object))
                                : replace(found->second, std::move(object));
}

ObjectPtr Store::add(Slots& slots, api::Object object) {
    auto& metadata = object.body["metadata"];
    if (!metadata.contains("uid")) {
        metadata["uid"] = make_uid();
    }
    if (!metadata.contains("creationTimestamp")) {
        metadata["creationTimestamp"] = api::timestamp_now();
    }
    if (!metadata.contains("generation") && object.body.contains("spec") &&
        has_generation(object.kind())) {
        metadata["generation"] = 1;
    }
    ++revision_;
    metadata["resourceVersion"] = std::to_string(revision_);
    auto stored = std::make_shared<const api::Object>(std::move(object));
    const Slot slot{stored, revision_, revision_};
    slots.emplace(std::make_pair(stored->ns(), stored->name()), slot);
    ++size_;
    remember(EventType::Added, slot, 0);
    emit({EventType::Added, stored, revision_});
    return stored;
}

ObjectPtr Store::replace(Slot& slot, api::Object object) {
    auto previous = slot.object;
    auto& metadata = object.body["metadata"];
    inherit(metadata, previous->body["metadata"]);
    const auto difference = compare(previous->body, object.body);
    if (!difference.any) {
        return previous;
    }
    if (difference.spec && metadata.contains("generation")) {
        metadata["generation"] = metadata["generation"].get<std::int64_t>() + 1;
    }
    ++revision_;
    metadata["resourceVersion"] = std::to_string(revision_);
    auto stored = std::make_shared<const api::Object>(std::move(object));
    slot.object = stored;
    const auto replaced = std::exchange(slot.modified, revision_);
    remember(EventType::Modified, slot, replaced);
    emit({EventType::Modified, stored, revision_, previous, difference.only_status});
    return stored;
}

bool Store::remove(const api::ObjectKey& key) {
    const auto kind = objects_.find(key.kind);
    if (kind == objects_.end()) {
        return false;
    }
    const auto found = kind->second.find({key.ns, key.name});
    if (found == kind->second.end()) {
        return false;
    }
    const auto slot = found->second;
    kind->second.erase(found);
    --size_;
    ++revision_;
    remember(EventType::Deleted, slot, slot.modified);
    emit({EventType::Deleted, slot.object, revision_});
    return true;
}

void Store::remember(EventType type, const Slot& slot, std::uint64_t replaced_revision) {
    if (replaced_revision > history_base_) {
        history_[replaced_revision - history_base_ - 1].object = nullptr;
    }
    history_.push_back({type, slot.object, slot.created});
    if (history_.size() > kHistoryMax) {
        history_.pop_front();
        ++history_base_;
    }
}

void Store::emit(Event event) {
    undelivered_.push_back(std::move(event));
    if (delivering_) {
        return; // the loop below, further up the stack, takes it in its turn
    }
    delivering_ = true;
    try {
        while (!undelivered_.empty()) {
            const auto current = std::move(undelivered_.front());
            undelivered_.pop_front();
            const auto end =
                next_watch_; // who starts to watch from here on does not get this event
            for (auto it = watchers_.begin(); it != watchers_.end() && it->first < end;) {
                const auto id = it->first;
                const auto watcher = it->second; // a copy: it may unwatch itself
                watcher(current);
                it = watchers_.upper_bound(id);
            }
        }
    } catch (...) {
        delivering_ = false;
        throw;
    }
    delivering_ = false;
}

Store::WatchId Store::watch(Watcher watcher) {
    watchers_.emplace(next_watch_, std::move(watcher));
    return next_watch_++;
}

void Store::unwatch(WatchId id) {
    watchers_.erase(id);
}

std::vector<Event> Store::since(std::uint64_t revision) const {
    if (revision < history_base_) {
        throw netemu::Error(
            "too old resource version: " + std::to_string(revision) + " (" +
                std::to_string(history_base_) + ")",
            "list the objects again and watch from the list's resourceVersion");
    }
    std::vector<Event> result;
    for (auto i = revision - history_base_; i < history_.size(); ++i) {
        const auto& past = history_[i];
        const bool is_new = past.created > revision;
        if (!past.object || (past.type == EventType::Deleted && is_new)) {
            continue; // replaced by a later change, or came and went in between
        }
        const auto type = past.type == EventType::Modified && is_new ? EventType::Added : past.type;
        result.push_back({type, past.object, history_base_ + 1 + i});
    }
    return result;
}

Store Store::snapshot() const {
    Store copy;
    copy.objects_ = objects_;
    copy.size_ = size_;
    copy.revision_ = revision_;
    copy.history_base_ = revision_;
    for (auto& [kind, slots] : copy.objects_) {
        for (auto& [key, slot] : slots) {
            slot.created = slot.modified =
                revision_; // nothing of the past is in the copy's history
        }
    }
    return copy;
}

} // namespace labctl::store
