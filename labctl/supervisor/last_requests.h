#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>

#include "labctl/api/object.h"
#include "labctl/dataplane/client.h"
#include "netemu/base/event_loop.h"

namespace labctl::supervisor {

/// The end of the chain that a change of readiness begins: when a pod that is not ready any more
/// has served its last request. Only its workload knows, and only silence tells that a request was
/// the last: so a pod is asked until it has served nothing for a second. On the supervisor's loop.
class LastRequests {
public:
    using Ask =
        std::function<void(const std::string& pod, dataplane::DataPlane::ServedCallback answer)>;
    /// Whether the pod is still there and not ready.
    using StillOut = std::function<bool(const api::ObjectKey& pod)>;
    using Tell = std::function<void(const api::ObjectKey& service, const std::string& text)>;

    LastRequests(netemu::EventLoop& loop, Ask ask, StillOut still_out, Tell tell);
    LastRequests(const LastRequests&) = delete;
    LastRequests& operator=(const LastRequests&) = delete;
    ~LastRequests();

    /// `changed`: when the pod's readiness did.
    void follow(
        const api::ObjectKey& service,
        const api::ObjectKey& pod,
        netemu::Clock::time_point changed);

private:
    struct Watched {
        api::ObjectKey service;
        api::ObjectKey pod;
        netemu::Clock::time_point changed;
        int questions = 0;
        netemu::EventLoop::TimerId timer = 0;
    };

    void ask_later(std::uint64_t id);
    void ask(std::uint64_t id);
    void answered(std::uint64_t id, const std::optional<dataplane::DataPlane::Served>& served);

    netemu::EventLoop& loop_;
    Ask ask_;
    StillOut still_out_;
    Tell tell_;
    std::map<std::uint64_t, Watched> watched_;
    std::uint64_t next_id_ = 1;
};

} // namespace labctl::supervisor
