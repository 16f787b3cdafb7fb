#include "netemu/base/privileges.h"

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <fstream>
#include <string>

#include <grp.h>
#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "netemu/base/error.h"

namespace netemu {

namespace {

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
            throw SysError("drop capability " + std::to_string(capability), errno);
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

} // namespace

void drop_privileges() {
    drop_bounding_set();
    become_nobody();
    clear_capabilities();
    check_syscall("forgo new privileges", ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
    check_syscall("become undumpable", ::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0));
    // Last: a change of credentials clears it (PR_SET_PDEATHSIG of prctl(2)).
    check_syscall("die with the parent", ::prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0));
}

} // namespace netemu
