#pragma once

#include <optional>
#include <string>
#include <vector>

#include "labctl/api/object.h"
#include "labctl/store/store.h"

/// What Ingresses, IngressClasses and pods say of each other.
namespace labctl::compile {

/// `spec.controller` of the IngressClasses that a lab comes with, and what its own controller is
/// started with.
inline constexpr const char* kIngressController = "labctl.dev/ingress-controller";
inline constexpr const char* kIngressControllerImage = "labctl.dev/ingress-controller";

/// The controller that a pod is, as IngressClasses name it: labctl's own image, or
/// ingress-nginx/controller of whatever registry and version; what --controller-class says, or else
/// the image's default. Empty: it is none.
[[nodiscard]] std::string ingress_controller_of(const api::Json& pod);

/// The name of the class that an Ingress names: `ingressClassName`, or the annotation
/// kubernetes.io/ingress.class. Empty: none.
[[nodiscard]] std::string ingress_class_of(const api::Json& ingress);

/// The IngressClasses that are marked as the default.
[[nodiscard]] std::vector<api::ObjectPtr> default_ingress_classes(const store::Store& store);

/// Oldest first, as controllers settle who is first; of one second, as they were.
[[nodiscard]] std::vector<api::ObjectPtr> oldest_first(std::vector<api::ObjectPtr> objects);

/// The controller of an Ingress: that of its class, or of the only default class. Empty: nobody
/// acts on it.
[[nodiscard]] std::string
controller_of_ingress(const store::Store& store, const api::Json& ingress);

/// Where the controllers of that name can be reached: the addresses of their Services of type
/// LoadBalancer, or else those of the nodes that they run on. What
/// `status.loadBalancer.ingress` of their Ingresses says.
[[nodiscard]] std::vector<std::string>
ingress_addresses(const store::Store& store, const std::string& controller);

} // namespace labctl::compile
