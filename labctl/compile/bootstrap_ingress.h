#pragma once

#include "labctl/compile/cluster_config.h"

/// The lab's own Ingress controller. Internal to this folder.
namespace labctl::compile {

class Control;

inline constexpr const char* kIngressNamespace = "ingress-system";
inline constexpr const char* kIngressName = "ingress-controller";

/// Namespace `ingress-system` with the ServiceAccount, Deployment and Service (LoadBalancer)
/// `ingress-controller`, and an IngressClass for each name of `spec.ingress.classes`; each only
/// where there is none. The first class is the default one, unless there is a default already.
void ensure_ingress_controller(Control& control, const ClusterConfig& config);

} // namespace labctl::compile
