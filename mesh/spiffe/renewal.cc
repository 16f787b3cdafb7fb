#include "mesh/spiffe/renewal.h"

#include <algorithm>
#include <cmath>

namespace mesh {

std::chrono::sys_seconds
renew_at(std::chrono::sys_seconds not_before, std::chrono::sys_seconds not_after, double jitter) {
    constexpr double kGraceRatio = 0.5;
    constexpr double kGraceRatioJitter = 0.01;
    const double drawn = std::isnan(jitter) ? 0.5 : std::clamp(jitter, 0.0, 1.0);
    const double ratio = kGraceRatio + kGraceRatioJitter * (2 * drawn - 1);
    const auto lifetime = std::max(not_after - not_before, std::chrono::seconds(0));
    return not_after -
           std::chrono::seconds(std::llround(ratio * static_cast<double>(lifetime.count())));
}

} // namespace mesh
