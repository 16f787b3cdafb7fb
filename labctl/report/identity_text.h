#pragma once

#include <string>

#include "labctl/api/object.h"

namespace labctl::report {

/// The answer of /apis/labctl.dev/v1/identities as tables: each identity with its labels and pods,
/// and behind that what the tunnels of the nodes have carried and dropped, if there are any.
[[nodiscard]] std::string identity_tables(const api::Json& answer);

/// "256 (k8s:app=web, ...)" of a pod, "NAMESPACE/NAME"; "" if it has none.
[[nodiscard]] std::string identity_of_pod(const api::Json& answer, const std::string& pod);

/// "no-identity 3, policy-denied 1"; "none" if nothing was dropped.
[[nodiscard]] std::string tunnel_drops_text(const api::Json& tunnel);

} // namespace labctl::report
