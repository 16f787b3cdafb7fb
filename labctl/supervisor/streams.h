#pragma once

#include <cstddef>
#include <map>
#include <memory>

#include "labctl/api/object.h"
#include "labctl/stream/stream_spec.h"
#include "netemu/base/event_loop.h"

namespace labctl::supervisor {

/// The processes that serve clients of exec, attach and port-forward, one for each client. They end
/// with their client, with their pod, and with this.
class Streams {
public:
    /// At the same time, in one lab.
    static constexpr std::size_t kStreamsMax = 256;

    explicit Streams(netemu::EventLoop& loop);
    Streams(const Streams&) = delete;
    Streams& operator=(const Streams&) = delete;
    ~Streams();

    /// `client` is the connection, `place` what stream::kStreamPlaceFd says; both stay the
    /// caller's. `source` is let go of when the process has ended. Throws api::StatusError (429)
    /// where there are too many, SysError.
    void start(
        const api::ObjectKey& pod,
        const stream::StreamSpec& spec,
        int client,
        int place,
        std::shared_ptr<void> source);
    /// The pod is gone: nothing may hold its namespaces any more.
    void end(const api::ObjectKey& pod);

private:
    struct Process;
    void reap(Process* process);

    netemu::EventLoop& loop_;
    std::map<Process*, std::unique_ptr<Process>> processes_;
};

} // namespace labctl::supervisor
