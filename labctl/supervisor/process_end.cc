#include "labctl/supervisor/process_end.h"

#include <cerrno>
#include <csignal>
#include <memory>
#include <string>
#include <utility>

#include <poll.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "netemu/base/error.h"
#include "netemu/base/log.h"

namespace labctl::supervisor {

namespace {

bool ends_within(int pidfd, std::chrono::milliseconds limit) {
    const auto deadline = netemu::Clock::now() + limit;
    pollfd wait{pidfd, POLLIN, 0};
    for (;;) {
        const auto left =
            std::chrono::ceil<std::chrono::milliseconds>(deadline - netemu::Clock::now()).count();
        const int ready = ::poll(&wait, 1, left > 0 ? static_cast<int>(left) : 0);
        if (ready >= 0 || errno != EINTR) {
            return ready > 0;
        }
    }
}

void reap_later(netemu::EventLoop& loop, netemu::SpawnedProcess process) {
    netemu::log_error(
        "supervisor",
        "process " + std::to_string(process.pid) +
            " is killed and has not ended: a process of its pid namespace, or itself, waits for a "
            "parent outside of the lab, or for a debugger, to take note; `ps -eo "
            "pid,ppid,stat,args` shows it as defunct (Z) or stopped (t)");
    const int fd = process.pidfd.get();
    auto kept = std::make_shared<netemu::SpawnedProcess>(std::move(process));
    loop.add(fd, EPOLLIN, [&loop, kept](std::uint32_t) {
        (void)::waitpid(kept->pid, nullptr, WNOHANG);
        loop.remove(kept->pidfd.get());
    });
}

} // namespace

void end_process(netemu::EventLoop& loop, netemu::SpawnedProcess process) noexcept {
    constexpr std::chrono::seconds kEndMax(1);
    (void)::syscall(SYS_pidfd_send_signal, process.pidfd.get(), SIGKILL, nullptr, 0U);
    // WNOHANG: one that is traced has ended for its descriptor, but is its tracer's to see first.
    if (ends_within(process.pidfd.get(), kEndMax)) {
        (void)::waitpid(process.pid, nullptr, WNOHANG);
        return;
    }
    try {
        reap_later(loop, std::move(process));
    } catch (const netemu::Error&) { // NOLINT(bugprone-empty-catch): it stays unreaped
    }
}

} // namespace labctl::supervisor
