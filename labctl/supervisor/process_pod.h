#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "labctl/supervisor/log_buffer.h"
#include "labctl/supervisor/sandbox.h"
#include "netemu/base/event_loop.h"
#include "netemu/base/unique_fd.h"

namespace labctl::supervisor {

/// What a pod with a real command is doing.
struct ProcessState {
    bool running = false;
    std::string reason;  // "CrashLoopBackOff", "Error", "Completed", ... when not running
    std::string message; // for people
    int exit_code = 0;
    int restarts = 0;
    bool finished = false; // by its restart policy nothing will be started again
};

/// Runs a pod's command in its sandbox: restarts it as the restart policy says, with Kubernetes'
/// back-off (10 s, doubled up to 5 minutes, forgotten after 10 minutes of running), and keeps what
/// it prints.
class ProcessPod {
public:
    using Changed = std::function<void(const ProcessState&)>;
    /// The sandbox that it runs in; made anew if the last one is gone. May throw netemu::Error.
    using SandboxSource = std::function<Sandbox&()>;

    ProcessPod(
        netemu::EventLoop& loop,
        SandboxSource sandbox,
        SandboxCommand command,
        std::string restart_policy,
        Changed changed);
    ProcessPod(const ProcessPod&) = delete;
    ProcessPod& operator=(const ProcessPod&) = delete;
    ~ProcessPod();

    /// Throws netemu::Error when there is no sandbox to start in.
    void start();
    /// The sandbox is gone, and the command with it.
    void killed();
    /// Asks the command to end (SIGTERM) and starts it no more: its state becomes `finished`, at
    /// once if nothing runs.
    void terminate();
    [[nodiscard]] const ProcessState& state() const { return state_; }
    [[nodiscard]] LogBuffer& logs() { return logs_; }

private:
    void start_again();
    void ended(int status, const std::string& error);
    void read_output();
    void close_output();

    netemu::EventLoop& loop_;
    SandboxSource sandbox_;
    SandboxCommand command_;
    std::string restart_policy_;
    Changed changed_;
    ProcessState state_;
    LogBuffer logs_;
    netemu::UniqueFd output_;
    netemu::EventLoop::TimerId restart_timer_ = 0;
    netemu::Clock::time_point started_;
    std::uint32_t backoff_s_ = 0;
    bool terminating_ = false;
};

} // namespace labctl::supervisor
