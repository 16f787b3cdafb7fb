#pragma once

#include "labctl/stream/command_peer.h"
#include "netemu/base/event_loop.h"
#include "netemu/base/unique_fd.h"

namespace labctl::stream {

/// What a pod's own command prints from now on, for a client: `kubectl attach`.
class AttachSession {
public:
    /// `output` is a pipe that ends with the command. Stops the loop when it is over.
    AttachSession(netemu::EventLoop& loop, CommandPeer& peer, netemu::UniqueFd output);
    AttachSession(const AttachSession&) = delete;
    AttachSession& operator=(const AttachSession&) = delete;
    ~AttachSession();

    /// To be called before the loop runs.
    void begin();

private:
    void read_some();
    void watch(bool reads);

    netemu::EventLoop& loop_;
    CommandPeer& peer_;
    netemu::UniqueFd output_;
};

} // namespace labctl::stream
