#include "labctl/compile/event_recorder.h"

#include <array>
#include <cstdio>
#include <ctime>

#include "labctl/api/naming.h"

namespace labctl::compile {

namespace {

using api::Json;

std::string event_name(const std::string& object, std::uint64_t number) {
    std::array<char, 24> text{};
    std::snprintf(text.data(), text.size(), ".%016llx", static_cast<unsigned long long>(number));
    return object + text.data();
}

} // namespace

// Names start at the clock's nanoseconds, as client-go's do, so that they stay unique over
// restarts.
EventRecorder::EventRecorder(store::Store& store) : store_(store) {
    timespec now{};
    ::clock_gettime(CLOCK_REALTIME, &now);
    next_ = static_cast<std::uint64_t>(now.tv_sec) * 1000000000U +
            static_cast<std::uint64_t>(now.tv_nsec);
}

void EventRecorder::normal(
    const char* component, const api::Object& about, const char* reason, std::string message) {
    record(
        {component,
         "Normal",
         reason,
         std::move(message),
         about.key(),
         about.api_version(),
         about.uid()});
}

void EventRecorder::warning(
    const char* component, const api::Object& about, const char* reason, std::string message) {
    record(
        {component,
         "Warning",
         reason,
         std::move(message),
         about.key(),
         about.api_version(),
         about.uid()});
}

void EventRecorder::record(Note note) {
    notes_.push_back(std::move(note));
    if (notes_.size() > kEventsMax) {
        notes_.pop_front();
    }
}

void EventRecorder::flush() {
    if (notes_.empty()) {
        return;
    }
    const auto now = api::timestamp_now();
    for (const auto& note : notes_) {
        write(note, now);
    }
    notes_.clear();
}

void EventRecorder::write(const Note& note, const std::string& now) {
    const auto identity = note.uid + "/" + note.reason + "/" + note.message;
    if (const auto found = known_.find(identity); found != known_.end()) {
        if (const auto old = store_.get(found->second)) {
            auto again = *old;
            again.body["count"] = api::int_at(again.body, "count", 1) + 1;
            again.body["lastTimestamp"] = now;
            store_.put(std::move(again));
            return;
        }
    }
    const auto ns = note.key.ns.empty() ? std::string("default") : note.key.ns;
    Json involved;
    api::add_field(involved, "apiVersion", note.api_version);
    api::add_field(involved, "kind", note.key.kind);
    api::add_field(involved, "name", note.key.name);
    if (!note.key.ns.empty()) {
        api::add_field(involved, "namespace", note.key.ns);
    }
    api::add_field(involved, "uid", note.uid);
    Json metadata;
    api::add_field(metadata, "name", event_name(note.key.name, next_++));
    api::add_field(metadata, "namespace", ns);
    Json source;
    api::add_field(source, "component", note.component);
    api::Object event;
    auto& body = event.body;
    api::add_field(body, "apiVersion", "v1");
    api::add_field(body, "count", 1);
    api::add_field(body, "firstTimestamp", now);
    api::add_field(body, "involvedObject", std::move(involved));
    api::add_field(body, "kind", "Event");
    api::add_field(body, "lastTimestamp", now);
    api::add_field(body, "message", note.message);
    api::add_field(body, "metadata", std::move(metadata));
    api::add_field(body, "reason", note.reason);
    api::add_field(body, "source", std::move(source));
    api::add_field(body, "type", note.type);
    const auto key = event.key();
    store_.put(std::move(event));
    known_[identity] = key;
    kept_.emplace_back(key, identity);
    if (kept_.size() > kEventsMax) {
        forget_oldest();
    }
}

void EventRecorder::forget_oldest() {
    const auto [key, identity] = std::move(kept_.front());
    kept_.pop_front();
    store_.remove(key);
    if (const auto found = known_.find(identity); found != known_.end() && found->second == key) {
        known_.erase(found);
    }
}

} // namespace labctl::compile
