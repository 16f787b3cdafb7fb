#pragma once

#include <array>
#include <string>

#include <sys/types.h>

#include "labctl/dataplane/child.h"
#include "netemu/base/unique_fd.h"

namespace labctl::dataplane {

/// One life of the data-plane process, as its parent sees it. Ends with this object.
class ChildProcess {
public:
    /// Starts `EXECUTABLE __dataplane VERBOSITY`. Throws SysError.
    ChildProcess(const std::string& executable, int verbosity);
    ChildProcess(const ChildProcess&) = delete;
    ChildProcess& operator=(const ChildProcess&) = delete;
    /// Kills the process and waits until it is gone.
    ~ChildProcess();

    [[nodiscard]] pid_t pid() const { return pid_; }
    /// The supervisor's ends of the channels; to be moved out.
    netemu::UniqueFd workload_channel;                          // NOLINT: handed over
    netemu::UniqueFd tunnel_channel;                            // NOLINT: handed over
    netemu::UniqueFd link_channel;                              // NOLINT: handed over
    std::array<netemu::UniqueFd, kProbeThreads> probe_channels; // NOLINT: handed over

private:
    pid_t pid_ = -1;
    netemu::UniqueFd pidfd_;
};

} // namespace labctl::dataplane
