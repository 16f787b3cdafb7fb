#pragma once

#include "labctl/manifest/cursor.h"

namespace labctl::manifest {

/// Every volumeMount of the pod's containers names one of its volumes, or one of the claim
/// templates (of a StatefulSet; an absent cursor otherwise).
void check_volume_mounts(const Cursor& pod_spec, const Cursor& claim_templates);

} // namespace labctl::manifest
