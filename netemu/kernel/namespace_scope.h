#pragma once

#include "netemu/base/unique_fd.h"
#include "netemu/kernel/netlink_socket.h"

namespace netemu {

/// A network namespace that was just made: the descriptor that keeps it alive and a NETLINK_ROUTE
/// socket in it.
struct FreshNamespace {
    UniqueFd fd;
    NetlinkSocket route;
};

/// Lets the calling thread visit network namespaces, and brings it home at the end of the scope.
/// Staying away would run everything that follows in the wrong namespace, so if it cannot return
/// the process aborts.
class NamespaceScope {
public:
    /// `home_fd` is the namespace to return to; it stays the caller's.
    explicit NamespaceScope(int home_fd) noexcept : home_fd_(home_fd) {}
    NamespaceScope(const NamespaceScope&) = delete;
    NamespaceScope& operator=(const NamespaceScope&) = delete;
    ~NamespaceScope() { leave(); }

    /// Throws SysError; the thread is then where it was.
    void enter(int fd);
    /// Makes a new namespace and goes there. Throws SysError.
    FreshNamespace create();
    /// Goes home now.
    void leave() noexcept;

private:
    int home_fd_;
    bool away_ = false;
};

/// A descriptor of the calling thread's network namespace.
UniqueFd current_namespace();

} // namespace netemu
