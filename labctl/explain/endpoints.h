#pragma once

#include <string>

#include "labctl/store/store.h"
#include "services/service.h"

/// Why a Service port has no endpoint that is ready. Internal to this folder.
namespace labctl::explain {

/// In a few words: which labels no pod has, which pods are not ready, or which port the pods do not
/// have. Empty where that is not the reason, or nobody selects its endpoints.
[[nodiscard]] std::string
why_no_endpoint(const store::Store& store, const services::ServicePortName& port);

} // namespace labctl::explain
