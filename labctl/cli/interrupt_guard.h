#pragma once

#include <array>
#include <csignal>
#include <functional>

#include <sys/types.h>

#include "labctl/cli/client.h"
#include "netemu/base/error.h"

namespace labctl::cli {

/// While it lives, an interrupt ends the lab that is coming up, or the connection to one; one that
/// comes before there is a keeper or when the lab is ready is remembered, no more. A second one
/// ends the command at once. What the command was told to ignore (by nohup(1), or by a shell in the
/// background) stays ignored. One at a time.
class InterruptGuard {
public:
    InterruptGuard();
    InterruptGuard(const InterruptGuard&) = delete;
    InterruptGuard& operator=(const InterruptGuard&) = delete;
    ~InterruptGuard();

    /// The lab of this keeper is what an interrupt ends from now on, one that came before included.
    static void covers(pid_t keeper);
    /// An interrupt cuts this connection to a lab, at which the lab gives up what it was asked for.
    static void cuts(int connection);
    /// The lab is ready: it outlives the command.
    static void lets_go();
    [[nodiscard]] static bool interrupted();

private:
    static constexpr std::array<int, 3> kNumbers{SIGINT, SIGTERM, SIGHUP};
    std::array<struct sigaction, kNumbers.size()> before_{};
};

/// The command was interrupted, and has cleaned up after itself (exit 130).
class InterruptedError : public netemu::Error {
public:
    InterruptedError() : Error("interrupted") {}
    [[nodiscard]] netemu::ExitCode exit_code() const noexcept override {
        return netemu::ExitCode::Interrupted;
    }
};

/// Runs what asks a lab over this connection, which an interrupt cuts: InterruptedError then, when
/// `ask` has cleaned up after itself.
int run_interruptible(const Client& client, const std::function<int()>& ask);

} // namespace labctl::cli
