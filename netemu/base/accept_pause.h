#pragma once

#include "netemu/base/event_loop.h"

namespace netemu {

/// Rest for a listening socket when accept(2) fails for want of descriptors or memory: the
/// connection stays in the queue, so a loop would be told of it again and again, and spin. Belongs
/// to the loop's thread.
class AcceptPause {
public:
    /// `listener` is one that `loop` watches for EPOLLIN; both outlive this.
    AcceptPause(EventLoop& loop, int listener) : loop_(loop), listener_(listener) {}
    AcceptPause(const AcceptPause&) = delete;
    AcceptPause& operator=(const AcceptPause&) = delete;
    ~AcceptPause() { loop_.cancel(timer_); }

    /// What accept(2) has failed with: EMFILE, ENFILE, ENOBUFS or ENOMEM begin a pause of 100 ms,
    /// anything else concerns a connection that has gone already.
    void failed(int error);
    [[nodiscard]] bool pausing() const { return timer_ != 0; }

private:
    EventLoop& loop_;
    int listener_;
    EventLoop::TimerId timer_ = 0;
};

} // namespace netemu
