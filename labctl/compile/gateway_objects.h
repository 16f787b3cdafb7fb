#pragma once

#include <optional>
#include <string>
#include <vector>

#include "labctl/api/object.h"
#include "labctl/store/store.h"

/// What Gateways, GatewayClasses and pods say of each other.
namespace labctl::compile {

inline constexpr const char* kGatewayApiGroup = "gateway.networking.k8s.io";
/// `spec.controllerName` of the GatewayClasses whose Gateways the lab makes something of.
inline constexpr const char* kGatewayController = "labctl.dev/gateway-controller";
inline constexpr const char* kGatewayClass = "labctl"; // that the lab comes with
inline constexpr const char* kGatewayImage = "labctl.dev/gateway";
/// By which objects that were made for a Gateway say so (GEP-1762).
inline constexpr const char* kGatewayNameLabel = "gateway.networking.k8s.io/gateway-name";

/// The Gateway "NS/NAME" whose pod it is: labctl's own image, started with --gateway=NS/NAME.
/// Empty: it is none.
[[nodiscard]] std::string gateway_of_pod(const api::Json& pod);

/// The name of what is made for a Gateway, in its namespace: "NAME-CLASS" (GEP-1762).
[[nodiscard]] std::string gateway_workload_name(const api::Json& gateway);

/// Whether the Gateway's class is there, and names our controller.
[[nodiscard]] bool is_our_gateway(const store::Store& store, const api::Json& gateway);

/// Where it can be reached: the addresses of its Service.
[[nodiscard]] std::vector<std::string>
gateway_addresses(const store::Store& store, const api::Object& gateway);

/// The Gateway that a parentRef of a route in `ns` means, as "NS/NAME"; nullopt: it means something
/// else.
[[nodiscard]] std::optional<std::string>
gateway_of_parent(const api::Json& parent, const std::string& ns);

/// Of a listener or route: in lower case, without a dot at the end.
[[nodiscard]] std::string gateway_hostname(const std::string& text);

} // namespace labctl::compile
