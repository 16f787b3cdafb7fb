#pragma once

namespace labctl::dataplane {

/// Gives up what a process can give up: supplementary groups, uid and gid 0 (if 65534 is mapped
/// here), every capability including the bounding set, and the right to gain any by exec. Makes the
/// process undumpable, and has the kernel kill it when its parent dies. Closes every descriptor
/// from `first_unwanted_fd` on. Call while there is one thread. Throws SysError.
void drop_privileges(int first_unwanted_fd);

/// Allows all threads of this process, from now on, only the system calls that serving and probing
/// on sockets that exist already needs: no open, exec, fork, socket, setns, mount or ptrace; they
/// fail with EPERM. Throws SysError or UnsupportedError.
void restrict_system_calls();

} // namespace labctl::dataplane
