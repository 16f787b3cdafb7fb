#pragma once

#include "labctl/api/object.h"
#include "labctl/compile/service_index.h"

/// The controllers that keep what belongs to a Service: EndpointSlices, Endpoints, mirrored slices,
/// the address at the load balancer. Each brings its objects to what the Service and its pods say
/// and writes only what differs. Internal to this folder. Sources: pkg/controller/{endpointslice,
/// endpoint,endpointslicemirroring} of Kubernetes; reference section 4.
namespace labctl::compile {

class Control;

/// All of them, for the Services that have changed.
void sync_services(Control& control);

/// `service` is nullptr when it is gone.
void sync_slices(Control& control, const ServiceKey& key, const api::ObjectPtr& service);
void sync_endpoints(Control& control, const ServiceKey& key, const api::ObjectPtr& service);
void sync_mirrored_slices(Control& control, const ServiceKey& key, const api::ObjectPtr& service);
void sync_load_balancer(Control& control, const api::ObjectPtr& service);

/// The Service "kubernetes" in the namespace "default", with the first service address. It has no
/// endpoints: a lab has no API server in its network, so a connection to it is refused.
void ensure_kubernetes_service(Control& control);
/// Services whose addresses are not of this lab's ranges, or another's too, or that have none (the
/// lab file changed between two lives, or an older version made them): they get new ones, and an
/// event says so.
void repair_services(Control& control);

} // namespace labctl::compile
