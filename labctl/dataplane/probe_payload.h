#pragma once

#include <string>

#include "labctl/dataplane/spec.h"

namespace labctl::dataplane {

/// What a probe sends: the HTTP request, the datagram, or nothing.
std::string probe_payload(const ResolvedRequest& request);

} // namespace labctl::dataplane
