#include "services/stale_connections.h"

#include <algorithm>

namespace services {

namespace {

bool leads_through(const netemu::Connection& connection, const ServicePortInput& port) {
    const auto& address = connection.destination.address;
    const auto number = connection.destination.port;
    if (connection.protocol != protocol_number(port.name.protocol) ||
        address.family() != port.family) {
        return false;
    }
    if (port.node_port != 0 && number == port.node_port) {
        return true;
    }
    const auto among = [&](const std::vector<IpAddress>& addresses) {
        return std::find(addresses.begin(), addresses.end(), address) != addresses.end();
    };
    return number == port.port &&
           (address == port.cluster_ip || among(port.external_ips) || among(port.vips));
}

bool serves(const ServicePortInput& port, const netemu::Endpoint& where) {
    return std::any_of(
        port.endpoints.begin(), port.endpoints.end(), [&](const ProxyEndpoint& each) {
            return each.endpoint.serving && each.port == where.port &&
                   each.endpoint.address == where.address;
        });
}

} // namespace

bool has_serving(const ServicePortInput& port) {
    return std::any_of(port.endpoints.begin(), port.endpoints.end(), [](const auto& each) {
        return each.endpoint.serving;
    });
}

bool may_leave_stale(const ServicePortUpdate& update) {
    if (update.now == nullptr) {
        return false;
    }
    if (update.before == nullptr) {
        return true;
    }
    const auto& before = update.before->endpoints;
    return std::any_of(before.begin(), before.end(), [&](const ProxyEndpoint& each) {
        return each.endpoint.serving && !serves(*update.now, {each.endpoint.address, each.port});
    });
}

std::vector<netemu::Connection> stale_connections(
    std::span<const netemu::Connection> connections, std::span<const ServicePortInputPtr> ports) {
    std::vector<netemu::Connection> stale;
    for (const auto& connection : connections) {
        const auto port = std::find_if(ports.begin(), ports.end(), [&](const auto& each) {
            return leads_through(connection, *each);
        });
        if (port != ports.end() && has_serving(**port) &&
            !serves(**port, connection.reply_source)) {
            stale.push_back(connection);
        }
    }
    return stale;
}

} // namespace services
