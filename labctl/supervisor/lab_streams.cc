#include <memory>
#include <utility>

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

namespace {

/// That somebody follows what a pod's command prints, until the end of this.
class Following {
public:
    Following(Runtime& runtime, api::ObjectKey pod, std::size_t id)
        : runtime_(runtime), pod_(std::move(pod)), id_(id) {}
    Following(const Following&) = delete;
    Following& operator=(const Following&) = delete;
    ~Following() { runtime_.unfollow(pod_, id_); }

private:
    Runtime& runtime_;
    api::ObjectKey pod_;
    std::size_t id_;
};

} // namespace

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
    std::shared_ptr<void> source;
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
        source = std::make_shared<Following>(*runtime_, key, *follower);
        entry = std::move(pipe.reader);
        break;
    }
    }
    exchange->hand_over([&](int connection, const std::string& unread) {
        spec.unread = unread;
        streams_->start(key, spec, connection, entry.get(), std::move(source));
    });
}

void Lab::end_streams(const store::Event& event) {
    if (streams_ && event.type == store::EventType::Deleted && event.object->kind() == "Pod") {
        streams_->end(event.object->key());
    }
}

} // namespace labctl::supervisor
