#include "labctl/compile/edge_watch.h"

namespace labctl::compile {

EdgeWatch::EdgeWatch(store::Store& store, Concerns concerns)
    : store_(store), concerns_(std::move(concerns)) {
    for (const auto& slice : store_.list("EndpointSlice")) {
        (void)slices_.note(*slice, true);
    }
    watch_ = store_.watch([this](const store::Event& event) { on_event(event); });
}

EdgeWatch::~EdgeWatch() {
    store_.unwatch(watch_);
}

void EdgeWatch::follow(std::set<Key> services, std::set<Key> secrets) {
    services_ = std::move(services);
    secrets_ = std::move(secrets);
}

void EdgeWatch::on_event(const store::Event& event) {
    const auto kind = event.object->kind();
    const Key key{event.object->ns(), event.object->name()};
    if (kind == "Service") {
        changed_ = changed_ || services_.contains(key);
    } else if (kind == "Secret") {
        changed_ = changed_ || secrets_.contains(key);
    } else if (kind == "EndpointSlice") {
        if (event.previous) {
            (void)slices_.note(*event.previous, false);
        }
        const auto service = slices_.note(*event.object, event.type != store::EventType::Deleted);
        changed_ = changed_ || (service && services_.contains(*service));
    } else {
        changed_ = changed_ || concerns_(event);
    }
}

} // namespace labctl::compile
