#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <unordered_map>
#include <vector>

#include "labctl/api/object.h"
#include "labctl/store/store.h"

namespace labctl::compile {

/// Writes core/v1 Events about objects into the store, as client-go's recorder does: an event that
/// says the same of the same object again raises the count of the first. Only the last kEventsMax
/// are kept.
class EventRecorder {
public:
    static constexpr std::size_t kEventsMax = 1000;

    explicit EventRecorder(store::Store& store);

    void normal(
        const char* component, const api::Object& about, const char* reason, std::string message);
    void warning(
        const char* component, const api::Object& about, const char* reason, std::string message);
    /// Puts what was recorded into the store.
    void flush();

private:
    struct Note {
        const char* component;
        const char* type;
        const char* reason;
        std::string message;
        api::ObjectKey key;
        std::string api_version;
        std::string uid;
    };

    void record(Note note);
    void write(const Note& note, const std::string& now);
    void forget_oldest();

    store::Store& store_;
    std::deque<Note> notes_; // at most kEventsMax: older ones would be dropped at once
    std::deque<std::pair<api::ObjectKey, std::string>> kept_; // oldest first, with the identity
    std::unordered_map<std::string, api::ObjectKey> known_;   // identity -> event
    std::uint64_t next_ = 1;
};

} // namespace labctl::compile
