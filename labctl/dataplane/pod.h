#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "labctl/dataplane/workload.h"
#include "netemu/base/acceptor.h"
#include "netemu/base/event_loop.h"
#include "netemu/base/unique_fd.h"

namespace labctl::dataplane {

/// Limits of one built-in workload.
inline constexpr std::size_t kConnectionsPerPodMax = 1024;
inline constexpr std::size_t kWorkloadBodyBytesMax = 1U << 20U;
inline constexpr std::size_t kLogBytesPerPod = 16U << 10U;
inline constexpr std::size_t kLogLineBytesMax = 512;

/// The last lines of a pod's access log, at most kLogBytesPerPod of them. Costs nothing until the
/// first line.
class AccessLog {
public:
    void add(std::string line);
    /// The last `count` lines, oldest first; all if `count` is 0.
    [[nodiscard]] std::vector<std::string> last(std::size_t count) const;
    /// How many lines there have been, and when the last one came.
    [[nodiscard]] std::uint32_t added() const { return added_; }
    [[nodiscard]] netemu::Clock::time_point last_added() const { return last_added_; }

private:
    std::unique_ptr<std::deque<std::string>>
        lines_; // an idle pod has none, and an empty deque is not small
    std::size_t bytes_ = 0;
    std::uint32_t added_ = 0;
    netemu::Clock::time_point last_added_;
};

/// A served pod, shared by its listeners and connections.
struct ServedPod {
    std::uint32_t id = 0;
    PodIdentity identity;
    bool ready = true;
    std::optional<std::uint32_t> health_endpoints; // set: see WorkloadSpec
    std::size_t connections = 0;
    AccessLog log;
    struct Socket {
        std::uint16_t port;
        netemu::UniqueFd fd;
        std::unique_ptr<netemu::Acceptor> acceptor; // of a stream socket
    };
    std::vector<Socket> sockets;
    /// Set for a DNS server: what answers on its other ports, in place of the built-in workload.
    std::function<mesh::Response(std::uint16_t port, std::string_view path)> http{};
    /// Set where it has a sidecar: what that answers on its own ports; nullopt: it is none of them.
    std::function<std::optional<mesh::Response>(std::uint16_t port, std::string_view path)>
        sidecar{};
    std::vector<std::uint16_t> sidecar_ports{}; // those
};

} // namespace labctl::dataplane
