#include "labctl/supervisor/streams.h"

#include <csignal>
#include <utility>
#include <vector>

#include <sys/epoll.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "labctl/api/status_error.h"
#include "labctl/stream/stream_process.h"
#include "labctl/supervisor/process_end.h"
#include "netemu/base/memory_file.h"
#include "netemu/base/process.h"

namespace labctl::supervisor {

/// Its destruction ends it.
struct Streams::Process {
    explicit Process(netemu::EventLoop& events) : loop(events) {}
    Process(const Process&) = delete;
    Process& operator=(const Process&) = delete;
    ~Process() {
        loop.cancel(farewell);
        if (process.pid > 0) {
            end_process(loop, std::move(process));
            end_command();
        }
    }

    netemu::EventLoop& loop;
    api::ObjectKey pod;
    stream::Purpose purpose = stream::Purpose::Exec;
    std::shared_ptr<void> source;
    netemu::UniqueFd specification;
    netemu::SpawnedProcess process;
    netemu::EventLoop::TimerId farewell =
        0; // when it is ended, whether its client has heard or not

private:
    /// What it was killed before it could reap is ours now (StreamRecord).
    void end_command() const noexcept {
        stream::StreamRecord record;
        if (::pread(specification.get(), &record, sizeof record, 0) != sizeof record ||
            record.command <= 0 || ::waitpid(record.command, nullptr, WNOHANG) != 0) {
            return;
        }
        netemu::UniqueFd pidfd(static_cast<int>(::syscall(SYS_pidfd_open, record.command, 0U)));
        if (pidfd) {
            end_process(loop, {record.command, std::move(pidfd)});
        }
    }
};

Streams::Streams(netemu::EventLoop& loop) : loop_(loop) {
}

Streams::~Streams() {
    for (const auto& [key, process] : processes_) {
        loop_.remove(process->process.pidfd.get());
    }
}

void Streams::start(
    const api::ObjectKey& pod,
    const stream::StreamSpec& spec,
    int client,
    int place,
    std::shared_ptr<void> source) {
    if (processes_.size() >= kStreamsMax) {
        throw api::StatusError(
            429,
            "TooManyRequests",
            "the lab serves " + std::to_string(kStreamsMax) +
                " clients of exec, attach and port-forward already");
    }
    auto process = std::make_unique<Process>(loop_);
    process->specification = netemu::memory_file(to_text(spec), stream::kStreamRecordBytes);
    netemu::SpawnOptions options;
    options.arguments = {"labctl", "__stream", spec.pod};
    options.fds = {
        {client, stream::kStreamClientFd},
        {process->specification.get(), stream::kStreamSpecFd},
        {place, stream::kStreamPlaceFd}};
    process->pod = pod;
    process->purpose = spec.purpose;
    process->process = netemu::spawn(options);
    process->source = std::move(source);
    auto* const key = process.get();
    loop_.add(key->process.pidfd.get(), EPOLLIN, [this, key](std::uint32_t) { reap(key); });
    processes_.emplace(key, std::move(process));
}

void Streams::reap(Process* process) {
    const auto node = processes_.extract(process);
    loop_.remove(process->process.pidfd.get());
}

void Streams::end(const api::ObjectKey& pod) {
    constexpr std::chrono::seconds kFarewellMax(5);
    std::vector<Process*> over;
    for (const auto& [key, process] : processes_) {
        if (process->pod != pod) {
            continue;
        }
        // The end of the pod's sandbox is that of a command, too, of which its client is to hear.
        // The sandbox cannot end before the command is reaped, by whoever is there to do it. A
        // client that does not read must not hold the namespaces for long, though.
        siginfo_t info{};
        const bool dead = ::waitid(
                              P_PID,
                              static_cast<id_t>(process->process.pid),
                              &info,
                              WEXITED | WNOHANG | WNOWAIT) == 0 &&
                          info.si_pid != 0;
        if (dead || process->purpose != stream::Purpose::Exec) {
            over.push_back(key);
        } else {
            (void)::syscall(
                SYS_pidfd_send_signal, process->process.pidfd.get(), SIGCONT, nullptr, 0U);
            loop_.cancel(process->farewell);
            process->farewell = loop_.after(kFarewellMax, [this, each = key] { reap(each); });
        }
    }
    for (auto* process : over) {
        reap(process);
    }
}

} // namespace labctl::supervisor
