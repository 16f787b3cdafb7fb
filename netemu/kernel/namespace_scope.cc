#include "netemu/kernel/namespace_scope.h"

#include <cerrno>
#include <cstdio>
#include <cstdlib>

#include <fcntl.h>
#include <linux/netlink.h>
#include <linux/sockios.h>
#include <sched.h>
#include <sys/ioctl.h>

#include "netemu/base/error.h"

namespace netemu {

void NamespaceScope::enter(int fd) {
    check_syscall("enter a network namespace", ::setns(fd, CLONE_NEWNET));
    away_ = true;
}

FreshNamespace NamespaceScope::create() {
    check_syscall("create a network namespace", ::unshare(CLONE_NEWNET));
    away_ = true;
    FreshNamespace fresh;
    fresh.route = NetlinkSocket(NETLINK_ROUTE);
    // No path is looked up and nothing is mounted: half the price of /proc/self/ns/net and a bind
    // mount.
    fresh.fd.reset(check_syscall(
        "take a descriptor of a network namespace", ::ioctl(fresh.route.fd(), SIOCGSKNS)));
    return fresh;
}

void NamespaceScope::leave() noexcept {
    if (!away_) {
        return;
    }
    if (::setns(home_fd_, CLONE_NEWNET) < 0) {
        std::perror("return to the own network namespace");
        std::abort();
    }
    away_ = false;
}

UniqueFd current_namespace() {
    return UniqueFd(check_syscall(
        "open /proc/thread-self/ns/net", ::open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC)));
}

} // namespace netemu
