#pragma once

#include <span>
#include <vector>

#include "netemu/model/connection.h"
#include "services/proxy_input.h"

namespace services {

/// Those UDP connections of a node that still lead to an endpoint which serves no more: a client
/// that keeps its source port would be sent there for ever, since connection tracking repeats what
/// it once decided. `ports` are the service ports whose endpoints have changed; a connection
/// belongs to one if its original destination is an address and port of it, or its node port on any
/// address. Any serving endpoint is good enough, whatever policy and topology say, so that no
/// healthy flow is cut; and where no endpoint of a service port serves, nothing is cut (kube-proxy
/// conntrack/cleanup.go, kubernetes issue 126934; reference 3.6).
[[nodiscard]] std::vector<netemu::Connection> stale_connections(
    std::span<const netemu::Connection> connections, std::span<const ServicePortInputPtr> ports);

/// Whether the change of a service port can have left stale connections behind: an endpoint serves
/// no more, or the port is new and packets to it went elsewhere before. Where it gains endpoints
/// only, no connection leads to a wrong one: without endpoints packets are rejected or dropped, and
/// then connection tracking remembers nothing.
[[nodiscard]] bool may_leave_stale(const ServicePortUpdate& update);

[[nodiscard]] bool has_serving(const ServicePortInput& port);

} // namespace services
