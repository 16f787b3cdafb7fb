#pragma once

#include "labctl/compile/cluster_config.h"

namespace labctl::compile {

class Control;

/// Ingress controllers' part in the objects: the lab's own controller is set up with the first
/// Ingress (unless `spec.ingress.enabled` is false), an Ingress without a class gets the default
/// class (the admission plugin DefaultIngressClass), and the status of each says where its
/// controller is. No effect while nothing has changed. Internal to this folder.
void sync_ingresses(Control& control, const ClusterConfig& config);

} // namespace labctl::compile
