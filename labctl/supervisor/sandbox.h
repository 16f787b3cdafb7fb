#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "netemu/base/event_loop.h"
#include "netemu/base/process.h"
#include "netemu/base/unique_fd.h"

/// Real pid, mount, uts and ipc namespaces beside a network namespace: what a container would see.
/// Made at the first `exec` and for pods that run a real command; idle pods have none.
namespace labctl::supervisor {

struct SandboxSpec {
    int netns_fd = -1;
    std::string hostname;
    std::string resolv_conf; // text of /etc/resolv.conf; empty: the host's is left
    std::string hosts;       // text of /etc/hosts; empty: the host's is left
    std::string rootfs;      // becomes /, or empty for the host's
    std::string bird_dir;    // becomes /run/bird; or empty
    std::string hide_dir; // covered by a tmpfs: the run directory, which holds the control socket
};

/// A command to run as a child of the sandbox's process 1.
struct SandboxCommand {
    std::vector<std::string> arguments;
    std::map<std::string, std::string> environment; // added to a small base environment
    std::string directory;                          // empty: /
    int output = -1;                                // stdout and stderr; stays the caller's
};

/// Owns one sandbox. Its destruction ends every process in it (process_end.h).
class Sandbox {
public:
    /// `status` is a wait status as waitpid(2) gives it; -1 when the program could not be started,
    /// and then `error` says why.
    using ExitCallback = std::function<void(int status, const std::string& error)>;
    /// Called when process 1 itself is gone: nothing runs here any more.
    using GoneCallback = std::function<void()>;

    /// Only starts to make the namespaces, so that many can be made at the same time. Throws
    /// SysError.
    Sandbox(netemu::EventLoop& loop, const SandboxSpec& spec, GoneCallback gone);
    /// Returns once the namespaces are as the specification says. To be called once, before
    /// anything else. Throws SysError.
    void finish();
    Sandbox(const Sandbox&) = delete;
    Sandbox& operator=(const Sandbox&) = delete;
    ~Sandbox();

    /// Of process 1; setns(2) on it enters all namespaces at once.
    [[nodiscard]] int pidfd() const { return process_.pidfd.get(); }
    /// What could not be set up as asked ("cannot mount /sys: ..."), one line each.
    [[nodiscard]] const std::vector<std::string>& warnings() const { return warnings_; }

    void run(const SandboxCommand& command, ExitCallback on_exit);
    /// Sends a signal to the command that `run` has started, if it still runs.
    void signal(int number);

private:
    void receive();
    void wait_until_ready();

    netemu::EventLoop& loop_;
    netemu::UniqueFd channel_;
    netemu::SpawnedProcess process_;
    std::vector<std::string> warnings_;
    ExitCallback on_exit_;
    GoneCallback gone_;
};

/// `labctl __sandbox`: process 1 of a sandbox. Returns when its supervisor is gone.
int run_sandbox();

} // namespace labctl::supervisor
