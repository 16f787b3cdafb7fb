#include "labctl/supervisor/process_pod.h"

#include <algorithm>
#include <array>
#include <csignal>
#include <utility>

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/wait.h>
#include <unistd.h>

#include "netemu/base/error.h"

namespace labctl::supervisor {

namespace {

constexpr std::uint32_t kBackoffFirstS = 10;
constexpr std::uint32_t kBackoffMaxS = 300;
constexpr auto kBackoffForgottenAfter = std::chrono::minutes(10);

} // namespace

ProcessPod::ProcessPod(
    netemu::EventLoop& loop,
    SandboxSource sandbox,
    SandboxCommand command,
    std::string restart_policy,
    Changed changed)
    : loop_(loop), sandbox_(std::move(sandbox)), command_(std::move(command)),
      restart_policy_(std::move(restart_policy)), changed_(std::move(changed)) {
}

ProcessPod::~ProcessPod() {
    loop_.cancel(restart_timer_);
    close_output();
}

void ProcessPod::start() {
    auto& box = sandbox_();
    std::array<int, 2> pipe{};
    netemu::check_syscall("create a pipe", ::pipe2(pipe.data(), O_CLOEXEC));
    close_output();
    output_.reset(pipe[0]);
    const netemu::UniqueFd write_end(pipe[1]);
    netemu::set_nonblocking(output_.get());
    loop_.add(output_.get(), EPOLLIN, [this](std::uint32_t) { read_output(); });
    command_.output = write_end.get();
    box.run(command_, [this](int status, const std::string& error) { ended(status, error); });
    started_ = netemu::Clock::now();
    state_.running = true;
    state_.reason.clear();
    state_.message.clear();
    changed_(state_);
}

/// From a timer, which must not throw.
void ProcessPod::start_again() {
    ++state_.restarts;
    try {
        start();
    } catch (const netemu::Error& error) {
        ended(-1, error.what());
    }
}

void ProcessPod::killed() {
    if (state_.running) {
        ended(SIGKILL, {});
    }
}

void ProcessPod::terminate() {
    terminating_ = true;
    loop_.cancel(std::exchange(restart_timer_, 0));
    if (state_.running) {
        try {
            sandbox_().signal(SIGTERM);
        } catch (const netemu::Error&) { // NOLINT(bugprone-empty-catch): `killed` comes next
        }
        return;
    }
    state_.finished = true;
    changed_(state_);
}

void ProcessPod::ended(int status, const std::string& error) {
    read_output(); // what it printed last is in the pipe still
    state_.running = false;
    state_.exit_code = !error.empty()        ? 127
                       : WIFSIGNALED(status) ? 128 + WTERMSIG(status)
                                             : WEXITSTATUS(status);
    state_.reason = !error.empty() ? "StartError" : state_.exit_code == 0 ? "Completed" : "Error";
    state_.message = error;
    const bool restart =
        !terminating_ &&
        (restart_policy_ == "Always" || (restart_policy_ == "OnFailure" && state_.exit_code != 0));
    state_.finished = !restart;
    if (restart) {
        if (netemu::Clock::now() - started_ > kBackoffForgottenAfter) {
            backoff_s_ = 0;
        }
        const auto delay = std::chrono::seconds(backoff_s_);
        backoff_s_ = std::clamp(backoff_s_ * 2, kBackoffFirstS, kBackoffMaxS);
        if (delay.count() > 0) {
            state_.reason = "CrashLoopBackOff";
            state_.message = "back-off " + std::to_string(delay.count()) +
                             "s restarting failed container; last exit status " +
                             std::to_string(state_.exit_code) + (error.empty() ? "" : ": " + error);
        }
        restart_timer_ = loop_.after(delay, [this] { start_again(); });
    }
    changed_(state_);
}

void ProcessPod::read_output() {
    std::array<char, 16U << 10U> buffer{};
    while (output_) {
        const auto size = ::read(output_.get(), buffer.data(), buffer.size());
        if (size == 0) {
            close_output();
        }
        if (size <= 0) {
            return;
        }
        logs_.append(std::string_view(buffer.data(), static_cast<std::size_t>(size)));
    }
}

void ProcessPod::close_output() {
    if (output_) {
        loop_.remove(output_.get());
        output_.reset();
    }
}

} // namespace labctl::supervisor
