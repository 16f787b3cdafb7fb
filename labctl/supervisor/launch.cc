#include "labctl/supervisor/launch.h"

#include <array>
#include <cerrno>
#include <csignal>
#include <fstream>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <linux/capability.h>
#include <poll.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "labctl/supervisor/host_sockets.h"
#include "netemu/base/error.h"
#include "netemu/base/process.h"

namespace labctl::supervisor {

namespace {

using netemu::check_syscall;
using netemu::SysError;
using netemu::UniqueFd;

/// Descriptor numbers in the keeper and the supervisor.
constexpr int kConnectionFd = 3;
constexpr int kErrorsFd = 4;
constexpr int kKeeperPipeFd = 5;
constexpr int kHostSocketsFd = 6;
constexpr int kLockFd = 7;

constexpr int kTakenStatus = 75; // of a keeper that found the lab kept by another one

UniqueFd take_lock(const LabPaths& paths) {
    auto lock = try_lock(paths);
    if (!lock) {
        throw netemu::UsageError(
            "lab '" + paths.name + "' is up already",
            "`labctl status --lab " + paths.name + "` shows it; `labctl down " + paths.name +
                "` ends it");
    }
    return lock;
}

} // namespace

LaunchedLab launch(const LabPaths& paths, int verbosity) {
    netemu::SocketPair connection(SOCK_STREAM);
    netemu::SocketPair errors(SOCK_STREAM);
    LaunchedLab lab;
    netemu::SpawnOptions options;
    options.arguments = {"labctl", "__keeper", paths.name, std::to_string(verbosity)};
    options.fds = {{connection.second.get(), kConnectionFd}, {errors.second.get(), kErrorsFd}};
    lab.keeper = netemu::spawn(options).pid;
    lab.connection = std::move(connection.first);
    lab.errors = std::move(errors.first);
    return lab;
}

bool abort_launch(const LabPaths& paths, LaunchedLab& lab) {
    lab.connection.reset();
    ::kill(lab.keeper, SIGTERM);
    int status = 0;
    while (::waitpid(lab.keeper, &status, 0) < 0 && errno == EINTR) {
    }
    if (WIFEXITED(status) && WEXITSTATUS(status) == kTakenStatus) {
        return false;
    }
    remove_run_files(paths); // in case that the keeper died before it could
    return true;
}

namespace {

void say_error(const netemu::Error& error) {
    const auto text = std::to_string(static_cast<int>(error.exit_code())) + "\n" + error.what() +
                      "\n" + error.hint() + "\n";
    (void)!::write(kErrorsFd, text.data(), text.size());
}

pid_t start_supervisor(
    const LabPaths& paths,
    const std::string& verbosity,
    const std::vector<std::pair<int, int>>& to_keeper,
    bool rootless) {
    netemu::SpawnOptions options;
    // The supervisor is root in its user namespace, so it cannot work out the user's paths by
    // itself.
    options.arguments = {
        "labctl",
        "__supervisor",
        paths.name,
        verbosity,
        rootless ? "rootless" : "root",
        paths.run_root,
        paths.state_root,
        paths.netns_dir};
    options.fds = {{kConnectionFd, kConnectionFd}, {kErrorsFd, kErrorsFd}};
    options.fds.insert(options.fds.end(), to_keeper.begin(), to_keeper.end());
    options.clone_flags =
        CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWNET | (rootless ? CLONE_NEWUSER : 0);
    try {
        return netemu::spawn(options).pid;
    } catch (const SysError& error) {
        const int number = error.error_number();
        if (number != EPERM && number != ENOSPC && number != EINVAL) {
            throw;
        }
        // ENOSPC is a limit of user.max_*_namespaces here (clone(2)), not a full disk.
        throw netemu::UnsupportedError(
            std::string("create the lab's namespaces") +
                (rootless ? ", as an ordinary user in a user namespace" : "") + ": " +
                (number == ENOSPC ? "the host's limit of namespaces (sysctl user.max_*_namespaces)"
                                  : netemu::errno_text(number)),
            "`labctl doctor` says what this host forbids and the exact remedy");
    }
}

/// Waits for the supervisor to end; SIGTERM and SIGINT end it. Meanwhile it gets the host's sockets
/// that it asks for. Returns its wait status.
int wait_for(pid_t supervisor, int signals, int host_sockets) {
    bool serves = true;
    for (;;) {
        int status = 0;
        const pid_t ended = ::waitpid(supervisor, &status, WNOHANG);
        if (ended == supervisor) {
            return status;
        }
        std::array<pollfd, 2> waits{{{signals, POLLIN, 0}, {host_sockets, POLLIN, 0}}};
        (void)::poll(waits.data(), serves ? 2 : 1, -1);
        if (serves && waits[1].revents != 0) {
            serves = serve_host_socket(host_sockets);
        }
        if (waits[0].revents == 0) {
            continue;
        }
        signalfd_siginfo info{};
        if (::read(signals, &info, sizeof info) == static_cast<ssize_t>(sizeof info) &&
            info.ssi_signo != SIGCHLD) {
            ::kill(supervisor, SIGKILL);
        }
    }
}

UniqueFd block_signals() {
    sigset_t set;
    sigemptyset(&set);
    for (const int number : {SIGCHLD, SIGTERM, SIGINT, SIGHUP}) {
        sigaddset(&set, number);
    }
    check_syscall("block signals", ::sigprocmask(SIG_BLOCK, &set, nullptr));
    return UniqueFd(check_syscall("create a signal descriptor", ::signalfd(-1, &set, SFD_CLOEXEC)));
}

void keep(const LabPaths& paths, const std::string& verbosity, const UniqueFd& lock) {
    // Root without CAP_SYS_ADMIN (in most containers) is an ordinary user here.
    const bool rootless = ::geteuid() != 0 || ::prctl(PR_CAPBSET_READ, CAP_SYS_ADMIN) != 1;
    const auto signals = block_signals();
    std::array<int, 2> pipe{};
    check_syscall("create a pipe", ::pipe2(pipe.data(), O_CLOEXEC));
    const UniqueFd pipe_write(pipe[1]);
    UniqueFd pipe_read(pipe[0]);
    std::array<int, 2> sockets{};
    check_syscall(
        "create a socket pair",
        ::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sockets.data()));
    const UniqueFd host_sockets(sockets[0]);
    UniqueFd asking(sockets[1]);
    const pid_t supervisor = start_supervisor(
        paths,
        verbosity,
        {{pipe_read.get(), kKeeperPipeFd}, {asking.get(), kHostSocketsFd}, {lock.get(), kLockFd}},
        rootless);
    pipe_read.reset();
    asking.reset();
    ::close(kConnectionFd);
    const auto pids = std::to_string(::getpid()) + " " + std::to_string(supervisor) + "\n";
    std::ofstream(paths.pid_file) << pids;
    (void)!::write(pipe_write.get(), pids.data(), pids.size());
    ::close(kErrorsFd);
    (void)wait_for(supervisor, signals.get(), host_sockets.get());
}

} // namespace

int run_keeper(const std::vector<std::string>& arguments) {
    const auto paths = LabPaths::of(arguments.at(0));
    ::prctl(PR_SET_NAME, "labctl-keeper");
    // Every file of the lab is made by a process that also removes it: whoever kills the command in
    // the middle leaves none behind. The lock outlives the supervisor, which is the only child that
    // holds it.
    UniqueFd lock;
    int status = kTakenStatus;
    try {
        make_directories(paths.run_root);
        lock = take_lock(paths);
        status = 0;
        make_directories(paths.run_dir);
        keep(paths, arguments.at(1), lock);
    } catch (const netemu::Error& error) {
        say_error(error);
        if (status == kTakenStatus) {
            return status; // the files are another's
        }
        status = static_cast<int>(error.exit_code());
    }
    remove_run_files(paths, lock);
    return status;
}

SupervisorArguments SupervisorArguments::parse(const std::vector<std::string>& arguments) {
    SupervisorArguments result;
    result.paths =
        LabPaths::under(arguments.at(0), arguments.at(3), arguments.at(4), arguments.at(5));
    result.verbosity = std::stoi(arguments.at(1));
    result.rootless = arguments.at(2) == "rootless";
    result.connection = kConnectionFd;
    result.errors = kErrorsFd;
    result.keeper_pipe = kKeeperPipeFd;
    result.host_sockets = kHostSocketsFd;
    result.lock = kLockFd;
    return result;
}

} // namespace labctl::supervisor
