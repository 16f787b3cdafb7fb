#include "labctl/compile/proxies.h"

#include <algorithm>
#include <set>

#include "labctl/compile/cluster_config.h"
#include "labctl/compile/network.h"
#include "labctl/compile/network_view.h"
#include "labctl/compile/policies.h"
#include "labctl/compile/proxy_ipvs.h"
#include "labctl/compile/service_index.h"
#include "labctl/compile/service_values.h"
#include "labctl/compile/topology_network.h"
#include "services/nftables_proxy.h"
#include "services/stale_connections.h"
#include "services/topology.h"

namespace labctl::compile {

namespace {

constexpr const char* kZoneLabel = "topology.kubernetes.io/zone";

services::ProxyConfig proxy_config(const ClusterConfig& cluster) {
    services::ProxyConfig config;
    config.cluster_cidrs = cluster.pod_cidrs;
    config.service_cidrs = cluster.service_cidrs;
    return config;
}

/// FNV-1a: the same node for the same Service in every run.
std::size_t name_hash(const std::string& text) {
    std::uint64_t hash = 0xcbf29ce484222325U;
    for (const char c : text) {
        hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3U;
    }
    return static_cast<std::size_t>(hash);
}

} // namespace

Proxies::Proxies(store::Store& store, const ClusterConfig& config)
    : store_(store), cluster_(config), mode_(config.proxy_mode),
      proxy_config_(proxy_config(config)) {
    for (const auto& slice : store_.list("EndpointSlice")) {
        index_slice(*slice, true);
    }
    for (const auto& key : store_.keys("Service")) {
        dirty_.insert({key.ns, key.name});
    }
    read_nodes();
    for (const auto& range : config.service_cidrs) {
        families_.push_back(
            make_proxy_backend(cluster_, range.address.family(), proxy_config_, nodes_));
    }
    watch_ = store_.watch([this](const store::Event& event) { on_event(event); });
}

Proxies::~Proxies() {
    store_.unwatch(watch_);
}

void Proxies::on_event(const store::Event& event) {
    const auto kind = event.object->kind();
    if (kind == "Service") {
        dirty_.insert({event.object->ns(), event.object->name()});
    } else if (kind == "EndpointSlice") {
        if (event.previous) {
            index_slice(*event.previous, false);
        }
        index_slice(*event.object, event.type != store::EventType::Deleted);
    } else if (kind == "Node") {
        nodes_dirty_ = true;
    }
}

void Proxies::index_slice(const api::Object& slice, bool present) {
    if (auto service = slices_.note(slice, present)) {
        dirty_.insert(std::move(*service));
    }
}

/// Returns whether anything about them that a proxy knows has changed.
bool Proxies::read_nodes() {
    nodes_dirty_ = false;
    std::vector<services::ProxyNode> nodes;
    for (const auto& view : view_nodes(store_, cluster_)) {
        services::ProxyNode node;
        node.name = view.name;
        for (const auto& address : view.underlay) {
            node.addresses.push_back(address.address);
        }
        const auto object = store_.get({"Node", "", view.name});
        const auto labels = object ? object->labels() : api::Labels{};
        if (const auto zone = labels.find(kZoneLabel); zone != labels.end()) {
            node.zone = zone->second;
        }
        nodes.push_back(std::move(node));
    }
    if (nodes == nodes_) {
        return false;
    }
    nodes_ = std::move(nodes);
    return true;
}

ProxyWork Proxies::update() {
    udp_changed_.clear();
    ProxyWork work;
    const bool first = nodes_.empty();
    const bool anew = nodes_dirty_ && read_nodes();
    if (dirty_.empty() && !anew) {
        return work;
    }
    for (auto& family : families_) {
        std::vector<services::ServicePortUpdate> updates;
        for (const auto& key : dirty_) {
            auto more = take_in(key, *family);
            updates.insert(
                updates.end(),
                std::make_move_iterator(more.begin()),
                std::make_move_iterator(more.end()));
        }
        if (!first) { // before there were rules and pods, nobody had connections
            std::for_each(
                updates.begin(), updates.end(), [this](const auto& update) { note_udp(update); });
        }
        if (anew) {
            family->rebuild(work);
        } else if (!updates.empty()) {
            family->update(std::move(updates), work);
        }
    }
    dirty_.clear();
    announce();
    check_health();
    return work;
}

std::vector<services::ServicePortUpdate>
Proxies::take_in(const ServiceKey& key, ProxyBackend& family) {
    const auto object = store_.get({"Service", key.first, key.second});
    if (!object) {
        announced_.erase(key);
        health_checked_.erase(key);
        return family.services().remove(key.first, key.second);
    }
    const auto service = service_value(object->body);
    if (service.load_balancer.empty()) {
        announced_.erase(key);
    } else {
        announced_.insert(key);
    }
    if (service.health_check_node_port == 0) {
        health_checked_.erase(key);
    } else {
        health_checked_.insert(key);
    }
    std::vector<services::EndpointSlice> slices;
    for (const auto& name : slices_.of(key)) {
        const auto slice = store_.get({"EndpointSlice", key.first, name});
        if (auto value = slice ? slice_value(slice->body) : std::nullopt) {
            slices.push_back(std::move(*value));
        }
    }
    std::vector<const services::EndpointSlice*> pointers;
    pointers.reserve(slices.size());
    for (const auto& slice : slices) {
        pointers.push_back(&slice);
    }
    return family.services().update(service, pointers);
}

/// A port of which no endpoint serves keeps its connections (see services::stale_connections);
/// they are looked at when one does again.
void Proxies::note_udp(const services::ServicePortUpdate& update) {
    if (update.name.protocol != services::Protocol::Udp) {
        return;
    }
    const bool suspected = udp_bereft_.erase(update.name) > 0 || services::may_leave_stale(update);
    if (update.now == nullptr || !suspected) {
        return;
    }
    if (!services::has_serving(*update.now)) {
        udp_bereft_.insert(update.name);
    } else {
        udp_changed_.push_back(update.now);
    }
}

std::vector<netemu::Connection>
Proxies::stale_connections(const std::vector<netemu::Connection>& connections) const {
    return services::stale_connections(connections, udp_changed_);
}

bool Proxies::has_stale() const {
    return std::any_of(
        families_.begin(), families_.end(), [](const auto& family) { return family->has_stale(); });
}

std::chrono::seconds Proxies::sweep_delay() {
    return std::chrono::seconds(services::kStaleChainSeconds);
}

ProxyWork Proxies::sweep(const ServerReader& servers) {
    ProxyWork work;
    for (auto& family : families_) {
        family->sweep(work, servers);
    }
    return work;
}

// --- what is wanted, whole

void Proxies::add_to(netemu::DesiredState& state) const {
    for (std::size_t i = 0; i < nodes_.size(); ++i) {
        auto& spec = state.namespaces.at(node_namespace(nodes_[i].name));
        for (const auto& family : families_) {
            if (const auto* table = family->table(i)) {
                spec.tables.push_back(*table);
            }
        }
    }
    add_devices(state);
    if (cluster_.topology) {
        for (const auto& [address, node] : announcements_) {
            add_announced_address(*cluster_.topology, address, node, state);
        }
        return;
    }
    auto& external = state.namespaces.at(kExternalNamespace);
    for (const auto& [address, node] : announcements_) {
        const auto& link = state.namespaces.at(node_namespace(node)).links;
        const auto eth0 = std::find_if(link.begin(), link.end(), [](const netemu::LinkSpec& each) {
            return each.name == kEth0;
        });
        external.neighbours.push_back({address, eth0->mac, kEth0});
    }
    std::sort(external.neighbours.begin(), external.neighbours.end());
}

void Proxies::add_devices(netemu::DesiredState& state) const {
    for (std::size_t i = 0; i < nodes_.size(); ++i) {
        auto& spec = state.namespaces.at(node_namespace(nodes_[i].name));
        for (const auto& family : families_) {
            family->add_devices(i, spec);
        }
    }
}

void Proxies::note_devices(netemu::ObservedState& observed) const {
    if (mode_ != "ipvs") {
        return;
    }
    netemu::DesiredState bare;
    for (const auto& node : nodes_) {
        bare.namespaces[node_namespace(node.name)].role = netemu::NamespaceRole::Node;
    }
    add_devices(bare);
    for (auto& [name, info] : netemu::expected_observation(bare).namespaces) {
        const auto found = observed.namespaces.find(name);
        if (found != observed.namespaces.end()) {
            found->second.virtual_servers = std::move(info.virtual_servers);
            found->second.links[kIpvsDevice] = std::move(info.links.at(kIpvsDevice));
        }
    }
}

std::vector<RestoreInput> Proxies::restores_of(const std::string& node) const {
    std::vector<RestoreInput> restores;
    for (std::size_t i = 0; i < nodes_.size(); ++i) {
        for (const auto& family : families_) {
            auto text = nodes_[i].name == node ? family->restore_text(i) : std::string{};
            if (!text.empty()) {
                restores.push_back({node, family->family(), std::move(text)});
            }
        }
    }
    return restores;
}

void Proxies::add_contents(netemu::ObservedState& observed) const {
    for (std::size_t i = 0; i < nodes_.size(); ++i) {
        const auto found = observed.namespaces.find(node_namespace(nodes_[i].name));
        if (found == observed.namespaces.end()) {
            continue;
        }
        for (const auto& family : families_) {
            const auto* table = family->table(i);
            if (table == nullptr) {
                continue;
            }
            auto& tables = found->second.tables;
            const auto info = std::find_if(tables.begin(), tables.end(), [&](const auto& each) {
                return each.family == table->family && each.name == table->name;
            });
            if (info != tables.end()) {
                info->contents = std::make_shared<const netemu::NftTable>(*table);
            }
        }
    }
}

void Proxies::announce() {
    announcements_.clear();
    for (const auto& [ns, name] : announced_) {
        const auto object = store_.get({"Service", ns, name});
        const auto node = announcer(ns, name);
        if (!object || node.empty()) {
            continue;
        }
        for (const auto& entry : service_value(object->body).load_balancer) {
            const bool ours = std::any_of(
                cluster_.underlay_cidrs.begin(),
                cluster_.underlay_cidrs.end(),
                [&](const netemu::IpPrefix& range) { return range.contains(entry.address); });
            if (ours) {
                announcements_.push_back({entry.address, node});
            }
        }
    }
    std::sort(announcements_.begin(), announcements_.end());
    const auto twice = [](const Announcement& a, const Announcement& b) {
        return a.address == b.address;
    };
    announcements_.erase(
        std::unique(announcements_.begin(), announcements_.end(), twice), announcements_.end());
}

std::string Proxies::announcer(const std::string& ns, const std::string& name) const {
    if (nodes_.empty()) {
        return {};
    }
    const auto first = name_hash(ns + "/" + name) % nodes_.size();
    for (std::size_t i = 0; i < nodes_.size(); ++i) {
        const auto& node = nodes_[(first + i) % nodes_.size()];
        for (const auto& port : ports_of(ns, name)) {
            if (port->external_policy == services::TrafficPolicy::Cluster ||
                !services::categorize_endpoints(*port, node.name, node.zone).local.empty()) {
                return node.name;
            }
        }
    }
    return nodes_[first].name;
}

namespace {

std::map<std::string, std::set<netemu::IpAddress>>
ready_by_node(const std::vector<services::ServicePortInputPtr>& ports) {
    std::map<std::string, std::set<netemu::IpAddress>> ready;
    for (const auto& port : ports) {
        for (const auto& [endpoint, number] : port->endpoints) {
            if (endpoint.ready) {
                ready[endpoint.node].insert(endpoint.address);
            }
        }
    }
    return ready;
}

} // namespace

void Proxies::check_health() {
    health_checks_.clear();
    for (const auto& [ns, name] : health_checked_) {
        const auto ports = ports_of(ns, name);
        if (ports.empty()) {
            continue;
        }
        auto ready = ready_by_node(ports);
        for (const auto& node : nodes_) {
            health_checks_.push_back(
                {ns,
                 name,
                 node.name,
                 ports.front()->health_check_node_port,
                 static_cast<std::uint32_t>(ready[node.name].size())});
        }
    }
    std::sort(health_checks_.begin(), health_checks_.end());
}

// --- looking

std::vector<services::ServicePortInputPtr>
Proxies::ports_of(const std::string& ns, const std::string& name) const {
    std::vector<services::ServicePortInputPtr> ports;
    const auto object = store_.get({"Service", ns, name});
    if (!object) {
        return ports;
    }
    const auto service = service_value(object->body);
    for (const auto& family : families_) {
        for (const auto& port : service.ports) {
            if (auto input = family->services().find({ns, name, port.name, port.protocol})) {
                ports.push_back(std::move(input));
            }
        }
    }
    return ports;
}

const services::ProxyNode* Proxies::node(const std::string& name) const {
    const auto found = std::find_if(
        nodes_.begin(), nodes_.end(), [&](const auto& each) { return each.name == name; });
    return found == nodes_.end() ? nullptr : &*found;
}

const netemu::NftTable* Proxies::table(const std::string& node, netemu::Family family) const {
    for (const auto& each : families_) {
        for (std::size_t i = 0; i < nodes_.size(); ++i) {
            if (each->family() == family && nodes_[i].name == node) {
                return each->table(i);
            }
        }
    }
    return nullptr;
}

std::vector<Portal> Proxies::portals() const {
    std::vector<Portal> result;
    for (const auto& family : families_) {
        const auto more = family->portals();
        result.insert(result.end(), more.begin(), more.end());
    }
    return result;
}

std::string Proxies::layout() const {
    std::string layout;
    for (const auto& family : families_) {
        layout = layout == "scale" ? layout : family->layout();
    }
    return layout;
}

std::size_t Proxies::service_ports() const {
    std::size_t count = 0;
    for (const auto& family : families_) {
        count += family->services().size();
    }
    return count;
}

netemu::DesiredState compile_lab(store::Store& store, const ClusterConfig& config) {
    auto desired = compile_network(store, config);
    Proxies proxies(store, config);
    (void)proxies.update();
    proxies.add_to(desired);
    Policies policies(store, config);
    (void)policies.update();
    policies.add_to(desired);
    return desired;
}

} // namespace labctl::compile
