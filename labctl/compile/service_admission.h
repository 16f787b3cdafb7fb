#pragma once

#include "labctl/api/object.h"

/// What the API server does to a Service that is created or changed: defaults, cluster addresses,
/// node ports, and what may not change. Sources:
/// pkg/registry/core/service/storage/{storage,alloc}.go and pkg/apis/core/validation of Kubernetes;
/// reference 2.1, 2.4, 2.8, 2.15. Internal to this folder.
namespace labctl::compile {

class ServiceIndex;

/// Completes a new Service. Throws api::StatusError (Invalid for what was asked for and cannot be
/// had, 500 when a range is used up) in the API server's words; then `service` is of no use and
/// nothing was allocated: what a Service holds counts from when it is stored.
void admit_new_service(const ServiceIndex& index, api::Json& service);

/// Makes a changed one ready to be validated: what was left over from the old type or the old
/// cluster address, and not edited, goes. `after` may be anything.
void prepare_changed_service(const api::Json& before, api::Json& after);

/// Completes a changed one: what it held and still needs is kept, what its type no longer has is
/// dropped, what it newly needs is allocated.
void admit_changed_service(const ServiceIndex& index, const api::Json& before, api::Json& after);

} // namespace labctl::compile
