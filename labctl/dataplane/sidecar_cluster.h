#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "mesh/istio/outliers.h"
#include "mesh/sidecar/table.h"
#include "netemu/base/event_loop.h"

namespace labctl::dataplane {

/// A Service's port, or a subset of it, as one sidecar goes by it. Pointers into a SidecarTable.
struct SidecarTarget {
    const mesh::SidecarService* service = nullptr;
    const mesh::SidecarSubset* subset = nullptr; // null: all endpoints
    mesh::istio::PolicyFields policy{};
    std::string name{}; // of the cluster

    [[nodiscard]] std::size_t size() const {
        return subset == nullptr ? service->endpoints.size() : subset->endpoints.size();
    }
    [[nodiscard]] const mesh::SidecarEndpoint& endpoint(std::size_t place) const {
        return service->endpoints[subset == nullptr ? place : subset->endpoints[place]];
    }
};

/// What one sidecar remembers of a cluster while there are requests: how many are under way, who
/// waits, whose turn it is, who is passed over. Belongs to the loop's thread.
class SidecarCluster : public std::enable_shared_from_this<SidecarCluster> {
public:
    using Waiting = std::list<std::function<void()>>;

    explicit SidecarCluster(netemu::EventLoop& loop) : loop_(loop) {}
    SidecarCluster(const SidecarCluster&) = delete;
    SidecarCluster& operator=(const SidecarCluster&) = delete;
    ~SidecarCluster() = default;

    /// Whether a request may begin now, has to wait for its turn, or is one too many.
    enum class Admission : std::uint8_t { Now, Later, Overflow };
    [[nodiscard]] Admission admit(const mesh::istio::ConnectionPool& limits) const;
    /// Counts a request until what it returns is gone.
    [[nodiscard]] std::shared_ptr<void> begin();
    /// Calls back when others have ended, as many as that at once may be under way.
    Waiting::iterator wait(std::uint32_t at_once, std::function<void()> turn);
    void stop_waiting(Waiting::iterator who) { waiting_.erase(who); }

    mesh::istio::Outliers outliers;
    std::uint32_t turn = 0;    // of ROUND_ROBIN
    std::uint32_t retries = 0; // under way

private:
    void wake();

    netemu::EventLoop& loop_;
    std::size_t active_ = 0;
    std::uint32_t at_once_ = mesh::istio::kNoLimit;
    Waiting waiting_;
    bool wakes_ = false;
};

using SidecarClusters = std::map<std::string, std::shared_ptr<SidecarCluster>>; // by name

} // namespace labctl::dataplane
