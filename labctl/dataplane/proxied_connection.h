#pragma once

#include "netemu/base/event_loop.h"

namespace labctl::dataplane {

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
