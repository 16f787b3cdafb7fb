#include "labctl/cli/inside.h"

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <iostream>

#include <sched.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "netemu/base/error.h"

namespace labctl::cli {

using nlohmann::json;

namespace {

constexpr int kNotFound = 127;
constexpr int kNotRunnable = 126;

/// Enters all namespaces of the sandbox whose process 1 is `pidfd`. Only children will be in its
/// pid namespace.
void enter(int pidfd) {
    const int namespaces = CLONE_NEWNET | CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWPID;
    // An ordinary user must first become root of the lab's user namespace. To enter the one that a
    // process is in already is refused with EINVAL: then the lab was made by root, and there is
    // none to enter.
    if (::setns(pidfd, CLONE_NEWUSER | namespaces) == 0) {
        return;
    }
    netemu::check_syscall("enter the target's namespaces", ::setns(pidfd, namespaces));
}

void set_environment(const json& target) {
    ::setenv("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", 1);
    ::setenv("HOSTNAME", target.value("hostname", "").c_str(), 1);
    for (const auto& [name, value] : target["environment"].items()) {
        ::setenv(name.c_str(), value.get<std::string>().c_str(), 1);
    }
}

[[noreturn]] void become(std::vector<std::string> command) {
    // If labctl itself is killed, nobody would wait for the command any more.
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    for (const int number : {SIGINT, SIGQUIT, SIGTERM, SIGHUP}) {
        ::signal(number, SIG_DFL);
    }
    std::vector<char*> argv;
    argv.reserve(command.size() + 1);
    for (auto& argument : command) {
        argv.push_back(argument.data());
    }
    argv.push_back(nullptr);
    ::execvp(argv[0], argv.data());
    const int failed = errno;
    std::cerr << "error: run " << command[0] << ": " << netemu::errno_text(failed) << std::endl;
    ::_exit(failed == ENOENT ? kNotFound : kNotRunnable);
}

pid_t child_pid = 0; // read by the signal handler

void forward(int number) {
    if (child_pid > 0) {
        ::kill(child_pid, number);
    }
}

int wait_for_child() {
    // The terminal signals the whole foreground group, the command included; ours is only to wait.
    ::signal(SIGINT, SIG_IGN);
    ::signal(SIGQUIT, SIG_IGN);
    ::signal(SIGTERM, forward);
    ::signal(SIGHUP, forward);
    int status = 0;
    while (::waitpid(child_pid, &status, 0) < 0) {
        if (errno != EINTR) {
            throw netemu::SysError("wait for the command", errno);
        }
    }
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

int run_inside(const Context& context, const std::vector<std::string>& command, bool prompt) {
    auto client = context.client();
    const auto target = client.request(
        "POST",
        "/apis/labctl.dev/v1/target",
        {{"target", context.options().arguments.at(0)}, {"namespace", context.ns()}});
    const auto fds = client.take_fds();
    if (fds.size() != 1) {
        throw netemu::Error("the lab sent no descriptor for " + context.options().arguments.at(0));
    }
    for (const auto& warning : target["warnings"]) {
        context.console().warn(warning.get<std::string>());
    }
    enter(fds[0].get());
    set_environment(target);
    if (prompt) {
        ::setenv("PS1", (target.value("hostname", "") + ":\\w# ").c_str(), 1);
    }
    child_pid = netemu::check_syscall("fork", ::fork());
    if (child_pid == 0) {
        become(command);
    }
    return wait_for_child();
}

} // namespace

int run_exec(const Context& context) {
    const auto& arguments = context.options().arguments;
    return run_inside(context, {arguments.begin() + 1, arguments.end()}, false);
}

int run_shell(const Context& context) {
    // --norc keeps the host's prompt and aliases out; sh is there on every root file system.
    return run_inside(
        context,
        {"/bin/sh", "-c", "if command -v bash >/dev/null; then exec bash --norc; else exec sh; fi"},
        true);
}

} // namespace labctl::cli
