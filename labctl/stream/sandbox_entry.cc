#include "labctl/stream/sandbox_entry.h"

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <iostream>

#include <sched.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "netemu/base/error.h"

namespace labctl::stream {

void enter_sandbox(int pidfd) {
    const int namespaces = CLONE_NEWNET | CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWPID;
    // An ordinary user must first become root of the lab's user namespace. To enter the one that a
    // process is in already is refused with EINVAL: then the lab was made by root, or the process
    // is one of the lab's own, and there is none to enter.
    if (::setns(pidfd, CLONE_NEWUSER | namespaces) == 0) {
        return;
    }
    netemu::check_syscall("enter the target's namespaces", ::setns(pidfd, namespaces));
}

void set_sandbox_environment(
    const std::string& hostname, const std::map<std::string, std::string>& environment) {
    ::setenv("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", 1);
    ::setenv("HOSTNAME", hostname.c_str(), 1);
    for (const auto& [name, value] : environment) {
        ::setenv(name.c_str(), value.c_str(), 1);
    }
}

void become_command(std::vector<std::string> command) {
    constexpr int kNotFound = 127;
    constexpr int kNotRunnable = 126;
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    for (const int number : {SIGINT, SIGQUIT, SIGTERM, SIGHUP, SIGPIPE}) {
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

int exit_code_of(int wait_status) {
    return WIFSIGNALED(wait_status) ? 128 + WTERMSIG(wait_status) : WEXITSTATUS(wait_status);
}

} // namespace labctl::stream
