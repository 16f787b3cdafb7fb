#include "labctl/compile/linkerd_table.h"

#include <algorithm>
#include <map>
#include <set>
#include <unordered_map>
#include <utility>
#include <vector>

#include "labctl/compile/cluster_config.h"
#include "labctl/compile/linkerd_objects.h"
#include "labctl/compile/linkerd_policies.h"
#include "labctl/compile/service_values.h"
#include "labctl/compile/sidecar_objects.h"

namespace labctl::compile {

namespace {

using api::string_at;

/// appProtocol of a port that nobody looks into (linkerd/linkerd2 controller/api/destination).
constexpr const char* kOpaqueProtocol = "linkerd.io/opaque";

class LinkerdTableBuilder {
public:
    LinkerdTableBuilder(
        const store::Store& store, const SliceNames& slices, const ClusterConfig& config)
        : store_(store), slices_(slices), config_(config) {
        table_.mesh = mesh::SidecarMesh::Linkerd;
        table_.trust_domain = config.mesh_trust_domain;
    }

    mesh::SidecarTable build() && {
        policies_ = read_linkerd_policies(store_);
        for (const auto& object : store_.list("Pod")) {
            if (has_linkerd_proxy(object->body)) {
                add_pod(*object);
            }
        }
        if (table_.workloads.empty()) {
            return std::move(table_);
        }
        for (const auto& object : store_.list("Service")) {
            add_service(*object);
        }
        add_endpoint_labels(store_, table_);
        return std::move(table_);
    }

private:
    void add_pod(const api::Object& pod) {
        const auto name = pod.ns() + "/" + pod.name();
        const auto seen = linkerd_workload(store_, config_.mesh_default_inbound_policy, pod);
        std::set<std::uint16_t> ports = seen.opaque_ports;
        ports.insert(seen.identity_ports.begin(), seen.identity_ports.end());
        for (const auto& port : seen.named_ports) {
            ports.insert(port.port);
        }
        for (const auto& [port, path] : seen.probes) {
            ports.insert(port);
        }
        for (const auto& server : policies_.servers) {
            for (const auto port : mesh::linkerd::ports_of(server, seen)) {
                ports.insert(port);
            }
        }
        mesh::SidecarServers servers;
        servers.others = index_of(seen, 0);
        for (const auto port : ports) {
            servers.ports[port] = index_of(seen, port);
        }
        mesh::SidecarWorkload workload;
        workload.account =
            pod.ns() + "/" + string_at(pod.body, "spec.serviceAccountName", "default");
        workload.servers = std::move(servers);
        table_.workloads.emplace(name, std::move(workload));
        const mesh::SidecarPeer peer{
            name,
            linkerd_identity(config_.mesh_trust_domain, pod.body),
            skipped_inbound_ports(pod.body)};
        for (const auto& ip : api::at(pod.body, "status.podIPs")) {
            if (const auto address = netemu::IpAddress::parse(string_at(ip, "ip"))) {
                table_.peers.emplace(*address, peer);
            }
        }
        pods_.emplace(name, peer);
        table_.pods.emplace(name, sidecar_pod_labels(pod, true));
    }

    /// Of what governs a port. Many pods have the same.
    std::uint32_t index_of(const mesh::linkerd::Workload& pod, std::uint16_t port) {
        auto inbound =
            mesh::linkerd::govern(policies_, pod, port, config_.mesh_trust_domain).inbound;
        auto& alike = by_reference_[inbound.reference()];
        for (const auto index : alike) {
            if (table_.servers[index] == inbound) {
                return index;
            }
        }
        const auto index = static_cast<std::uint32_t>(table_.servers.size());
        table_.servers.push_back(std::move(inbound));
        alike.push_back(index);
        return index;
    }

    void add_service(const api::Object& object) {
        const auto service = service_value(object.body);
        if (service.external_name || service.headless) { // pods are known by their addresses
            return;
        }
        std::vector<services::EndpointSlice> slices;
        for (const auto& name : slices_.of({object.ns(), object.name()})) {
            const auto slice = store_.get({"EndpointSlice", object.ns(), name});
            if (auto value = slice ? slice_value(slice->body) : std::nullopt) {
                slices.push_back(*std::move(value));
            }
        }
        const auto opaque = opaque_ports(store_, object);
        for (const auto& port : service.ports) {
            if (port.protocol == services::Protocol::Tcp) {
                const bool bytes =
                    port.app_protocol == kOpaqueProtocol || contains_port(opaque, port.port);
                add_port(service, port, slices, bytes);
            }
        }
    }

    void add_port(
        const services::Service& service,
        const services::ServicePort& port,
        const std::vector<services::EndpointSlice>& slices,
        bool opaque) {
        mesh::SidecarService known;
        known.name = service.name + "." + service.name_space + ".svc." + config_.cluster_domain +
                     ":" + std::to_string(port.port);
        known.protocol = opaque ? mesh::SidecarProtocol::Tcp : mesh::SidecarProtocol::Detect;
        for (const auto& address : service.cluster_ips) {
            known.addresses.push_back({address, port.port});
        }
        for (const auto& slice : slices) {
            add_endpoints(slice, port, known);
        }
        if (!service.cluster_ips.empty()) { // one way to each pod is enough
            const auto family = service.cluster_ips.front().family();
            std::erase_if(known.endpoints, [family](const auto& endpoint) {
                return endpoint.address.address.family() != family;
            });
        }
        table_.services.push_back(std::move(known));
    }

    void add_endpoints(
        const services::EndpointSlice& slice,
        const services::ServicePort& wanted,
        mesh::SidecarService& known) const {
        const auto port =
            std::find_if(slice.ports.begin(), slice.ports.end(), [&wanted](const auto& each) {
                return each.name == wanted.name && each.protocol == wanted.protocol && each.port;
            });
        if (port == slice.ports.end()) {
            return;
        }
        for (const auto& endpoint : slice.endpoints) {
            if (!endpoint.ready) {
                continue;
            }
            mesh::SidecarEndpoint made{{endpoint.address, *port->port}, {}};
            if (!endpoint.pod_name.empty()) {
                made.pod = endpoint.pod_namespace + "/" + endpoint.pod_name;
            }
            const auto pod = pods_.find(made.pod);
            if (pod != pods_.end() && !contains_port(pod->second.skipped, *port->port)) {
                made.mtls = true;
                made.server_name = pod->second.server_name;
            }
            known.endpoints.push_back(std::move(made));
        }
    }

    const store::Store& store_;
    const SliceNames& slices_;
    const ClusterConfig& config_;
    mesh::linkerd::Policies policies_;
    mesh::SidecarTable table_;
    std::map<std::string, mesh::SidecarPeer> pods_;                            // with a proxy
    std::unordered_map<std::string, std::vector<std::uint32_t>> by_reference_; // of table_.servers
};

} // namespace

mesh::SidecarTable make_linkerd_table(
    const store::Store& store, const SliceNames& slices, const ClusterConfig& config) {
    return LinkerdTableBuilder(store, slices, config).build();
}

} // namespace labctl::compile
