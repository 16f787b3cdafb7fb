#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "labctl/api/object.h"
#include "labctl/compile/cluster_config.h"
#include "labctl/dataplane/spec.h"
#include "labctl/supervisor/pod_files.h"

/// What a Pod says of the things that run in it. Pure; the objects have been validated.
namespace labctl::supervisor {

/// "pod/NS/NAME".
[[nodiscard]] std::string pod_namespace(const api::ObjectKey& pod);
/// The namespace that its ports are in: that of its node with `hostNetwork`.
[[nodiscard]] std::string network_namespace(const api::Object& pod);

/// Whether it has what it needs to run: a node, addresses, and no final phase.
[[nodiscard]] bool runnable(const api::Object& pod);

/// The ports of all containers. Those of SCTP are served where the kernel has it.
[[nodiscard]] std::vector<dataplane::WorkloadPort> declared_ports(const api::Json& pod);

/// Why the readiness probe of a container would fail against the built-in workload, or "". It
/// answers every HTTP path and accepts every connection, on these ports only; commands inside it
/// cannot be run.
[[nodiscard]] std::string
readiness_failure(const api::Json& pod, const std::vector<dataplane::WorkloadPort>& ports);

/// What the user set with `labctl set ready=`, or nothing.
[[nodiscard]] std::optional<bool> ready_override(const api::Object& pod);

/// Whether a container is coredns, of whatever registry and version.
[[nodiscard]] bool has_dns_server(const api::Json& pod);
/// Where a coredns pod listens: on port 53, and on those that the Corefile opens for HTTP. They
/// have the names that the pod declares, so that a probe may call them by these.
[[nodiscard]] std::vector<dataplane::WorkloadPort>
coredns_ports(const api::Json& pod, const std::vector<std::uint16_t>& http);
/// What a coredns pod finds in its own resolv.conf; `forward` and `autopath` read it.
[[nodiscard]] dataplane::DnsServing dns_serving(const api::Json& pod, const ClusterDns& dns);

/// Where a pod of the built-in workload listens: on the ports that it declares; coredns on its own
/// (coredns_ports), an Ingress controller besides on 10254, where it says how it is (--healthz-port
/// of ingress-nginx), which manifests probe and do not declare.
[[nodiscard]] std::vector<dataplane::WorkloadPort>
listening_ports(const api::Json& pod, const std::vector<std::uint16_t>& dns_http);

/// How an Ingress controller serves, if the pod is one: HTTP on the ports that it calls "http" (or
/// 80), TLS on those that it calls "https" (or 443).
[[nodiscard]] std::optional<dataplane::IngressServing> ingress_serving(const api::Json& pod);

/// What the container's image would start: the lab's command, or the container's own (command, then
/// args). Empty where neither names one.
[[nodiscard]] std::vector<std::string>
command_line(const api::Json& container, const compile::ImageRule& rule);

} // namespace labctl::supervisor
