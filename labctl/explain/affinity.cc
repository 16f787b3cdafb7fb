#include "labctl/explain/affinity.h"

#include <algorithm>
#include <tuple>

#include "labctl/compile/network.h"
#include "labctl/compile/proxies.h"
#include "labctl/explain/target.h"
#include "labctl/store/store.h"
#include "netemu/base/error.h"
#include "netemu/model/nft_text.h"
#include "services/decision.h"
#include "services/iptables_mode.h"
#include "services/ipvs_mode.h"
#include "services/nftables_names.h"

namespace labctl::explain {

using api::Json;

namespace {

/// Whether the template is one of this server and still holds: to what is no real server any more
/// it sends nobody.
bool leads(const services::IpvsTemplate& known, const services::IpvsVirtualServer& server) {
    return server.protocol == known.protocol && server.address == known.virtual_server &&
           std::any_of(server.servers.begin(), server.servers.end(), [&](const auto& real) {
               return real.address == known.real_server;
           });
}

/// Writes down the clients of one service port on one node.
class ClientRows {
public:
    ClientRows(
        const services::ServicePortInput& port,
        const services::ProxyNode& node,
        const AffinityReaders& readers,
        const std::optional<netemu::Endpoint>& address)
        : port_(port), node_(node), readers_(readers), address_(address) {}

    Json in_mode(const std::string& mode) {
        if (mode == "nftables") {
            of_sets();
        } else if (mode == "iptables") {
            of_lists();
        } else if (mode == "ipvs") {
            of_templates();
        } else {
            of_proxy();
        }
        return std::move(rows_);
    }

private:
    using Endpoints = std::vector<const services::ProxyEndpoint*>;

    [[nodiscard]] Endpoints reachable() const {
        return services::decide(port_, node_).sets.reachable();
    }

    void add(const std::string& client, const std::string& endpoint, std::int64_t seconds) {
        const auto found = std::find_if(
            port_.endpoints.begin(), port_.endpoints.end(), [&](const auto& candidate) {
                return candidate.to_string() == endpoint;
            });
        Json row{
            {"client", client},
            {"service", port_.name.to_string()},
            {"node", node_.name},
            {"endpoint", endpoint},
            {"pod", ""},
            {"secondsLeft", seconds}};
        if (found != port_.endpoints.end() && !found->endpoint.pod_name.empty()) {
            row["pod"] = found->endpoint.pod_namespace + "/" + found->endpoint.pod_name;
        }
        rows_.push_back(std::move(row));
    }

    /// nftables: a set for each endpoint.
    void of_sets() {
        constexpr std::uint64_t kMillis = 1000;
        const netemu::NftKeyType key{
            port_.family == netemu::Family::V4 ? netemu::NftType::Ipv4 : netemu::NftType::Ipv6};
        for (const auto* endpoint : reachable()) {
            for (const auto& info : readers_.elements(
                     compile::node_namespace(node_.name),
                     services::nft_family(port_.family),
                     std::string(services::kNftProxyTable),
                     services::nft_endpoint_chain("affinity-", port_.name, *endpoint))) {
                add(netemu::to_text(key, info.element.key),
                    endpoint->to_string(),
                    static_cast<std::int64_t>(info.expires_ms.value_or(0) / kMillis));
            }
        }
    }

    /// iptables: a list for each endpoint. Who is there longer than the affinity lasts is taken off
    /// it at the next look only.
    void of_lists() {
        const auto endpoints = reachable();
        std::vector<std::string> names;
        for (const auto* endpoint : endpoints) {
            names.push_back(services::iptables_endpoint_chain(port_.name, *endpoint));
        }
        const auto lists = readers_.recent(node_.name, names);
        for (std::size_t i = 0; i < lists.size(); ++i) {
            for (const auto& client : lists[i]) {
                const auto left = services::seconds_left(
                    client.last_seen, port_.affinity_seconds, readers_.ticks());
                if (left >= 0) {
                    add(client.address.to_string(), endpoints.at(i)->to_string(), left);
                }
            }
        }
    }

    /// ipvs: a template for each client of a virtual server.
    void of_templates() {
        const services::ServicePortInputPtr unowned(services::ServicePortInputPtr{}, &port_);
        const auto servers = services::ipvs_state({&unowned, 1}, node_).servers;
        for (const auto& known : readers_.templates(node_.name)) {
            if (std::any_of(servers.begin(), servers.end(), [&](const auto& server) {
                    return leads(known, server) && (!address_ || *address_ == server.address);
                })) {
                add(known.client.to_string(), known.real_server.to_string(), known.seconds_left);
            }
        }
    }

    /// userspace: the proxy itself.
    void of_proxy() {
        for (const auto& known : readers_.proxied) {
            if (known.node == node_.name && known.service == port_.name &&
                known.client.family() == port_.family) {
                add(known.client.to_string(), known.endpoint.to_string(), known.seconds_left);
            }
        }
    }

    const services::ServicePortInput& port_;
    const services::ProxyNode& node_;
    const AffinityReaders& readers_;
    const std::optional<netemu::Endpoint>& address_;
    Json rows_ = Json::array();
};

} // namespace

Json remembered_clients(
    const services::ServicePortInput& port,
    const std::string& node,
    const compile::Proxies& proxies,
    const AffinityReaders& readers,
    const std::optional<netemu::Endpoint>& address) {
    const auto* there = proxies.node(node);
    if (there == nullptr || port.affinity_seconds == 0) {
        return Json::array();
    }
    return ClientRows(port, *there, readers, address).in_mode(proxies.mode());
}

Json affinity_list(
    const store::Store& store,
    const compile::Proxies& proxies,
    const std::string& ns,
    const AffinityReaders& readers) {
    Json items = Json::array();
    for (const auto& port : all_service_ports(store, proxies, ns)) {
        if (port->affinity_seconds == 0) {
            continue;
        }
        for (const auto& node : proxies.nodes()) {
            for (auto& row : remembered_clients(*port, node.name, proxies, readers)) {
                items.push_back(std::move(row));
            }
        }
    }
    std::sort(items.begin(), items.end(), [](const Json& a, const Json& b) {
        const auto order = [](const Json& row) {
            return std::tuple{
                row["service"].get<std::string>(),
                row["client"].get<std::string>(),
                row["node"].get<std::string>()};
        };
        return order(a) < order(b);
    });
    return {{"kind", "AffinityList"}, {"apiVersion", "labctl.dev/v1"}, {"items", std::move(items)}};
}

} // namespace labctl::explain
