#pragma once

#include <cstddef>

#include "netemu/base/event_loop.h"

namespace labctl::dataplane {

/// How many a proxying server may have at once: `most`, if the process may have descriptors enough.
/// One takes a client's, an endpoint's, and as many for whatever else serves it here.
[[nodiscard]] std::size_t proxied_connections_max(std::size_t most);

/// What a proxying server has accepted, and looks at once a second. Not to be destroyed by its own
/// callbacks.
class ProxiedConnection {
public:
    ProxiedConnection() = default;
    ProxiedConnection(const ProxiedConnection&) = delete;
    ProxiedConnection& operator=(const ProxiedConnection&) = delete;
    virtual ~ProxiedConnection() = default;

    /// Closes it if nothing has happened for too long.
    virtual void expire(netemu::Clock::time_point now) = 0;
};

} // namespace labctl::dataplane
