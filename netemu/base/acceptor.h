#pragma once

#include <optional>

#include "netemu/base/accept_pause.h"
#include "netemu/base/address.h"
#include "netemu/base/event_loop.h"
#include "netemu/base/unique_fd.h"

namespace netemu {

/// Takes connections off a listening socket of TCP, and lets it rest when descriptors have run out.
/// Belongs to the loop's thread.
class Acceptor {
public:
    /// `listener` is one that `loop` watches for EPOLLIN; both outlive this.
    Acceptor(EventLoop& loop, int listener) : listener_(listener), pause_(loop, listener) {}

    struct Accepted {
        UniqueFd socket; // non-blocking, closed on exec
        Endpoint client;
    };
    /// nullopt: nobody waits, whoever did has gone again, or there is no descriptor for it now.
    [[nodiscard]] std::optional<Accepted> next();

private:
    int listener_;
    AcceptPause pause_;
};

} // namespace netemu
