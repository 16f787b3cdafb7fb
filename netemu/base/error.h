#pragma once

#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace netemu {

/// The exit statuses of every labctl command (design contract, section 7).
enum class ExitCode {
    Ok = 0,
    CheckFailed = 1,
    Usage = 2,
    Inconclusive = 3,
    HostCannot = 4,
    Internal = 5,
    Interrupted = 130,
};

/// Base of every error that labctl throws. Its text says what was tried, on what, and what the
/// kernel said; `hint()` is one line that says what to do about it, or empty.
class Error : public std::runtime_error {
public:
    explicit Error(std::string message, std::string hint = {});

    /// Puts "context: " in front of the message. Called on the way up, by those who know more.
    void add_context(std::string_view context);

    [[nodiscard]] const char* what() const noexcept override { return message_.c_str(); }
    [[nodiscard]] const std::string& hint() const noexcept { return hint_; }
    void set_hint(std::string hint) { hint_ = std::move(hint); }
    [[nodiscard]] virtual ExitCode exit_code() const noexcept { return ExitCode::Internal; }

private:
    std::string message_;
    std::string hint_;
};

/// The user asked for something that makes no sense (exit 2).
class UsageError : public Error {
public:
    using Error::Error;
    [[nodiscard]] ExitCode exit_code() const noexcept override { return ExitCode::Usage; }
};

/// This host or kernel cannot do it (exit 4).
class UnsupportedError : public Error {
public:
    using Error::Error;
    [[nodiscard]] ExitCode exit_code() const noexcept override { return ExitCode::HostCannot; }
};

/// A system call or a kernel request failed. Lack of privilege, of a feature, of descriptors, of
/// memory or of disk space is the host's limit (exit 4); anything else is our mistake (exit 5).
class SysError : public Error {
public:
    /// `attempt` is what was being done to what, for example "create veth cni0 in node-1".
    SysError(std::string_view attempt, int error_number, std::string_view kernel_text = {});
    [[nodiscard]] int error_number() const noexcept { return error_number_; }
    [[nodiscard]] ExitCode exit_code() const noexcept override;

private:
    int error_number_;
};

/// Returns `result` if it is not negative; throws SysError with errno otherwise.
/// Usage: `check_syscall("open /dev/net/tun", ::open(...))`.
int check_syscall(std::string_view attempt, int result);

/// The short text for an errno value ("No such file or directory"). Thread-safe.
std::string errno_text(int error_number);

} // namespace netemu
