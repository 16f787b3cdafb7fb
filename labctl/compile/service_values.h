#pragma once

#include <optional>

#include "labctl/api/object.h"
#include "services/service.h"

/// Services and EndpointSlices of the store as the proxy's values. Internal to this folder.
namespace labctl::compile {

/// What a proxy needs of a Service. The object has been validated and has its defaults; a field
/// that it has not is as if it were absent.
[[nodiscard]] services::Service service_value(const api::Json& service);

/// nullopt for `addressType: FQDN`, which no proxy reads (reference 2.13). Endpoints without an
/// address that can be read are left out.
[[nodiscard]] std::optional<services::EndpointSlice> slice_value(const api::Json& slice);

} // namespace labctl::compile
