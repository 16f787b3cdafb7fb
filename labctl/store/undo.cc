#include "labctl/store/undo.h"

#include "netemu/base/log.h"

namespace labctl::store {

Undo::Undo(Store& store)
    : store_(store), watch_(store.watch([this](const Event& event) {
          const auto before = event.type == EventType::Added      ? nullptr
                              : event.type == EventType::Modified ? event.previous
                                                                  : event.object;
          before_.emplace_back(event.object->key(), before);
      })) {
}

Undo::~Undo() {
    store_.unwatch(watch_);
    if (kept_) {
        return;
    }
    try {
        roll_back();
    } catch (const std::exception& error) {
        netemu::log_warning("store", std::string("undo a change: ") + error.what());
    }
}

void Undo::roll_back() {
    for (auto change = before_.rbegin(); change != before_.rend(); ++change) {
        if (change->second) {
            store_.put(*change->second);
        } else {
            store_.remove(change->first);
        }
    }
}

} // namespace labctl::store
