#include <fcntl.h>
#include <unistd.h>

#include "labctl/api/status_error.h"
#include "labctl/stream/stream_spec.h"
#include "labctl/supervisor/lab.h"
#include "labctl/supervisor/output_pipe.h"
#include "labctl/supervisor/pod_workload.h"
#include "labctl/supervisor/streams.h"
#include "netemu/base/error.h"

/// Clients that exec, attach or forward ports.
namespace labctl::supervisor {

using stream::Purpose;

void Lab::serve_stream(
    const api::Object& pod, stream::StreamSpec spec, const ExchangePtr& exchange) {
    const auto key = pod.key();
    if (!runnable(pod)) {
        throw api::StatusError(
            409,
            "Conflict",
            "pod " + spec.pod + " is not running (" +
                api::string_at(pod.body, "status.phase", "Pending") + ")");
    }
    netemu::UniqueFd entry;
    std::function<void()> ended;
    switch (spec.purpose) {
    case Purpose::Exec: {
        auto inside = runtime_->enter(spec.pod, key.ns);
        spec.hostname = inside.hostname;
        spec.environment = inside.environment;
        entry = std::move(inside.pidfd);
        break;
    }
    case Purpose::Forward:
        entry.reset(netemu::check_syscall(
            "duplicate a descriptor",
            ::fcntl(kernel_->namespace_fd(network_namespace(pod)), F_DUPFD_CLOEXEC, 3)));
        break;
    case Purpose::Attach: {
        auto pipe = OutputPipe::create();
        const auto follower = runtime_->follow(key, pipe.writer);
        if (!follower) {
            throw api::StatusError::bad_request(
                "pod " + spec.pod +
                " runs labctl's built-in workload, which has no process to attach to: 'exec' runs "
                "a command there, 'logs' shows its requests");
        }
        ended = [this, key, id = *follower] { runtime_->unfollow(key, id); };
        entry = std::move(pipe.reader);
        break;
    }
    }
    try {
        exchange->hand_over([&](int connection, const std::string& unread) {
            spec.unread = unread;
            streams_->start(key, spec, connection, entry.get(), ended);
        });
    } catch (...) {
        if (ended) {
            ended();
        }
        throw;
    }
}

void Lab::end_streams(const store::Event& event) {
    if (streams_ && event.type == store::EventType::Deleted && event.object->kind() == "Pod") {
        streams_->end(event.object->key());
    }
}

} // namespace labctl::supervisor
