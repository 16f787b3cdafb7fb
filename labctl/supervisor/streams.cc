#include "labctl/supervisor/streams.h"

#include <cerrno>
#include <csignal>
#include <vector>

#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "labctl/api/status_error.h"
#include "labctl/stream/stream_process.h"
#include "netemu/base/error.h"
#include "netemu/base/process.h"

namespace labctl::supervisor {

/// Its destruction ends it.
struct Streams::Process {
    api::ObjectKey pod;
    stream::Purpose purpose = stream::Purpose::Exec;
    std::function<void()> ended;
    netemu::UniqueFd specification;
    netemu::SpawnedProcess process;

    Process() = default;
    Process(const Process&) = delete;
    Process& operator=(const Process&) = delete;
    ~Process() {
        if (process.pid > 0) {
            signal(SIGKILL);
            wait_for(process.pid);
            reap_command();
        }
    }

    void signal(int number) const noexcept {
        (void)::syscall(SYS_pidfd_send_signal, process.pidfd.get(), number, nullptr, 0U);
    }

    /// What it was killed before it could reap is ours now (StreamRecord).
    void reap_command() const noexcept {
        stream::StreamRecord record;
        if (::pread(specification.get(), &record, sizeof record, 0) == sizeof record &&
            record.command > 0 && ::waitpid(record.command, nullptr, WNOHANG) == 0) {
            (void)::kill(record.command, SIGKILL);
            wait_for(record.command);
        }
    }

private:
    static void wait_for(pid_t pid) noexcept {
        while (::waitpid(pid, nullptr, 0) < 0 && errno == EINTR) {
        }
    }
};

namespace {

netemu::UniqueFd specification_file(const stream::StreamSpec& spec) {
    const auto text = to_text(spec);
    netemu::UniqueFd file(netemu::check_syscall(
        "create the specification of a stream", ::memfd_create("stream", MFD_CLOEXEC)));
    if (::pwrite(file.get(), text.data(), text.size(), stream::kStreamRecordBytes) !=
        static_cast<ssize_t>(text.size())) {
        throw netemu::SysError("write the specification of a stream", errno);
    }
    return file;
}

} // namespace

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
    std::function<void()> ended) {
    if (processes_.size() >= kStreamsMax) {
        throw api::StatusError(
            429,
            "TooManyRequests",
            "the lab serves " + std::to_string(kStreamsMax) +
                " clients of exec, attach and port-forward already");
    }
    auto process = std::make_unique<Process>();
    process->specification = specification_file(spec);
    netemu::SpawnOptions options;
    options.arguments = {"labctl", "__stream", spec.pod};
    options.fds = {
        {client, stream::kStreamClientFd},
        {process->specification.get(), stream::kStreamSpecFd},
        {place, stream::kStreamPlaceFd}};
    process->pod = pod;
    process->purpose = spec.purpose;
    process->process = netemu::spawn(options);
    process->ended = std::move(ended);
    auto* const key = process.get();
    loop_.add(key->process.pidfd.get(), EPOLLIN, [this, key](std::uint32_t) { reap(key); });
    processes_.emplace(key, std::move(process));
}

void Streams::reap(Process* process) {
    const auto node = processes_.extract(process);
    loop_.remove(process->process.pidfd.get());
    if (const auto& ended = node.mapped()->ended) {
        ended();
    }
}

void Streams::end(const api::ObjectKey& pod) {
    std::vector<Process*> over;
    for (const auto& [key, process] : processes_) {
        if (process->pod != pod) {
            continue;
        }
        // The end of the pod's sandbox is that of a command, too, of which its client is to hear.
        // The sandbox cannot end before the command is reaped, by whoever is there to do it.
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
            process->signal(SIGCONT);
        }
    }
    for (auto* process : over) {
        reap(process);
    }
}

} // namespace labctl::supervisor
