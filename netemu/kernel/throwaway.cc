#include "netemu/kernel/throwaway.h"

#include <array>
#include <cerrno>
#include <csignal>
#include <exception>

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <sys/wait.h>
#include <unistd.h>

#include "netemu/base/error.h"

namespace netemu {

namespace {

[[noreturn]] void child(const std::function<std::string()>& body, int out) {
    std::string result;
    int status = 0;
    try {
        result = body();
    } catch (const std::exception&) {
        status = 1;
    }
    // Less than a pipe holds, so one write takes all of it.
    if (::write(out, result.data(), result.size()) != static_cast<ssize_t>(result.size())) {
        status = 1;
    }
    ::_exit(status); // no destructors and no buffers of the parent
}

int milliseconds_to(Clock::time_point deadline) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now()).count();
    return left < 0 ? 0 : static_cast<int>(left);
}

/// Reads until the end; false when `deadline` passes first.
bool read_all(int fd, std::string& text, Clock::time_point deadline) {
    for (;;) {
        pollfd wait{fd, POLLIN, 0};
        const int ready = ::poll(&wait, 1, milliseconds_to(deadline));
        if (ready < 0 && errno == EINTR) {
            continue;
        }
        if (ready <= 0) {
            return false;
        }
        std::array<char, 4096> buffer{};
        const auto length = ::read(fd, buffer.data(), buffer.size());
        if (length < 0 && errno == EINTR) {
            continue;
        }
        if (length <= 0) {
            return length == 0;
        }
        text.append(buffer.data(), static_cast<std::size_t>(length));
    }
}

} // namespace

std::optional<std::string>
run_in_child(const std::function<std::string()>& body, Clock::time_point deadline) {
    std::array<int, 2> pipe_fds{};
    check_syscall("create a pipe", ::pipe2(pipe_fds.data(), O_CLOEXEC));
    UniqueFd in(pipe_fds[0]);
    UniqueFd out(pipe_fds[1]);
    const pid_t pid = check_syscall("fork a helper process", ::fork());
    if (pid == 0) {
        child(body, out.get());
    }
    out.reset();
    std::string text;
    const bool complete = read_all(in.get(), text, deadline);
    if (!complete) {
        ::kill(pid, SIGKILL);
    }
    int status = 0;
    while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    if (!complete || !WIFEXITED(status) || WEXITSTATUS(status) != 0) {
        return std::nullopt;
    }
    return text;
}

int isolate() noexcept {
    if (::unshare(CLONE_NEWNET) == 0) {
        return 0;
    }
    if (errno != EPERM) {
        return errno;
    }
    return ::unshare(CLONE_NEWUSER | CLONE_NEWNET) == 0 ? 0 : errno;
}

} // namespace netemu
