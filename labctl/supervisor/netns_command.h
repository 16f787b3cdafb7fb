#pragma once

#include <string>
#include <vector>

/// Programs of the host, run to their end in network namespaces of the lab. Nothing but the network
/// is the namespace's: no sandbox is made for them.
namespace labctl::supervisor {

struct NetnsCommand {
    int netns_fd = -1;
    std::vector<std::string> arguments; // the first is the path of the program
    std::string input;                  // all that it reads
};

struct NetnsResult {
    int status = -1; // exit status; -1: it was ended by a signal, or by us after the time limit
    std::string out;
    std::string err;
};

/// Runs them, a few at a time, and waits for all. Each may take kNetnsCommandSeconds. Must be
/// called by a thread that may enter the namespaces; it is back in its own when this returns.
/// Throws SysError when a program cannot be started; those that run are ended then.
std::vector<NetnsResult> run_in_namespaces(const std::vector<NetnsCommand>& commands);

inline constexpr unsigned kNetnsCommandSeconds = 60;

/// The path of a program: in $PATH, or where the system's own tools are, which the $PATH of an
/// ordinary user may lack. Empty if it is nowhere.
std::string find_program(const std::string& name);

} // namespace labctl::supervisor
