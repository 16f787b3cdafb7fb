#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <unordered_map>

#include "labctl/dataplane/upstream_pool.h"
#include "labctl/dataplane/wire.h"
#include "netemu/base/unique_fd.h"

namespace labctl::dataplane {

/// TCP sockets of pods' namespaces to connect to others with, which only the supervisor can make:
/// the child's orders of them. Belongs to the loop's thread.
class PodSockets {
public:
    /// Sends one message to the supervisor.
    using Reply = std::function<void(std::string message)>;

    explicit PodSockets(Reply reply);

    /// For the pool of that pod, which may not outlive this.
    [[nodiscard]] UpstreamPool::Sockets of(std::uint32_t pod);
    /// The answer to an order; no descriptor: there is none to be had.
    void arrived(std::uint32_t flow, netemu::UniqueFd socket);

private:
    Reply reply_;
    std::unordered_map<std::uint32_t, UpstreamPool::SocketArrived> flows_;
    std::uint32_t next_flow_ = 1;
};

} // namespace labctl::dataplane
