#include "labctl/dataplane/sidecar_cluster.h"

#include <chrono>
#include <utility>

namespace labctl::dataplane {

SidecarCluster::Admission SidecarCluster::admit(const mesh::istio::ConnectionPool& limits) const {
    if (active_ + waiting_.size() >= limits.requests) {
        return Admission::Overflow;
    }
    if (active_ < limits.connections) {
        return Admission::Now;
    }
    return waiting_.size() < limits.pending ? Admission::Later : Admission::Overflow;
}

std::shared_ptr<void> SidecarCluster::begin() {
    ++active_;
    return {nullptr, [self = shared_from_this()](void*) {
                --self->active_;
                self->wake();
            }};
}

SidecarCluster::Waiting::iterator
SidecarCluster::wait(std::uint32_t at_once, std::function<void()> turn_came) {
    at_once_ = at_once;
    return waiting_.insert(waiting_.end(), std::move(turn_came));
}

/// In the next turn of the loop: whoever has ended may be in the middle of something.
void SidecarCluster::wake() {
    if (waiting_.empty() || std::exchange(wakes_, true)) {
        return;
    }
    loop_.after(std::chrono::microseconds(0), [weak = weak_from_this()] {
        const auto self = weak.lock();
        if (!self) {
            return;
        }
        self->wakes_ = false;
        while (!self->waiting_.empty() && self->active_ < self->at_once_) {
            const auto turn_came = self->waiting_.front(); // which takes itself off the list
            turn_came();
        }
    });
}

} // namespace labctl::dataplane
