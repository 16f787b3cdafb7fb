#pragma once

#include <string>

#include "labctl/api/object.h"
#include "labctl/store/store.h"

/// From a name back to the object that has it. Pure.
namespace labctl::compile {

/// Whose name a name of the cluster's zone is (dns-spec 1.1.0), or an address's reverse name:
/// {"object": {"kind", "namespace", "name", "type", "endpointSlices"}, "why"}. `object` is absent
/// where there is none, and then `why` says what is missing; both are for names of the world.
[[nodiscard]] api::Json
dns_object(const store::Store& store, const std::string& domain, const std::string& name);

} // namespace labctl::compile
