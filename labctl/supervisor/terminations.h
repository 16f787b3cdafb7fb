#pragma once

#include <functional>
#include <map>
#include <string>
#include <utility>

#include "labctl/api/object.h"
#include "netemu/base/event_loop.h"

namespace labctl::supervisor {

/// The kubelet's side of the end of pods: when each that was deleted is told to end, and when it is
/// at its end. First the preStop sleep, then SIGTERM, then its own time (compile::Termination), and
/// all of it no longer than metadata.deletionGracePeriodSeconds. On the supervisor's loop.
class Terminations {
public:
    /// The pod is to be told to end: the moment of SIGTERM.
    using Tell = std::function<void(const api::ObjectKey& pod)>;
    /// The pod is at its end; whatever still runs in it is to be killed.
    using Ended = std::function<void(const api::ObjectKey& pod, const std::string& uid)>;

    Terminations(netemu::EventLoop& loop, Tell tell, Ended ended);
    Terminations(const Terminations&) = delete;
    Terminations& operator=(const Terminations&) = delete;
    ~Terminations();

    /// Looks at a pod that has a deletionTimestamp: begins its end, or brings the end nearer when
    /// the grace period has become shorter. `process`: a real command runs in it.
    void follow(const api::Object& pod, bool process);
    /// Whether the pod has been told to end.
    [[nodiscard]] bool told_to_end(const api::ObjectKey& pod) const;
    /// Its process has ended by itself.
    void ended(const api::ObjectKey& pod);
    /// The pod is gone.
    void forget(const api::ObjectKey& pod);

private:
    struct Ending {
        std::string uid;
        std::int64_t grace_s = 0;
        bool told = false;
        netemu::EventLoop::TimerId tell_timer = 0;
        netemu::EventLoop::TimerId own_end_timer = 0;
        netemu::EventLoop::TimerId grace_timer = 0;
    };

    void tell(const api::ObjectKey& pod);

    netemu::EventLoop& loop_;
    Tell tell_;
    Ended ended_;
    std::map<api::ObjectKey, Ending> endings_;
};

} // namespace labctl::supervisor
