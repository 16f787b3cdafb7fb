#pragma once

#include <utility>
#include <vector>

#include "labctl/store/store.h"

namespace labctl::store {

/// While one lives, it remembers every change of the store, whoever makes it. Unless `keep` is
/// called, its end puts all back as it was, so that a request whose last part is refused has
/// changed nothing. The store must outlive it, and nothing else may change the store meanwhile that
/// is to stay. What comes back keeps its uid and has a new resourceVersion.
class Undo {
public:
    explicit Undo(Store& store);
    ~Undo();
    Undo(const Undo&) = delete;
    Undo& operator=(const Undo&) = delete;

    void keep() { kept_ = true; }

private:
    void roll_back();

    Store& store_;
    std::vector<std::pair<api::ObjectKey, api::ObjectPtr>> before_; // in the order of the changes
    bool kept_ = false;
    Store::WatchId watch_;
};

} // namespace labctl::store
