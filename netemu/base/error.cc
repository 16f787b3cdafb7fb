#include "netemu/base/error.h"

#include <array>
#include <cerrno>
#include <cstring>

namespace netemu {

namespace {

std::string hint_for(int error_number) {
    switch (error_number) {
    case EMFILE:
        return "raise the limit of open files: `ulimit -n 65536` (or LimitNOFILE= of the service)";
    case ENFILE:
        return "the host's table of open files is full: raise the sysctl fs.file-max";
    case ENOSPC:
        return "the disk or a kernel table is full: free some space, or set LABCTL_STATE_DIR and "
               "LABCTL_RUN_DIR to another disk";
    case ENOMEM:
    case ENOBUFS:
        return "the host is out of memory for this lab: use fewer pods or give it more memory";
    case EPERM:
    case EACCES:
        return "`labctl doctor` says which privilege is missing and how to get it";
    case EOPNOTSUPP:
    case EAFNOSUPPORT:
    case ENOSYS:
        return "this kernel lacks the feature: `labctl doctor` lists what it has";
    default:
        return {};
    }
}

} // namespace

Error::Error(std::string message, std::string hint)
    : std::runtime_error(message), message_(std::move(message)), hint_(std::move(hint)) {
}

void Error::add_context(std::string_view context) {
    message_ = std::string(context) + ": " + message_;
}

SysError::SysError(std::string_view attempt, int error_number, std::string_view kernel_text)
    : Error(
          std::string(attempt) + ": " + errno_text(error_number) +
              (kernel_text.empty() ? "" : " (kernel: " + std::string(kernel_text) + ")"),
          hint_for(error_number)),
      error_number_(error_number) {
}

ExitCode SysError::exit_code() const noexcept {
    return hint_for(error_number_).empty() ? ExitCode::Internal : ExitCode::HostCannot;
}

int check_syscall(std::string_view attempt, int result) {
    if (result < 0) {
        throw SysError(attempt, errno);
    }
    return result;
}

std::string errno_text(int error_number) {
    std::array<char, 128> buffer{};
    return ::strerror_r(error_number, buffer.data(), buffer.size());
}

} // namespace netemu
