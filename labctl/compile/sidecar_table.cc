#include "labctl/compile/sidecar_table.h"

#include <algorithm>
#include <map>
#include <set>
#include <utility>
#include <vector>

#include "labctl/compile/cluster_config.h"
#include "labctl/compile/mesh_policies.h"
#include "labctl/compile/service_values.h"
#include "labctl/compile/sidecar_objects.h"
#include "labctl/compile/sidecars.h"
#include "labctl/compile/traffic_objects.h"
#include "mesh/istio/traffic_scope.h"
#include "mesh/spiffe/id.h"

namespace labctl::compile {

namespace {

using api::string_at;
using mesh::istio::MtlsMode;
using PodName = std::pair<std::string, std::string>; // namespace, name

std::string joined(const PodName& pod) {
    return pod.first + "/" + pod.second;
}

/// A pod with a sidecar.
struct Member {
    mesh::istio::Labels labels;
    std::string account;
    std::map<std::uint16_t, mesh::SidecarProtocol> ports; // that Services lead to
};

class TableBuilder {
public:
    TableBuilder(const store::Store& store, const SliceNames& slices, const ClusterConfig& config)
        : store_(store), slices_(slices), config_(config) {
        table_.trust_domain = config.mesh_trust_domain;
    }

    mesh::SidecarTable build() && {
        find_members();
        if (members_.empty()) {
            return std::move(table_);
        }
        for (const auto& object : store_.list("PeerAuthentication")) {
            authentications_.push_back(read_peer_authentication(*object));
        }
        for (const auto& object : store_.list("AuthorizationPolicy")) {
            table_.policies.push_back(read_authorization_policy(*object));
            scopes_.push_back(authorization_scope(*object));
        }
        for (const auto& object : store_.list("RequestAuthentication")) {
            table_.request_authentications.push_back(read_request_authentication(*object));
            token_scopes_.push_back(authorization_scope(*object));
        }
        read_traffic();
        for (const auto& object : store_.list("Service")) {
            add_service(*object);
        }
        add_endpoint_labels(store_, table_);
        for (const auto& [name, member] : members_) {
            add_workload(name, member);
        }
        return std::move(table_);
    }

private:
    void find_members() {
        for (const auto& object : store_.list("Pod")) {
            if (!has_sidecar(object->body)) {
                continue;
            }
            Member member;
            for (const auto& [key, value] : object->labels()) {
                member.labels[key] = value;
            }
            member.account = string_at(object->body, "spec.serviceAccountName", "default");
            table_.pods.emplace(
                object->ns() + "/" + object->name(), sidecar_pod_labels(*object, true));
            members_.emplace(PodName{object->ns(), object->name()}, std::move(member));
        }
    }

    [[nodiscard]] MtlsMode
    mode_of(const PodName& pod, const Member& member, std::uint16_t port) const {
        return mesh::istio::effective_mtls(authentications_, pod.first, member.labels, port).mode;
    }

    void read_traffic() {
        auto& services = table_.virtual_services;
        for (const auto& object : store_.list("VirtualService")) {
            services.push_back(read_virtual_service(*object, config_.cluster_domain));
            settle_ports(services.back());
            for (const auto& route : services.back().http) {
                for (const auto& match : route.match) {
                    asks_for_labels_ = asks_for_labels_ || !match.source_labels.empty();
                }
            }
        }
        sort_by_age(services);
        for (const auto& object : store_.list("DestinationRule")) {
            rules_.push_back(read_destination_rule(*object, config_.cluster_domain));
        }
        sort_by_age(rules_);
    }

    /// A destination without a port means the only one of its Service, or else the one called
    /// (istio/istio pilot/pkg/networking/core/route/route.go, GetDestinationCluster).
    void settle_ports(mesh::istio::VirtualService& service) const {
        const auto settle = [this](mesh::istio::Destination& to) {
            const auto name = to.host.substr(0, to.host.find('.'));
            const std::string ns(mesh::host_namespace(to.host));
            const auto object = to.port == 0 ? store_.get({"Service", ns, name}) : nullptr;
            const auto ports = object ? api::at(object->body, "spec.ports") : api::Json();
            if (ports.size() == 1) {
                to.port = ports.front().value("port", std::uint16_t{0});
            }
        };
        for (auto& route : service.http) {
            for (auto& destination : route.to) {
                settle(destination.to);
            }
            for (auto& mirror : route.mirrors) {
                settle(mirror.to);
            }
        }
    }

    void add_traffic(mesh::SidecarService& known, const std::string& host, std::uint16_t port) {
        known.virtual_services = mesh::istio::virtual_services_of(table_.virtual_services, host);
        for (const auto& rule : mesh::istio::destination_rules_of(rules_, host)) {
            mesh::SidecarDestinationRule concerning{
                rule.ns,
                rule.name,
                rule.export_to,
                mesh::istio::effective_policy(rule, nullptr, port),
                {}};
            for (const auto& subset : rule.subsets) {
                concerning.subsets.push_back(
                    {subset.name,
                     endpoints_with(known, subset.labels),
                     mesh::istio::effective_policy(rule, &subset, port)});
            }
            known.rules.push_back(std::move(concerning));
        }
    }

    [[nodiscard]] std::vector<std::uint32_t>
    endpoints_with(const mesh::SidecarService& known, const mesh::istio::Labels& wanted) const {
        std::vector<std::uint32_t> places;
        for (std::size_t i = 0; i < known.endpoints.size(); ++i) {
            const auto& pod = known.endpoints[i].pod;
            const auto slash = std::min(pod.find('/'), pod.size());
            const auto object = pod.empty() ? nullptr
                                            : store_.get(
                                                  {"Pod",
                                                   pod.substr(0, slash),
                                                   pod.substr(std::min(slash + 1, pod.size()))});
            mesh::istio::Labels labels;
            if (object) {
                for (const auto& [key, value] : object->labels()) {
                    labels[key] = value;
                }
            }
            if (mesh::istio::selects(wanted, labels)) {
                places.push_back(static_cast<std::uint32_t>(i));
            }
        }
        return places;
    }

    void add_service(const api::Object& object) {
        const auto service = service_value(object.body);
        if (service.external_name) {
            return;
        }
        std::vector<services::EndpointSlice> slices;
        for (const auto& name : slices_.of({object.ns(), object.name()})) {
            const auto slice = store_.get({"EndpointSlice", object.ns(), name});
            if (auto value = slice ? slice_value(slice->body) : std::nullopt) {
                slices.push_back(*std::move(value));
            }
        }
        for (const auto& port : service.ports) {
            if (port.protocol == services::Protocol::Tcp) {
                add_port(service, port, slices);
            }
        }
    }

    void add_port(
        const services::Service& service,
        const services::ServicePort& port,
        const std::vector<services::EndpointSlice>& slices) {
        const auto host =
            service.name + "." + service.name_space + ".svc." + config_.cluster_domain;
        const auto number = std::to_string(port.port);
        mesh::SidecarService known;
        known.name = "outbound|" + number + "||" + host;
        known.sni = "outbound_." + number + "_._." + host;
        known.protocol = sidecar_protocol(port.app_protocol, port.name, port.port);
        known.http2 = says_http2(port.app_protocol, port.name);
        for (const auto& address : service.cluster_ips) {
            known.addresses.push_back({address, port.port});
        }
        std::set<std::string> ids;
        for (const auto& slice : slices) {
            add_endpoints(slice, port, known, ids);
        }
        if (!service.cluster_ips.empty()) { // one way to each pod is enough
            const auto family = service.cluster_ips.front().family();
            std::erase_if(known.endpoints, [family](const auto& endpoint) {
                return endpoint.address.address.family() != family;
            });
        }
        known.server_ids = {ids.begin(), ids.end()};
        add_traffic(known, host, port.port);
        if (!service.headless) {
            table_.services.push_back(std::move(known));
            return;
        }
        for (const auto& endpoint : known.endpoints) { // each is called by its own address
            auto one = known;
            one.addresses = {endpoint.address};
            one.endpoints = {endpoint};
            one.rules.clear();
            add_traffic(one, host, port.port);
            table_.services.push_back(std::move(one));
        }
    }

    void add_endpoints(
        const services::EndpointSlice& slice,
        const services::ServicePort& wanted,
        mesh::SidecarService& known,
        std::set<std::string>& ids) {
        const auto port =
            std::find_if(slice.ports.begin(), slice.ports.end(), [&wanted](const auto& each) {
                return each.name == wanted.name && each.protocol == wanted.protocol && each.port;
            });
        if (port == slice.ports.end()) {
            return;
        }
        for (const auto& endpoint : slice.endpoints) {
            const PodName pod{endpoint.pod_namespace, endpoint.pod_name};
            const auto member = members_.find(pod);
            bool mtls = false;
            if (member != members_.end()) {
                auto& ports = member->second.ports;
                ports.emplace(*port->port, known.protocol);
                mtls = mode_of(pod, member->second, *port->port) != MtlsMode::Disable;
                ids.insert(id_of(pod.first, member->second.account));
            }
            if (endpoint.ready) {
                known.endpoints.push_back(
                    {{endpoint.address, *port->port},
                     pod.second.empty() ? std::string() : joined(pod),
                     mtls});
            }
        }
    }

    [[nodiscard]] std::string id_of(const std::string& ns, const std::string& account) const {
        return mesh::SpiffeId::of_service_account(table_.trust_domain, ns, account).to_string();
    }

    void add_workload(const PodName& name, const Member& member) {
        mesh::SidecarWorkload workload;
        workload.account = name.first + "/" + member.account;
        workload.other_ports = mode_of(name, member, 0);
        auto ports = member.ports;
        for (const auto& authentication : authentications_) {
            if (authentication.ns != name.first ||
                !mesh::istio::selects(authentication.selector, member.labels)) {
                continue;
            }
            for (const auto& [port, mode] : authentication.port_modes) {
                ports.emplace(port, mesh::SidecarProtocol::Detect);
            }
        }
        for (const auto& [port, protocol] : ports) {
            workload.ports.push_back({port, protocol, mode_of(name, member, port)});
        }
        const auto add_applying = [&](const std::vector<mesh::istio::PolicyScope>& scopes,
                                      std::vector<std::uint32_t>& indices) {
            for (std::size_t i = 0; i < scopes.size(); ++i) {
                if (mesh::istio::applies(scopes[i], name.first, member.labels)) {
                    indices.push_back(static_cast<std::uint32_t>(i));
                }
            }
        };
        add_applying(scopes_, workload.policies);
        add_applying(token_scopes_, workload.authentications);
        if (asks_for_labels_) {
            workload.labels = member.labels;
        }
        table_.workloads.emplace(joined(name), std::move(workload));
    }

    const store::Store& store_;
    const SliceNames& slices_;
    const ClusterConfig& config_;
    mesh::SidecarTable table_;
    std::map<PodName, Member> members_;
    std::vector<mesh::istio::PeerAuthentication> authentications_;
    std::vector<mesh::istio::PolicyScope> scopes_;       // of table_.policies
    std::vector<mesh::istio::PolicyScope> token_scopes_; // of table_.request_authentications
    std::vector<mesh::istio::DestinationRule> rules_;
    bool asks_for_labels_ = false; // some VirtualService, of clients
};

} // namespace

mesh::SidecarTable make_sidecar_table(
    const store::Store& store, const SliceNames& slices, const ClusterConfig& config) {
    return TableBuilder(store, slices, config).build();
}

} // namespace labctl::compile
