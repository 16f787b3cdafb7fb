#pragma once

#include <optional>
#include <string>

#include "labctl/store/store.h"
#include "netemu/base/address.h"
#include "services/service.h"

/// Ports of nodes that lead to a pod without any Service. Internal to this folder.
namespace labctl::explain {

struct HostPort {
    std::string pod; // "ns/name"
    netemu::Endpoint endpoint;
};

/// The pod of that node whose container has this address and port of the node as its hostPort.
[[nodiscard]] std::optional<HostPort> find_host_port(
    const store::Store& store,
    const std::string& node,
    const netemu::Endpoint& address,
    services::Protocol protocol);

} // namespace labctl::explain
