#include "labctl/dataplane/child_process.h"

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <vector>

#include <fcntl.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "labctl/dataplane/child.h"
#include "netemu/base/error.h"
#include "netemu/base/process.h"

namespace labctl::dataplane {
namespace {

/// Above the numbers that the child's ends get, so that putting one in place cannot overwrite the
/// other.
constexpr int kSafeFd = 16;

/// The environment of the child: only what its libraries need.
std::vector<std::string> child_environment() {
    std::vector<std::string> result;
    for (const char* name :
         {"LD_LIBRARY_PATH", "ASAN_OPTIONS", "UBSAN_OPTIONS", "TSAN_OPTIONS", "TZ"}) {
        if (const char* value = std::getenv(name);
            value != nullptr) { // NOLINT: one thread changes nothing
            result.push_back(std::string(name) + "=" + value);
        }
    }
    return result;
}

std::vector<char*> pointers(std::vector<std::string>& texts) {
    std::vector<char*> result;
    result.reserve(texts.size() + 1);
    for (auto& text : texts) {
        result.push_back(text.data());
    }
    result.push_back(nullptr);
    return result;
}

struct SpawnSettings {
    posix_spawn_file_actions_t actions{};
    posix_spawnattr_t attributes{};

    SpawnSettings() {
        ::posix_spawn_file_actions_init(&actions);
        ::posix_spawnattr_init(&attributes);
        // The parent may block or ignore signals; the child begins afresh.
        sigset_t none;
        sigset_t all;
        ::sigemptyset(&none);
        ::sigfillset(&all);
        ::posix_spawnattr_setsigmask(&attributes, &none);
        ::posix_spawnattr_setsigdefault(&attributes, &all);
        ::posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    }
    SpawnSettings(const SpawnSettings&) = delete;
    SpawnSettings& operator=(const SpawnSettings&) = delete;
    ~SpawnSettings() {
        ::posix_spawn_file_actions_destroy(&actions);
        ::posix_spawnattr_destroy(&attributes);
    }
    void put(int fd, int as) { ::posix_spawn_file_actions_adddup2(&actions, fd, as); }
};

netemu::UniqueFd moved_up(const netemu::UniqueFd& fd) {
    return netemu::UniqueFd(
        netemu::check_syscall("duplicate a channel", ::fcntl(fd.get(), F_DUPFD_CLOEXEC, kSafeFd)));
}

} // namespace

ChildProcess::ChildProcess(const std::string& executable, int verbosity) {
    netemu::SocketPair workloads(SOCK_SEQPACKET);
    const auto workload_end = moved_up(workloads.second);
    SpawnSettings settings;
    settings.put(workload_end.get(), kWorkloadChannelFd);
    std::vector<netemu::UniqueFd> probe_ends;
    for (int i = 0; i < kProbeThreads; ++i) {
        netemu::SocketPair pair(SOCK_SEQPACKET);
        probe_ends.push_back(moved_up(pair.second));
        settings.put(probe_ends.back().get(), kProbeChannelFd + i);
        probe_channels.at(static_cast<std::size_t>(i)) = std::move(pair.first);
    }
    netemu::SocketPair tunnels(SOCK_SEQPACKET);
    const auto tunnel_end = moved_up(tunnels.second);
    settings.put(tunnel_end.get(), kTunnelChannelFd);
    netemu::SocketPair links(SOCK_SEQPACKET);
    const auto link_end = moved_up(links.second);
    settings.put(link_end.get(), kLinkChannelFd);
    std::vector<std::string> arguments{"labctl", kChildCommand, std::to_string(verbosity)};
    auto environment = child_environment();
    const int error = ::posix_spawn(
        &pid_,
        executable.c_str(),
        &settings.actions,
        &settings.attributes,
        pointers(arguments).data(),
        pointers(environment).data());
    if (error != 0) {
        throw netemu::SysError("start the data plane " + executable, error);
    }
    pidfd_.reset(static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0)));
    workload_channel = std::move(workloads.first);
    tunnel_channel = std::move(tunnels.first);
    link_channel = std::move(links.first);
}

ChildProcess::~ChildProcess() {
    if (pid_ <= 0) {
        return;
    }
    // By descriptor: as pid 1 the supervisor reaps every process, and then the number may be
    // another's.
    if (pidfd_) {
        ::syscall(SYS_pidfd_send_signal, pidfd_.get(), SIGKILL, nullptr, 0);
    } else {
        ::kill(pid_, SIGKILL);
    }
    int status = 0;
    while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
    }
}

} // namespace labctl::dataplane
