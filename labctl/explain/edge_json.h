#pragma once

#include "labctl/api/object.h"
#include "labctl/explain/target.h"
#include "labctl/store/store.h"
#include "services/ingress.h"

/// What explanations of Ingresses and of Gateways have in common. Internal to this folder.
namespace labctl::explain {

/// {"name", "node", "address"}
[[nodiscard]] api::Json edge_source_json(const ExplainSource& source);
/// [{"address", "pod", "node", "probability"}]: whose turn it may be, and how often.
[[nodiscard]] api::Json
edge_endpoints_json(const store::Store& store, const services::IngressBackend& backend);
/// {"pod", "node", "address"}
[[nodiscard]] api::Json edge_pod_json(const api::Object& pod);

} // namespace labctl::explain
