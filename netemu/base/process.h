#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <sys/types.h>

#include "netemu/base/unique_fd.h"

namespace netemu {

/// A connected pair of Unix sockets, close-on-exec. `type` is SOCK_STREAM, SOCK_SEQPACKET, ...
struct SocketPair {
    explicit SocketPair(int type);
    UniqueFd first;
    UniqueFd second;
};

/// Descriptors that one message can carry (SCM_MAX_FD of unix(7)).
inline constexpr std::size_t kFdsPerMessageMax = 253;

/// What `receive_with_fds` got. `size` 0 means that the peer has closed; -1 that nothing is there
/// now.
struct ReceivedMessage {
    ssize_t size = 0;
    std::vector<UniqueFd> fds;
};

/// Sends `data` with `fds` (at most kFdsPerMessageMax) over a Unix socket in one message. Returns
/// the bytes taken, or -1 when the socket is full (EAGAIN). Throws SysError on anything else.
ssize_t send_with_fds(int socket, std::span<const char> data, std::span<const int> fds);
ReceivedMessage receive_with_fds(int socket, std::span<char> buffer);

void set_nonblocking(int fd, bool nonblocking = true);

/// How to start a program.
struct SpawnOptions {
    std::vector<std::string>
        arguments; // argv; the program is `executable`, argv[0] is only its name
    std::string executable = "/proc/self/exe";
    /// (ours, child's number): exactly these are open in the child, besides 0, 1 and 2.
    std::vector<std::pair<int, int>> fds;
    int clone_flags = 0;     // CLONE_NEWPID and the like
    bool new_session = true; // setsid(2)
    bool null_stdio = true; // 0, 1 and 2 are /dev/null unless `fds` names them; otherwise inherited
};

struct SpawnedProcess {
    pid_t pid = 0; // in our pid namespace; ours to wait for
    UniqueFd pidfd;
};

/// Starts a program the way vfork(2) does (the child borrows our memory until it execs), so the
/// size of the caller does not matter. Signals are unblocked and at their defaults in the child.
/// Returns when the exec has happened; throws SysError when the clone or the exec failed.
SpawnedProcess spawn(const SpawnOptions& options);

/// Raises the soft limit of open files to the hard limit, and as root the hard limit to `wanted` if
/// the host allows it. Returns the soft limit now in force.
std::size_t raise_open_files_limit(std::size_t wanted);

} // namespace netemu
