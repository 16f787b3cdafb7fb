#include "labctl/cli/inside.h"

#include <cerrno>
#include <csignal>
#include <cstdlib>

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
    stream::enter_sandbox(fds[0].get());
    stream::set_sandbox_environment(target.value("hostname", ""), target.at("environment"));
    if (prompt) {
        ::setenv("PS1", (target.value("hostname", "") + ":\\w# ").c_str(), 1);
    }
    child_pid = netemu::check_syscall("fork", ::fork());
    if (child_pid == 0) {
        stream::become_command(command);
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
