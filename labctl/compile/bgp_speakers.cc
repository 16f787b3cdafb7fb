#include "labctl/compile/bgp_speakers.h"

#include <algorithm>

#include "labctl/compile/address_plan.h"
#include "labctl/compile/bgp_sessions.h"
#include "labctl/compile/cluster_config.h"
#include "labctl/compile/cni_profile.h"
#include "labctl/compile/network.h"
#include "labctl/compile/network_view.h"
#include "labctl/store/store.h"

namespace labctl::compile {

namespace {

using netemu::IpAddress;
using netemu::IpPrefix;

bool holds_name(const std::vector<std::string>& names, const std::string& name) {
    return std::find(names.begin(), names.end(), name) != names.end();
}

// --- what of the Services is announced

void append_hosts(
    const api::Json& list, const std::string& field, std::vector<IpPrefix>& prefixes) {
    for (const auto& entry : list) {
        const auto text = field.empty() ? entry.get<std::string>() : api::string_at(entry, field);
        if (const auto address = IpAddress::parse(text)) {
            prefixes.push_back(IpPrefix::host(*address));
        }
    }
}

class AnnouncedServices {
public:
    AnnouncedServices(const store::Store& store, const ClusterConfig& config)
        : bgp_(*config.bgp), store_(store) {
        if (bgp_.service_cidr) {
            everywhere_ = config.service_cidrs;
        }
        if (!bgp_.service_cidr && !bgp_.load_balancer) {
            return;
        }
        find_ready_nodes();
        for (const auto& service : store.list("Service")) {
            add(*service);
        }
    }

    [[nodiscard]] std::vector<IpPrefix> of(const std::string& node) const {
        auto prefixes = everywhere_;
        for (const auto& [service, hosts] : local_) {
            const auto nodes = ready_.find(service);
            if (nodes != ready_.end() && nodes->second.contains(node)) {
                prefixes.insert(prefixes.end(), hosts.begin(), hosts.end());
            }
        }
        std::sort(prefixes.begin(), prefixes.end());
        prefixes.erase(std::unique(prefixes.begin(), prefixes.end()), prefixes.end());
        return prefixes;
    }

private:
    void find_ready_nodes() {
        for (const auto& slice : store_.list("EndpointSlice")) {
            const auto labels = api::labels_at(slice->body, "metadata.labels");
            const auto service = labels.find("kubernetes.io/service-name");
            if (service == labels.end()) {
                continue;
            }
            auto& nodes = ready_[slice->ns() + "/" + service->second];
            for (const auto& endpoint : api::at(slice->body, "endpoints")) {
                if (api::bool_at(endpoint, "conditions.ready", true)) {
                    nodes.insert(api::string_at(endpoint, "nodeName"));
                }
            }
        }
    }

    void add(const api::Object& service) {
        std::vector<IpPrefix> hosts;
        const bool local = api::string_at(service.body, "spec.externalTrafficPolicy") == "Local";
        if (bgp_.load_balancer && api::string_at(service.body, "spec.type") == "LoadBalancer") {
            append_hosts(api::at(service.body, "status.loadBalancer.ingress"), "ip", hosts);
        }
        if (!local) {
            everywhere_.insert(everywhere_.end(), hosts.begin(), hosts.end());
            return;
        }
        if (bgp_.service_cidr) {
            append_hosts(api::at(service.body, "spec.clusterIPs"), {}, hosts);
        }
        local_[service.ns() + "/" + service.name()] = std::move(hosts);
    }

    const BgpConfig& bgp_;
    const store::Store& store_;
    std::vector<IpPrefix> everywhere_;
    std::map<std::string, std::vector<IpPrefix>> local_; // by Service
    std::map<std::string, std::set<std::string>> ready_; // nodes with an endpoint, by Service
};

BgpSpeaker make_node(
    const ClusterConfig& config,
    const AnnouncedServices& services,
    const std::vector<NodeView>& nodes,
    const NodeView& node) {
    BgpSpeaker speaker;
    speaker.name = node.name;
    speaker.ns = node_namespace(node.name);
    speaker.as_number = config.bgp->as_number;
    speaker.router_id = router_id_of(node.underlay.front().address);
    speaker.pods = node.pod_cidrs;
    speaker.services = services.of(node.name);
    speaker.blackholes = cni_profile(config).routed();
    speaker.reflects = holds_name(config.bgp->reflectors, node.name);
    const auto* tunnel = tunnel_device(config);
    speaker.tunnel = tunnel == nullptr ? "" : tunnel;
    speaker.ways = ways_to_nodes(config, nodes, node);
    return speaker;
}

BgpSpeaker make_outside(const ClusterConfig& config) {
    BgpSpeaker speaker;
    speaker.name = kExternalNamespace;
    speaker.ns = kExternalNamespace;
    speaker.as_number = *config.bgp->outside_as;
    speaker.router_id = router_id_of(external_addresses(config).front().address);
    return speaker;
}

/// `speakers` are those of the nodes, in their order, and the outside's if it takes part.
void connect_on_one_segment(
    const ClusterConfig& config,
    const std::vector<NodeView>& nodes,
    const BgpShutDowns& down,
    std::vector<BgpSpeaker>& speakers) {
    std::vector<BgpMember> members;
    members.reserve(speakers.size());
    for (std::size_t i = 0; i < nodes.size(); ++i) {
        members.push_back({&speakers[i], nodes[i].underlay});
    }
    const bool mesh = config.bgp->topology == BgpConfig::Topology::Mesh;
    for (std::size_t i = 0; i < members.size(); ++i) {
        for (std::size_t j = i + 1; j < members.size(); ++j) {
            if (mesh) {
                connect_speakers(members[i], members[j], {"Mesh_", "Mesh_"}, down);
            } else if (speakers[i].reflects || speakers[j].reflects) {
                connect_speakers(members[i], members[j], {"Node_", "Node_"}, down);
            }
        }
    }
    if (config.bgp->outside_as) {
        const BgpMember outside{&speakers.back(), external_addresses(config)};
        for (const auto& member : members) {
            connect_speakers(member, outside, {"Global_", "Node_"}, down);
        }
    }
}

} // namespace

std::vector<BgpSpeaker>
bgp_speakers(const store::Store& store, const ClusterConfig& config, const BgpShutDowns& down) {
    std::vector<BgpSpeaker> speakers;
    if (!config.bgp) {
        return speakers;
    }
    const auto nodes = view_nodes(store, config);
    const AnnouncedServices services(store, config);
    speakers.reserve(nodes.size() + 1);
    for (const auto& node : nodes) {
        speakers.push_back(make_node(config, services, nodes, node));
    }
    if (config.bgp->outside_as) {
        speakers.push_back(make_outside(config));
    }
    if (config.bgp->topology == BgpConfig::Topology::TopOfRack) {
        add_racks(config, down, speakers);
    } else {
        connect_on_one_segment(config, nodes, down, speakers);
    }
    return speakers;
}

} // namespace labctl::compile
