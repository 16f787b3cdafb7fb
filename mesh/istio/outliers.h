#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>

#include "mesh/istio/destination.h"

/// Which endpoints of a cluster are passed over for a while. Source: envoy docs
/// intro/arch_overview/upstream/outlier.rst (reference mesh.md 6.3, 11).
namespace mesh::istio {

/// Of one cluster, as one client sees it. What time it is is told to it.
class Outliers {
public:
    using Time = std::chrono::steady_clock::time_point;

    /// An answer, or 0 for a request that had none. `all` endpoints are in the cluster. Whether
    /// the endpoint is passed over from now on.
    bool note(
        const OutlierDetection& rules,
        const std::string& endpoint,
        int status,
        std::size_t all,
        Time now);
    [[nodiscard]] bool is_ejected(const std::string& endpoint, Time now) const;
    /// How many are.
    [[nodiscard]] std::size_t ejected(Time now) const;

private:
    struct Host {
        std::uint32_t server_errors = 0; // one after the other
        std::uint32_t gateway_errors = 0;
        std::uint32_t times = 0; // ejected; less for each interval that was well
        Time until{};
    };
    std::map<std::string, Host> hosts_;
};

} // namespace mesh::istio
