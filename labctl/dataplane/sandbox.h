#pragma once

namespace labctl::dataplane {

/// Closes every descriptor from `first_unwanted_fd` on, and then netemu::drop_privileges. Throws
/// SysError.
void drop_privileges(int first_unwanted_fd);

/// Allows all threads of this process, from now on, only the system calls that serving and probing
/// on sockets that exist already needs: no open, exec, fork, socket, setns, mount or ptrace; they
/// fail with EPERM. Throws SysError or UnsupportedError.
void restrict_system_calls();

} // namespace labctl::dataplane
