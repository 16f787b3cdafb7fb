#include "labctl/dataplane/sandbox.h"

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <fstream>
#include <memory>
#include <string>

#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <seccomp.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "netemu/base/error.h"

namespace labctl::dataplane {
namespace {

using netemu::check_syscall;

constexpr unsigned kNobody = 65534;
constexpr int kCapabilitiesMax = 64; // bits that the kernel's capability sets have room for

/// Whether `id` exists in this user namespace (uid_map of user_namespaces(7): inside, outside,
/// length).
bool is_mapped(const char* map, unsigned id) {
    std::ifstream lines(map);
    std::uint64_t inside = 0;
    std::uint64_t outside = 0;
    std::uint64_t length = 0;
    while (lines >> inside >> outside >> length) {
        if (id >= inside && id - inside < length) {
            return true;
        }
    }
    return false;
}

void drop_bounding_set() {
    for (int capability = 0; capability < kCapabilitiesMax; ++capability) {
        if (::prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) == 0) {
            continue;
        }
        if (errno == EINVAL) {
            return; // behind the last one that this kernel knows
        }
        // Without CAP_SETPCAP the set cannot shrink; no-new-privs makes it worthless all the same.
        if (errno != EPERM) {
            throw netemu::SysError("drop capability " + std::to_string(capability), errno);
        }
    }
}

void become_nobody() {
    if (::geteuid() != 0 || !is_mapped("/proc/self/uid_map", kNobody) ||
        !is_mapped("/proc/self/gid_map", kNobody)) {
        return; // an ordinary user, or a user namespace with no other id to be
    }
    check_syscall("give up the groups of root", ::setgroups(0, nullptr));
    check_syscall("become group nobody", ::setresgid(kNobody, kNobody, kNobody));
    check_syscall("become user nobody", ::setresuid(kNobody, kNobody, kNobody));
}

void clear_capabilities() {
    __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
    std::array<__user_cap_data_struct, 2> none{};
    check_syscall(
        "clear the ambient capabilities",
        ::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0));
    check_syscall(
        "clear the capabilities", static_cast<int>(::syscall(SYS_capset, &header, none.data())));
}

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
    drop_bounding_set();
    become_nobody();
    clear_capabilities();
    check_syscall("forgo new privileges", ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
    check_syscall("become undumpable", ::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0));
    // Last: a change of credentials clears it (PR_SET_PDEATHSIG of prctl(2)).
    check_syscall("die with the parent", ::prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0));
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
