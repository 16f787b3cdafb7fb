#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "labctl/api/object.h"
#include "labctl/compile/service_ranges.h"
#include "labctl/store/store.h"

/// What the Service controllers know about the store without reading it again. It follows the
/// store's events, so what Services hold (addresses, node ports) is always what the stored objects
/// say: a rolled back edit, a resumed journal and a copy of the store need no special care.
/// Internal to this folder.
namespace labctl::compile {

struct ClusterConfig;
struct PodInfo;
using ServiceKey = std::pair<std::string, std::string>; // namespace, name

/// The labels by which slices and Services name each other.
inline constexpr const char* kServiceNameLabel = "kubernetes.io/service-name";
inline constexpr const char* kManagedByLabel = "endpointslice.kubernetes.io/managed-by";
inline constexpr const char* kSliceController = "endpointslice-controller.k8s.io";
inline constexpr const char* kMirroringController = "endpointslicemirroring-controller.k8s.io";

/// `spec.selector`; nullopt if it is absent or empty, or the Service is an ExternalName: nobody
/// manages its endpoints.
std::optional<api::Labels> selector_of(const api::Json& service);

class ServiceIndex {
public:
    /// The addresses that a lab hands out. The ranges of services are in the order of the
    /// configuration, one per family; those of the load balancer too.
    struct Ranges {
        std::vector<AddressRange> cluster_ips;
        std::vector<AddressRange> load_balancer;
        NodePortRange node_ports;
    };
    explicit ServiceIndex(const ClusterConfig& config);

    void on_service(const store::Event& event);
    void on_slice(const store::Event& event);
    void on_endpoints(const store::Event& event);
    /// `before` are the labels that the pod had; nullopt when it is new. `after`: nullopt when it
    /// is gone. `changed`: something else that an endpoint is made of has changed.
    void on_pod(
        const PodInfo& pod,
        const std::optional<api::Labels>& before,
        const std::optional<api::Labels>& after,
        bool changed);
    void on_zones_changed(); // a node's zone: every endpoint may have another one

    [[nodiscard]] const Ranges& ranges() const { return ranges_; }
    /// The range of the family, or nullptr if the cluster has none.
    [[nodiscard]] const AddressRange* cluster_ips(netemu::Family family) const;

    /// Pods in the namespace with all these labels, in order of their names.
    [[nodiscard]] std::vector<const PodInfo*>
    pods_with(const std::string& ns, const api::Labels& selector) const;
    /// Names of the EndpointSlices that are labelled with the Service.
    [[nodiscard]] const std::set<std::string>& slices_of(const ServiceKey& service) const;

    /// Services that wait for an address of the load balancer; they become dirty when one is
    /// released.
    std::set<ServiceKey> waiting;
    /// Services whose endpoints, or addresses at the load balancer, are to be looked at.
    std::set<ServiceKey> dirty;
    /// Set while a controller of Services writes: what it writes is no news to it.
    bool own_write = false;

private:
    struct Holding {
        std::vector<netemu::IpAddress> cluster_ips;
        std::vector<netemu::IpAddress> load_balancer;
        std::vector<std::int64_t> node_ports; // each once
    };
    struct Known {
        Holding holding;
        std::string indexed_under; // key of by_selector_; empty when there is no selector
        api::Labels selector;
    };

    void take(const ServiceOwner& owner, const Holding& holding);
    void release(const ServiceOwner& owner, const Holding& holding);
    void
    index_selector(const ServiceKey& key, Known& known, const std::optional<api::Labels>& selector);
    void mark_matching(const std::string& ns, const api::Labels& labels);
    static Holding holding_of(const api::Json& service);

    Ranges ranges_;
    std::map<ServiceKey, Known> services_;
    /// Under one pair of each selector, the one that the fewest had when it came.
    std::unordered_map<std::string, std::set<ServiceKey>> by_selector_;
    std::unordered_map<std::string, std::unordered_set<const PodInfo*>> pods_by_label_;
    std::map<ServiceKey, std::set<std::string>> slices_;
};

} // namespace labctl::compile
