#pragma once

#include <cstddef>
#include <span>
#include <string>
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

/// What `receive_with_fds` got. `size` 0 means that the peer has closed; -1 that nothing is there now.
struct ReceivedMessage {
    ssize_t size = 0;
    std::vector<UniqueFd> fds;
};

/// Sends `data` with `fds` (at most kFdsPerMessageMax) over a Unix socket in one message. Returns the
/// bytes taken, or -1 when the socket is full (EAGAIN). Throws SysError on anything else.
ssize_t send_with_fds(int socket, std::span<const char> data, std::span<const int> fds);
ReceivedMessage receive_with_fds(int socket, std::span<char> buffer);

void set_nonblocking(int fd, bool nonblocking = true);

/// Raises the soft limit of open files to the hard limit, and as root the hard limit to `wanted` if the
/// host allows it. Returns the soft limit now in force.
std::size_t raise_open_files_limit(std::size_t wanted);

} // namespace netemu
