#include "services/ipvs_mode.h"

#include <algorithm>
#include <array>

#include "services/decision.h"

namespace services {
namespace {

constexpr std::array<std::string_view, 11> kIpvsSchedulers{
    "rr", "wrr", "lc", "wlc", "lblc", "lblcr", "sh", "dh", "sed", "nq", "mh"};

/// Adds what one service port needs.
class IpvsWriter {
public:
    IpvsWriter(
        const ServicePortInput& input,
        const ProxyNode& node,
        std::string_view scheduler,
        IpvsState& state)
        : input_(input), node_(node), scheduler_(scheduler), state_(state),
          decision_(decide(input, node)),
          external_local_(input.external_policy == TrafficPolicy::Local) {}

    void write() {
        write_cluster_ip();
        for (const auto& address : input_.external_ips) {
            add_external(address, external_local_ ? "KUBE-EXTERNAL-IP-LOCAL" : "KUBE-EXTERNAL-IP");
        }
        for (const auto& vip : input_.vips) {
            write_vip(vip);
        }
        if (input_.node_port != 0) {
            write_node_port();
        }
        if (input_.health_check_node_port != 0) {
            add_entry("KUBE-HEALTH-CHECK-NODE-PORT", std::to_string(input_.health_check_node_port));
        }
        write_loop_backs();
    }

private:
    using Endpoints = std::vector<const ProxyEndpoint*>;

    [[nodiscard]] std::string protocol() const {
        return std::string{lower_text(input_.name.protocol)};
    }
    [[nodiscard]] std::string address_port(const IpAddress& address) const {
        return address.to_string() + "," + protocol() + ":" + std::to_string(input_.port);
    }
    void add_entry(std::string set, std::string entry) {
        state_.entries.push_back({std::move(set), std::move(entry)});
    }

    /// Where Local leaves nothing but somebody reaches the address from inside, all endpoints
    /// serve.
    [[nodiscard]] const Endpoints& choose(bool local) const {
        const auto& sets = decision_.sets;
        if (local && (!sets.local.empty() || !input_.externally_accessible())) {
            return sets.local;
        }
        return sets.cluster;
    }

    void add_server(const IpAddress& address, std::uint16_t port, bool local) {
        IpvsVirtualServer server;
        server.owner = input_.name;
        server.address = netemu::Endpoint{address, port};
        server.protocol = input_.name.protocol;
        server.scheduler = scheduler_;
        server.persistence_seconds = input_.affinity_seconds;
        for (const auto* endpoint : choose(local)) {
            server.servers.push_back(
                {netemu::Endpoint{endpoint->endpoint.address, endpoint->port}, 1});
        }
        state_.servers.push_back(std::move(server));
    }

    void write_cluster_ip() {
        add_server(input_.cluster_ip, input_.port, input_.internal_policy == TrafficPolicy::Local);
        state_.addresses.push_back(input_.cluster_ip);
        add_entry("KUBE-CLUSTER-IP", address_port(input_.cluster_ip));
    }

    void add_external(const IpAddress& address, const char* set) {
        add_server(address, input_.port, external_local_);
        state_.addresses.push_back(address);
        add_entry(set, address_port(address));
    }

    void write_vip(const IpAddress& vip) {
        add_external(vip, "KUBE-LOAD-BALANCER");
        if (external_local_) {
            add_entry("KUBE-LOAD-BALANCER-LOCAL", address_port(vip));
        }
        if (decision_.restricted) {
            add_entry("KUBE-LOAD-BALANCER-FW", address_port(vip));
            for (const auto& range : input_.source_ranges) {
                add_entry(
                    "KUBE-LOAD-BALANCER-SOURCE-CIDR", address_port(vip) + "," + range.to_string());
            }
            if (allowed_vip_sources(input_, node_).size() > input_.source_ranges.size()) {
                add_entry(
                    "KUBE-LOAD-BALANCER-SOURCE-IP", address_port(vip) + "," + vip.to_string());
            }
        }
    }

    void write_node_port() {
        const auto upper = std::string{to_text(input_.name.protocol)};
        for (const auto& address : node_.addresses) {
            if (address.family() != input_.family) {
                continue;
            }
            add_server(address, input_.node_port, external_local_);
            if (input_.name.protocol == Protocol::Sctp) {
                const auto entry =
                    address.to_string() + ",sctp:" + std::to_string(input_.node_port);
                add_entry("KUBE-NODE-PORT-SCTP-HASH", entry);
                if (external_local_) {
                    add_entry("KUBE-NODE-PORT-LOCAL-SCTP-HASH", entry);
                }
            }
        }
        if (input_.name.protocol != Protocol::Sctp) {
            add_entry("KUBE-NODE-PORT-" + upper, std::to_string(input_.node_port));
            if (external_local_) {
                add_entry("KUBE-NODE-PORT-LOCAL-" + upper, std::to_string(input_.node_port));
            }
        }
    }

    /// Endpoints of this node that may reach themselves.
    void write_loop_backs() {
        for (const auto* endpoint : decision_.sets.reachable()) {
            if (endpoint->endpoint.node == node_.name) {
                const auto address = endpoint->endpoint.address.to_string();
                add_entry(
                    "KUBE-LOOP-BACK",
                    address + "," + protocol() + ":" + std::to_string(endpoint->port) + "," +
                        address);
            }
        }
    }

    const ServicePortInput& input_;
    const ProxyNode& node_;
    std::string scheduler_;
    IpvsState& state_;
    PortDecision decision_;
    bool external_local_;
};

template <typename Value>
void sort_and_unite(std::vector<Value>& values) {
    std::sort(values.begin(), values.end());
    values.erase(std::unique(values.begin(), values.end()), values.end());
}

} // namespace

std::span<const std::string_view> ipvs_schedulers() {
    return kIpvsSchedulers;
}

IpvsState ipvs_state(
    std::span<const ServicePortInputPtr> ports, const ProxyNode& node, std::string_view scheduler) {
    IpvsState state;
    for (const auto& port : ports) {
        IpvsWriter{*port, node, scheduler, state}.write();
    }
    sort_and_unite(state.addresses);
    for (const auto& address : state.addresses) {
        state.entries.push_back({"KUBE-IPVS-IPS", address.to_string()});
    }
    sort_and_unite(state.entries);
    return state;
}

} // namespace services
