#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "labctl/compile/proxy_backend.h"
#include "labctl/compile/slice_names.h"
#include "labctl/store/store.h"
#include "netemu/model/connection.h"
#include "netemu/model/plan.h"
#include "services/service_map.h"

/// kube-proxy of every node: from Services and EndpointSlices to rules.
namespace labctl::compile {

struct ClusterConfig;

/// An address of the load balancer and the node that answers for it on the underlay, as a speaker
/// of an L2 load balancer would.
struct Announcement {
    netemu::IpAddress address;
    std::string node;
    auto operator<=>(const Announcement&) const = default;
};

/// What a node answers on the health-check node port of a Service (reference 2.8).
struct HealthCheck {
    std::string ns;
    std::string service;
    std::string node;
    std::uint16_t port = 0;
    std::uint32_t endpoints = 0; // ready ones on this node, by address
    auto operator<=>(const HealthCheck&) const = default;
};

/// The proxies of all nodes of a lab, in the mode of its configuration. They follow the store: what
/// a Service or a slice changes costs what that Service holds, not what the lab holds. Pure but for
/// the watch. Belongs to the thread of the store.
class Proxies {
public:
    /// `store` outlives this.
    Proxies(store::Store& store, const ClusterConfig& config);
    Proxies(const Proxies&) = delete;
    Proxies& operator=(const Proxies&) = delete;
    ~Proxies();

    /// Takes in what has changed since the last call. Returns what it means for nodes whose rules
    /// are in the kernel as they were wanted before; nothing if nothing differs.
    ProxyWork update();

    /// Whether there are chains that nothing leads to any more; they are deleted by `sweep`, at
    /// least `sweep_delay` after the `update` that let go of them.
    [[nodiscard]] bool has_stale() const;
    /// In the ipvs mode `has_stale` is about real servers that may still have connections, which
    /// `servers` tells: ask again as long as it says so.
    static std::chrono::seconds sweep_delay();
    ProxyWork sweep(const ServerReader& servers);

    /// Of a node's UDP connections, those that lead to an endpoint which the last `update` took out
    /// of service; to be forgotten once its operations are carried out. Ask only if
    /// `udp_changed`, which says whether there can be any.
    [[nodiscard]] bool udp_changed() const { return !udp_changed_.empty(); }
    [[nodiscard]] std::vector<netemu::Connection>
    stale_connections(const std::vector<netemu::Connection>& connections) const;

    /// Adds every node's tables, devices and virtual servers, and for the namespace "external"
    /// where the addresses of the load balancer are.
    void add_to(netemu::DesiredState& state) const;
    /// Of those only devices and virtual servers, which the ipvs mode has.
    void add_devices(netemu::DesiredState& state) const;
    /// Writes them into an observation that is older than the last `update` or `sweep`.
    void note_devices(netemu::ObservedState& observed) const;
    /// All rules of a node for a network namespace that has none, one entry for each family; empty
    /// in a mode that does not restore, and for a node that is not there.
    [[nodiscard]] std::vector<RestoreInput> restores_of(const std::string& node) const;
    /// Puts what the tables contain into an observation that knows only their digests, so that a
    /// plan shows the difference and not the whole table.
    void add_contents(netemu::ObservedState& observed) const;

    /// Which node answers for which address of the load balancer, in order of the addresses: the
    /// first with a usable local endpoint where the external policy is Local, one by the Service's
    /// name otherwise.
    [[nodiscard]] const std::vector<Announcement>& announcements() const { return announcements_; }

    /// Every health check of every node, sorted.
    [[nodiscard]] const std::vector<HealthCheck>& health_checks() const { return health_checks_; }

    /// The service ports of a Service, as the proxies see them.
    [[nodiscard]] std::vector<services::ServicePortInputPtr>
    ports_of(const std::string& ns, const std::string& name) const;
    [[nodiscard]] const services::ProxyNode* node(const std::string& name) const;
    /// In order of their addresses.
    [[nodiscard]] const std::vector<services::ProxyNode>& nodes() const { return nodes_; }
    [[nodiscard]] const services::ProxyConfig& config() const { return proxy_config_; }
    /// "nftables", "iptables", "ipvs" or "userspace".
    [[nodiscard]] const std::string& mode() const { return mode_; }
    /// Whether the rules of the mode are loaded by iptables-restore.
    [[nodiscard]] bool restores_rules() const {
        return mode_ == "iptables" || mode_ == "userspace";
    }
    /// The sockets that the rules of the userspace mode lead to, on every node; else none.
    [[nodiscard]] std::vector<Portal> portals() const;
    /// The table of a node, or nullptr.
    [[nodiscard]] const netemu::NftTable*
    table(const std::string& node, netemu::Family family) const;
    /// How the rules are laid out: "readable" or "scale", chosen by the number of service ports;
    /// for the iptables mode "chains", for ipvs "virtual servers", for userspace "portals".
    [[nodiscard]] std::string layout() const;
    [[nodiscard]] std::size_t service_ports() const;

private:
    using ServiceKey = std::pair<std::string, std::string>; // namespace, name

    void on_event(const store::Event& event);
    void index_slice(const api::Object& slice, bool present);
    bool read_nodes();
    std::vector<services::ServicePortUpdate> take_in(const ServiceKey& key, ProxyBackend& family);
    void note_udp(const services::ServicePortUpdate& update);
    void announce();
    void check_health();
    [[nodiscard]] std::string announcer(const std::string& ns, const std::string& name) const;

    store::Store& store_;
    const ClusterConfig& cluster_;
    std::string mode_;
    services::ProxyConfig proxy_config_;
    store::Store::WatchId watch_ = 0;
    std::vector<services::ProxyNode> nodes_; // in order of their addresses
    std::vector<std::unique_ptr<ProxyBackend>> families_;
    SliceNames slices_;
    std::set<ServiceKey> dirty_;
    bool nodes_dirty_ = true;
    std::vector<services::ServicePortInputPtr> udp_changed_; // as they are now
    std::set<services::ServicePortName>
        udp_bereft_;                 // lost their last endpoint with the connections
    std::set<ServiceKey> announced_; // Services with an address of the load balancer
    std::vector<Announcement> announcements_;
    std::set<ServiceKey> health_checked_; // Services with a health-check node port
    std::vector<HealthCheck> health_checks_;
};

/// Network and rules of all nodes at once: what a lab of these objects wants, for a plan.
netemu::DesiredState compile_lab(store::Store& store, const ClusterConfig& config);

} // namespace labctl::compile
