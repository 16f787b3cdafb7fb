#pragma once

#include <cstddef>
#include <list>
#include <memory>
#include <vector>

#include "labctl/dataplane/upstream_exchange.h"
#include "labctl/dataplane/upstream_pool.h"

namespace labctl::dataplane {

/// More copies of requests are not under way at once in one sidecar; further ones are left out.
inline constexpr std::size_t kMirroredMax = 64;

/// Copies of requests whose answers nobody waits for. Belongs to the loop's thread.
class SidecarMirrors {
public:
    /// `pool` outlives this.
    SidecarMirrors(netemu::EventLoop& loop, UpstreamPool& pool) : loop_(loop), pool_(pool) {}
    SidecarMirrors(const SidecarMirrors&) = delete;
    SidecarMirrors& operator=(const SidecarMirrors&) = delete;
    ~SidecarMirrors() = default;

    void send(std::vector<Upstream> candidates, mesh::Request request);
    void expire(netemu::Clock::time_point now);
    [[nodiscard]] bool empty() const { return under_way_.empty(); }

private:
    using List = std::list<std::shared_ptr<UpstreamExchange>>;
    void over(List::iterator which);

    netemu::EventLoop& loop_;
    UpstreamPool& pool_;
    List under_way_;
};

} // namespace labctl::dataplane
