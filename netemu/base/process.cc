#include "netemu/base/process.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstring>

#include <fcntl.h>
#include <sched.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/wait.h>

#include "netemu/base/error.h"

extern char** environ; // NOLINT: POSIX asks for this declaration

namespace netemu {

SocketPair::SocketPair(int type) {
    std::array<int, 2> fds{};
    check_syscall(
        "create a socket pair", ::socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, fds.data()));
    first.reset(fds[0]);
    second.reset(fds[1]);
}

ssize_t send_with_fds(int socket, std::span<const char> data, std::span<const int> fds) {
    alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int) * kFdsPerMessageMax)> control{};
    iovec vector{const_cast<char*>(data.data()), data.size()}; // NOLINT: iovec has no const form
    msghdr message{};
    message.msg_iov = &vector;
    message.msg_iovlen = 1;
    if (fds.size() > kFdsPerMessageMax) {
        throw Error("too many descriptors for one message");
    }
    if (!fds.empty()) {
        message.msg_control = control.data();
        message.msg_controllen = CMSG_SPACE(fds.size_bytes());
        cmsghdr* header = CMSG_FIRSTHDR(&message);
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN(fds.size_bytes());
        std::memcpy(CMSG_DATA(header), fds.data(), fds.size_bytes());
    }
    for (;;) {
        const auto sent = ::sendmsg(socket, &message, MSG_NOSIGNAL);
        if (sent >= 0 || errno == EAGAIN) {
            return sent;
        }
        if (errno != EINTR) {
            throw SysError("send over a Unix socket", errno);
        }
    }
}

ReceivedMessage receive_with_fds(int socket, std::span<char> buffer) {
    alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int) * kFdsPerMessageMax)> control{};
    iovec vector{buffer.data(), buffer.size()};
    msghdr message{};
    message.msg_iov = &vector;
    message.msg_iovlen = 1;
    message.msg_control = control.data();
    message.msg_controllen = control.size();
    ReceivedMessage result;
    do {
        result.size = ::recvmsg(socket, &message, MSG_CMSG_CLOEXEC);
    } while (result.size < 0 && errno == EINTR);
    if (result.size < 0) {
        if (errno != EAGAIN) {
            throw SysError("receive from a Unix socket", errno);
        }
        return result;
    }
    for (cmsghdr* header = CMSG_FIRSTHDR(&message); header != nullptr;
         header = CMSG_NXTHDR(&message, header)) {
        if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) {
            continue;
        }
        const auto count = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (std::size_t i = 0; i < count; ++i) {
            int fd = -1;
            std::memcpy(&fd, CMSG_DATA(header) + i * sizeof(int), sizeof fd);
            result.fds.emplace_back(fd);
        }
    }
    if ((message.msg_flags & MSG_CTRUNC) != 0) {
        throw SysError("receive descriptors over a Unix socket", EMFILE);
    }
    return result;
}

void set_nonblocking(int fd, bool nonblocking) {
    const int flags = check_syscall("read descriptor flags", ::fcntl(fd, F_GETFL));
    const int wanted = nonblocking ? flags | O_NONBLOCK : flags & ~O_NONBLOCK;
    check_syscall("set descriptor flags", ::fcntl(fd, F_SETFL, wanted));
}

namespace {

/// Everything the child needs, made ready before the clone: it shares our memory, so it must not
/// allocate.
struct ChildPlan {
    const char* executable = nullptr;
    std::vector<char*> argv;
    std::span<const std::pair<int, int>> fds;
    bool new_session = false;
    bool null_stdio = false;
    bool new_user = false;
    std::string setgroups = "deny";
    std::string uid_map;
    std::string gid_map;
    int parking = 0; // descriptor numbers from here on are free to use
    int error = 0;   // errno of the child's failure
};

void close_from(int first) {
    (void)::close_range(static_cast<unsigned>(first), ~0U, 0);
}

void arrange_descriptors(const ChildPlan& plan) {
    // Two passes through high numbers: one entry's source may be another's target.
    for (std::size_t i = 0; i < plan.fds.size(); ++i) {
        (void)::dup2(plan.fds[i].first, plan.parking + static_cast<int>(i));
    }
    if (plan.null_stdio) {
        for (int fd = 0; fd < 3; ++fd) {
            const int null =
                ::open("/dev/null", O_RDWR); // NOLINT(android-cloexec-open): to be inherited
            (void)::dup2(null, fd);
            if (null > 2) {
                ::close(null);
            }
        }
    }
    int highest = 2;
    for (std::size_t i = 0; i < plan.fds.size(); ++i) {
        (void)::dup2(plan.parking + static_cast<int>(i), plan.fds[i].second);
        highest = std::max(highest, plan.fds[i].second);
    }
    close_from(highest + 1);
    for (int fd = 3; fd < highest; ++fd) { // numbers between the wanted ones
        const bool wanted = std::any_of(plan.fds.begin(), plan.fds.end(), [fd](const auto& entry) {
            return entry.second == fd;
        });
        if (!wanted) {
            ::close(fd);
        }
    }
}

void write_file(const char* path, const std::string& text) {
    const int fd = ::open(path, O_WRONLY | O_CLOEXEC);
    (void)!::write(fd, text.data(), text.size());
    ::close(fd);
}

/// Makes us root of our new user namespace. It must happen before the exec, which would take all
/// capabilities from a user without a name (user_namespaces(7)).
void become_root(const ChildPlan& plan) {
    write_file("/proc/self/setgroups", plan.setgroups);
    write_file("/proc/self/uid_map", plan.uid_map);
    write_file("/proc/self/gid_map", plan.gid_map);
}

int spawned_child(void* raw) {
    auto* plan = static_cast<ChildPlan*>(raw);
    if (plan->new_user) {
        become_root(*plan);
    }
    if (plan->new_session) {
        ::setsid();
    }
    arrange_descriptors(*plan);
    for (int number = 1; number < NSIG; ++number) {
        ::signal(number, SIG_DFL);
    }
    sigset_t none;
    sigemptyset(&none);
    ::sigprocmask(SIG_SETMASK, &none, nullptr);
    ::execve(plan->executable, plan->argv.data(), environ);
    plan->error = errno;
    ::_exit(127);
}

} // namespace

SpawnedProcess spawn(const SpawnOptions& options) {
    constexpr std::size_t kStackBytes = 64U << 10U;
    std::vector<char> stack(kStackBytes + 16);
    ChildPlan plan;
    plan.executable = options.executable.c_str();
    for (const auto& argument : options.arguments) {
        plan.argv.push_back(
            const_cast<char*>(argument.c_str())); // NOLINT: execve has no const form
    }
    plan.argv.push_back(nullptr);
    plan.fds = options.fds;
    plan.new_session = options.new_session;
    plan.null_stdio = options.null_stdio;
    plan.new_user = (options.clone_flags & CLONE_NEWUSER) != 0;
    plan.uid_map = "0 " + std::to_string(::geteuid()) + " 1\n";
    plan.gid_map = "0 " + std::to_string(::getegid()) + " 1\n";
    for (const auto& [source, target] : options.fds) {
        plan.parking = std::max({plan.parking, source + 1, target + 1});
    }
    // The child runs on a stack of its own while we are suspended.
    auto top = (reinterpret_cast<std::uintptr_t>(stack.data()) + kStackBytes) & ~std::uintptr_t{15};
    int pidfd = -1;
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    ::sigprocmask(SIG_BLOCK, &all, &before); // a handler must not run on borrowed memory
    const pid_t pid = ::clone(
        spawned_child,
        reinterpret_cast<void*>(top), // NOLINT(performance-no-int-to-ptr)
        options.clone_flags | CLONE_VM | CLONE_VFORK | CLONE_PIDFD | SIGCHLD,
        &plan,
        &pidfd);
    const int clone_error = errno;
    ::sigprocmask(SIG_SETMASK, &before, nullptr);
    const auto attempt =
        "start " + (options.arguments.empty() ? options.executable : options.arguments[0]);
    if (pid < 0) {
        throw SysError(attempt, clone_error);
    }
    SpawnedProcess process{pid, UniqueFd(pidfd)};
    if (plan.error != 0) {
        (void)::waitpid(pid, nullptr, 0);
        throw SysError(attempt + ": execute " + options.executable, plan.error);
    }
    return process;
}

std::size_t raise_open_files_limit(std::size_t wanted) {
    rlimit limit{};
    check_syscall("read the limit of open files", ::getrlimit(RLIMIT_NOFILE, &limit));
    rlimit raised = limit;
    raised.rlim_max = std::max<rlim_t>(limit.rlim_max, wanted);
    raised.rlim_cur = raised.rlim_max;
    if (::setrlimit(RLIMIT_NOFILE, &raised) == 0) {
        return raised.rlim_cur;
    }
    limit.rlim_cur = limit.rlim_max;
    check_syscall("raise the limit of open files", ::setrlimit(RLIMIT_NOFILE, &limit));
    return limit.rlim_cur;
}

} // namespace netemu
