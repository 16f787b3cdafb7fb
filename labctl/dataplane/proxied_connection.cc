#include "labctl/dataplane/proxied_connection.h"

#include <algorithm>

#include <sys/resource.h>

namespace labctl::dataplane {

std::size_t proxied_connections_max(std::size_t most) {
    constexpr std::size_t kDescriptorsEach = 4;
    rlimit limit{};
    return ::getrlimit(RLIMIT_NOFILE, &limit) == 0
               ? std::min<std::size_t>(most, limit.rlim_cur / kDescriptorsEach)
               : most;
}

} // namespace labctl::dataplane
