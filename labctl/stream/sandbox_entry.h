#pragma once

#include <map>
#include <string>
#include <vector>

/// The way of a process of ours into a pod, node or other place of a lab, and to a command there.
namespace labctl::stream {

/// Enters all namespaces of the sandbox whose process 1 is `pidfd`; the working directory is its
/// root then. Only children will be in its pid namespace. Call while there is one thread. Throws
/// SysError.
void enter_sandbox(int pidfd);

/// What a command finds in its environment there: PATH, HOSTNAME, and what is given. The rest stays
/// as it is.
void set_sandbox_environment(
    const std::string& hostname, const std::map<std::string, std::string>& environment);

/// Turns this process into the command, which the kernel kills when its parent ends. Otherwise says
/// why on standard error and ends with 127 (there is no such command) or 126 (it cannot be run).
[[noreturn]] void become_command(std::vector<std::string> command);

/// What a shell makes of the status that waitpid(2) gives: 128 + N for the end by signal N.
int exit_code_of(int wait_status);

} // namespace labctl::stream
