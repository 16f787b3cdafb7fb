#include "labctl/cli/inside.h"

#include <cerrno>
#include <csignal>
#include <cstdlib>

#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "labctl/stream/sandbox_entry.h"
#include "netemu/base/error.h"

namespace labctl::cli {

namespace {

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
    return stream::exit_code_of(status);
}

/// Starts the command and waits for it. In a process group of its own, which the terminal does not
/// stop (^Z) along with the command: a pid namespace ends only when all its processes are reaped,
/// and this one's parent is outside (zap_pid_ns_processes in kernel/pid_namespace.c). Nor has
/// anybody else entered, so a `labctl exec` that is stopped holds nothing of the lab.
int attend(const std::vector<std::string>& command) {
    child_pid = netemu::check_syscall("fork", ::fork());
    if (child_pid == 0) {
        stream::become_command(command); // stays in the group that the terminal has in front
    }
    (void)::setpgid(0, 0);
    return wait_for_child();
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
    const pid_t parent = ::getpid();
    child_pid = netemu::check_syscall("fork", ::fork());
    if (child_pid != 0) {
        return wait_for_child();
    }
    stream::enter_sandbox(fds[0].get());
    ::prctl(PR_SET_PDEATHSIG, SIGKILL); // which entering a user namespace would have cleared
    if (::getppid() != parent) {
        ::_exit(128 + SIGKILL); // it had ended already
    }
    stream::set_sandbox_environment(target.value("hostname", ""), target.at("environment"));
    if (prompt) {
        ::setenv("PS1", (target.value("hostname", "") + ":\\w# ").c_str(), 1);
    }
    return attend(command);
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
