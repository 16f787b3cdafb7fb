#include "labctl/dataplane/sandbox.h"

#include <array>
#include <cerrno>
#include <memory>

#include <fcntl.h>
#include <seccomp.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "netemu/base/error.h"
#include "netemu/base/privileges.h"

namespace labctl::dataplane {
namespace {

using netemu::check_syscall;

// Only descriptors that exist already can be used: nothing here opens a file, makes a socket or a
// process.
constexpr int kAllowed[] = {
    // Sockets and descriptors.
    SCMP_SYS(accept4),
    SCMP_SYS(bind),
    SCMP_SYS(connect),
    SCMP_SYS(getpeername),
    SCMP_SYS(getsockname),
    SCMP_SYS(getsockopt),
    SCMP_SYS(setsockopt),
    SCMP_SYS(recvfrom),
    SCMP_SYS(recvmsg),
    SCMP_SYS(recvmmsg),
    SCMP_SYS(sendto),
    SCMP_SYS(sendmsg),
    SCMP_SYS(sendmmsg),
    SCMP_SYS(shutdown),
    SCMP_SYS(read),
    SCMP_SYS(readv),
    SCMP_SYS(write),
    SCMP_SYS(writev),
    SCMP_SYS(close),
    // Waiting.
    SCMP_SYS(epoll_ctl),
    SCMP_SYS(epoll_wait),
    SCMP_SYS(epoll_pwait),
    SCMP_SYS(futex),
    SCMP_SYS(restart_syscall),
    SCMP_SYS(sched_yield),
    SCMP_SYS(clock_gettime),
    SCMP_SYS(gettimeofday),
    SCMP_SYS(time),
    SCMP_SYS(clock_nanosleep),
    SCMP_SYS(timerfd_settime),
    // Memory; executable mappings are sorted out below.
    SCMP_SYS(brk),
    SCMP_SYS(munmap),
    SCMP_SYS(mremap),
    SCMP_SYS(madvise),
    // The C library's own needs, and an orderly or disorderly end.
    SCMP_SYS(getrandom),
    SCMP_SYS(getpid),
    SCMP_SYS(gettid),
    SCMP_SYS(tgkill),
    SCMP_SYS(rt_sigprocmask),
    SCMP_SYS(rt_sigaction),
    SCMP_SYS(rt_sigreturn),
    SCMP_SYS(sigaltstack),
    SCMP_SYS(exit),
    SCMP_SYS(exit_group)};

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
// The sanitizers look at memory through a pipe before they judge it.
constexpr int kAllowedToSanitizers[] = {SCMP_SYS(pipe), SCMP_SYS(pipe2)};
#else
constexpr std::array<int, 0> kAllowedToSanitizers{};
#endif

struct ReleaseFilter {
    void operator()(void* filter) const { ::seccomp_release(filter); }
};

void check_seccomp(const char* attempt, int result) {
    if (result < 0) {
        throw netemu::SysError(attempt, -result);
    }
}

/// mmap and mprotect only without PROT_EXEC, fcntl only for flags.
void allow_with_conditions(scmp_filter_ctx filter) {
    const scmp_arg_cmp not_executable{2, SCMP_CMP_MASKED_EQ, PROT_EXEC, 0};
    for (const int call : {SCMP_SYS(mmap), SCMP_SYS(mprotect)}) {
        check_seccomp(
            "allow memory without code",
            ::seccomp_rule_add(filter, SCMP_ACT_ALLOW, call, 1, not_executable));
    }
    for (const int command : {F_GETFL, F_SETFL, F_GETFD, F_SETFD}) {
        const scmp_arg_cmp is_command{1, SCMP_CMP_EQ, static_cast<scmp_datum_t>(command), 0};
        check_seccomp(
            "allow descriptor flags",
            ::seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(fcntl), 1, is_command));
    }
}

} // namespace

void drop_privileges(int first_unwanted_fd) {
    check_syscall(
        "close descriptors",
        static_cast<int>(::syscall(SYS_close_range, first_unwanted_fd, ~0U, 0)));
    netemu::drop_privileges();
}

void restrict_system_calls() {
    const std::unique_ptr<void, ReleaseFilter> filter(::seccomp_init(SCMP_ACT_ERRNO(EPERM)));
    if (!filter) {
        throw netemu::UnsupportedError("create a seccomp filter: not possible on this kernel");
    }
    check_seccomp("filter all threads", ::seccomp_attr_set(filter.get(), SCMP_FLTATR_CTL_TSYNC, 1));
    // A balanced tree: the calls of the hot path would otherwise wait behind a long list of
    // comparisons.
    check_seccomp(
        "optimise the filter", ::seccomp_attr_set(filter.get(), SCMP_FLTATR_CTL_OPTIMIZE, 2));
    for (const int call : kAllowed) {
        check_seccomp(
            "allow a system call", ::seccomp_rule_add(filter.get(), SCMP_ACT_ALLOW, call, 0));
    }
    for (const int call : kAllowedToSanitizers) {
        check_seccomp(
            "allow a system call", ::seccomp_rule_add(filter.get(), SCMP_ACT_ALLOW, call, 0));
    }
    allow_with_conditions(filter.get());
    check_seccomp("install the seccomp filter", ::seccomp_load(filter.get()));
}

} // namespace labctl::dataplane
