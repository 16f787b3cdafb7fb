#pragma once

#include <chrono>

namespace mesh {

/// When a certificate that is valid from `not_before` to `not_after` is to be renewed: as long
/// before its end as 0.5 of its lifetime, give or take 0.01 of it, so that many that were issued at
/// once are not renewed at once. `jitter`, a random number from 0 to 1 that the caller draws, says
/// how much: 0 is 0.51 of the way, 0.5 half of it, 1 is 0.49. Other values are taken for the nearer
/// of the two.
///
/// Istio's rule: SECRET_GRACE_PERIOD_RATIO 0.5 and SECRET_GRACE_PERIOD_RATIO_JITTER 0.01 of
/// istio/istio:pilot/cmd/pilot-agent/options/options.go, as rotateTime of
/// security/pkg/nodeagent/cache/secretcache.go applies them. Pure.
std::chrono::sys_seconds
renew_at(std::chrono::sys_seconds not_before, std::chrono::sys_seconds not_after, double jitter);

} // namespace mesh
