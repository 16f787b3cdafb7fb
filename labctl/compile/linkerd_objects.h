#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "labctl/api/object.h"
#include "labctl/store/store.h"
#include "mesh/linkerd/policies.h"

/// What a proxy of Linkerd is among the objects of a lab.
namespace labctl::compile {

inline constexpr const char* kMeshProfileLinkerd = "linkerd";
inline constexpr const char* kLinkerdNamespace = "linkerd"; // of the control plane
inline constexpr const char* kLinkerdContainer = "linkerd-proxy";

/// From and to, both included.
using PortRange = std::pair<std::uint16_t, std::uint16_t>;
/// "25,587,3000-3010" of an annotation; what makes no sense is passed over, as Linkerd does.
[[nodiscard]] std::vector<PortRange> read_port_ranges(std::string_view text);
[[nodiscard]] bool contains_port(const std::vector<PortRange>& ranges, std::uint16_t port);

/// Whether a proxy was injected into the pod, by us or by `linkerd inject`. Not into one that uses
/// its node's network.
[[nodiscard]] bool has_linkerd_proxy(const api::Json& pod);

/// Whether the webhook gives a new pod one: by the annotation linkerd.io/inject (enabled, ingress;
/// disabled) of the pod, else of its namespace. Never to a pod that uses its node's network.
/// Source: linkerd/linkerd2 pkg/inject/report.go.
[[nodiscard]] bool wants_linkerd_proxy(const store::Store& store, const api::Json& pod);
/// What the webhook adds: the container, what tells others of it, and those of the namespace's
/// annotations for proxies that the pod has not, so that they count from then on.
void inject_linkerd_proxy(const store::Store& store, api::Json& pod);
/// Why the pod has none, as a sentence's end; "" if nothing is in the way: it was made before.
[[nodiscard]] std::string linkerd_obstacle(const store::Store& store, const api::Json& pod);
/// The same in whole words, in every case.
[[nodiscard]] std::string linkerd_absence(const store::Store& store, const api::Json& pod);

/// "SA.NS.serviceaccount.identity.linkerd.TRUST-DOMAIN" of a pod, whether it has a proxy or not.
[[nodiscard]] std::string linkerd_identity(const std::string& trust_domain, const api::Json& pod);

/// Ports whose connections do not come to the proxy (config.linkerd.io/skip-inbound-ports, and its
/// own), and those that the application connects to without it.
[[nodiscard]] std::vector<PortRange> skipped_inbound_ports(const api::Json& pod);
[[nodiscard]] std::vector<PortRange> skipped_outbound_ports(const api::Json& pod);
/// Ports of a Service or a pod on which nobody looks for HTTP: those of the annotation
/// config.linkerd.io/opaque-ports, or Linkerd's own list.
[[nodiscard]] std::vector<PortRange>
opaque_ports(const store::Store& store, const api::Object& object);

/// The pod as policies see it, where the cluster's default policy is that one.
[[nodiscard]] mesh::linkerd::Workload linkerd_workload(
    const store::Store& store, const std::string& default_policy, const api::Object& pod);

} // namespace labctl::compile
