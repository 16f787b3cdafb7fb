#pragma once

#include "labctl/supervisor/log_buffer.h"
#include "netemu/base/unique_fd.h"

namespace labctl::supervisor {

/// What a pod's command prints, for another process, which may be slow: what does not fit into the
/// pipe (1 MiB, where the host allows it) is left out, and that it was is said there.
struct OutputPipe {
    netemu::UniqueFd reader;
    LogBuffer::Follower writer; // owns its end; closes it when there will be no more

    /// Throws SysError.
    static OutputPipe create();
};

} // namespace labctl::supervisor
