#pragma once

#include <optional>
#include <string>

#include "netemu/model/network.h"

/// What a network namespace does with an address, as the wanted network has it.
namespace labctl::explain {

/// Whether one of its links has that address.
[[nodiscard]] bool holds(const netemu::NamespaceSpec& ns, const netemu::IpAddress& address);

/// nullptr: it has no such link.
[[nodiscard]] const netemu::LinkSpec*
link_named(const netemu::NamespaceSpec& ns, const std::string& name);

/// The longest match among the routes and what interface addresses are on-link.
[[nodiscard]] std::optional<netemu::RouteSpec>
route_to(const netemu::NamespaceSpec& ns, const netemu::IpAddress& to);

/// "10.244.2.0/24 via 10.244.2.0 dev vxlan1 onlink", as ip-route(8) has the words.
[[nodiscard]] std::string route_text(const netemu::RouteSpec& route);

} // namespace labctl::explain
