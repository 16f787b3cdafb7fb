#pragma once

#include <functional>
#include <memory>
#include <string>

#include "netemu/base/unique_fd.h"
#include "netemu/model/observed.h"
#include "netemu/model/plan.h"

/// The one door to the kernel. Everything above it is pure; everything below it is netlink.
namespace netemu {

class Kernel {
public:
    /// Called from time to time during `apply` with the number of operations done so far.
    using Progress = std::function<void(std::size_t done)>;

    Kernel() = default;
    Kernel(const Kernel&) = delete;
    Kernel& operator=(const Kernel&) = delete;
    virtual ~Kernel() = default;

    /// Carries out the operations in order. Throws SysError or UnsupportedError that names the
    /// operation and the kernel's own words; what was done before it stays done, `observe` tells.
    virtual void apply(const Plan& plan, const Progress& progress) = 0;
    void apply(const Plan& plan) { apply(plan, {}); }

    /// Reads back every namespace that this object made.
    virtual ObservedState observe() = 0;

    /// A socket made in that namespace; it stays there. `type` takes SOCK_NONBLOCK too;
    /// close-on-exec is always set. Throws Error when there is no such namespace.
    virtual UniqueFd open_socket(const std::string& ns, int domain, int type, int protocol) = 0;

    /// The descriptor of the namespace, owned by this object, or -1. For setns(2) and for links
    /// under the run directory; the namespace lives as long as this object holds it.
    [[nodiscard]] virtual int namespace_fd(const std::string& ns) const = 0;
};

/// The kernel of this host. The calling process must hold CAP_NET_ADMIN and CAP_SYS_ADMIN in its
/// user namespace. Not thread-safe: one thread owns it, and that thread is back in its own network
/// namespace whenever a member returns.
std::unique_ptr<Kernel> make_linux_kernel();

} // namespace netemu
