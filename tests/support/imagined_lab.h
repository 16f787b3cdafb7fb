#pragma once

#include <string>

#include "labctl/store/store.h"

namespace labctl::test {

/// The store of a lab of three nodes that these manifests make, with all pods placed and ready.
[[nodiscard]] store::Store imagined_lab(const std::string& yaml);

/// A Deployment, its containerPort named "http", and a Namespace, each as one document.
[[nodiscard]] std::string deployment_yaml(
    const std::string& ns, const std::string& name, int port, const std::string& protocol = "TCP");
[[nodiscard]] std::string namespace_yaml(const std::string& name);
/// A NetworkPolicy with these lines in its spec.
[[nodiscard]] std::string
netpol_yaml(const std::string& ns, const std::string& name, std::string spec);

} // namespace labctl::test
