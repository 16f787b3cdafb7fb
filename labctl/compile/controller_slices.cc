#include <algorithm>

#include "labctl/compile/control.h"
#include "labctl/compile/service_controllers.h"
#include "labctl/compile/service_endpoints.h"
#include "labctl/compile/service_families.h"
#include "labctl/compile/service_slices.h"
#include "services/hints.h"

namespace labctl::compile {

namespace {

using api::Json;
using netemu::Family;

/// The first of these annotations counts, as in topologycache/utils.go; the second is the older
/// name.
bool wants_topology(const api::Object& service) {
    const auto annotations = service.annotations();
    for (const auto* name :
         {"service.kubernetes.io/topology-aware-hints", "service.kubernetes.io/topology-mode"}) {
        if (const auto found = annotations.find(name); found != annotations.end()) {
            return found->second == "Auto" || found->second == "auto";
        }
    }
    return false;
}

/// Allocatable CPU by zone, of the nodes that pods may go to; empty when one has no zone. All nodes
/// of a lab have the same CPUs.
std::map<std::string, double> cpu_by_zone(const ClusterState& state) {
    std::map<std::string, double> result;
    for (const auto& node : state.nodes()) {
        const auto zone = node.labels.find("topology.kubernetes.io/zone");
        if (node.labels.contains("node-role.kubernetes.io/control-plane")) {
            continue;
        }
        if (zone == node.labels.end() || zone->second.empty()) {
            return {};
        }
        result[zone->second] += 1;
    }
    return result;
}

/// Which zone each endpoint serves now, so that a new split moves few.
void recall_hints(
    Control& control, const std::vector<std::string>& names, const std::string& ns, Json& hints) {
    for (const auto& name : names) {
        const auto slice = control.store.get({"EndpointSlice", ns, name});
        for (const auto& endpoint : api::at(slice->body, "endpoints")) {
            const auto& zones = api::at(endpoint, "hints.forZones");
            if (zones.size() == 1 && !api::at(endpoint, "addresses").empty()) {
                hints[endpoint["addresses"][0].get<std::string>()] =
                    api::string_at(zones[0], "name");
            }
        }
    }
}

class SlicesSync {
public:
    SlicesSync(Control& control, const ServiceKey& key, const api::ObjectPtr& service)
        : control_(control), service_(service),
          names_(managed_slices(control, key, kSliceController)) {}

    void run() {
        const auto families = service_families(service_->body);
        WantedSlices wanted;
        for (const auto family : families) {
            auto pods = service_pods(control_.state, *service_, family);
            set_hints(pods);
            for (auto& pod : pods) {
                wanted[{family, std::move(pod.ports)}].push_back(std::move(pod.endpoint));
            }
        }
        SliceOwner owner{*service_, kSliceController, labels(), {}, control_.now};
        bring_slices(control_, owner, names_, std::move(wanted), families);
    }

private:
    [[nodiscard]] api::Labels labels() const {
        auto labels = service_->labels();
        labels.erase("service.kubernetes.io/headless");
        labels[kServiceNameLabel] = service_->name();
        labels[kManagedByLabel] = kSliceController;
        if (is_headless_service(service_->body)) {
            labels["service.kubernetes.io/headless"] = "";
        }
        return labels;
    }

    void set_hints(std::vector<ServicePod>& pods) {
        std::vector<services::Endpoint*> endpoints;
        endpoints.reserve(pods.size());
        for (auto& pod : pods) {
            endpoints.push_back(&pod.endpoint.endpoint);
        }
        if (!wants_topology(*service_)) {
            services::set_distribution_hints(
                endpoints,
                services::parse_traffic_distribution(
                    api::string_at(service_->body, "spec.trafficDistribution")));
            return;
        }
        Json before = Json::object();
        recall_hints(control_, names_, service_->ns(), before);
        for (auto* endpoint : endpoints) {
            if (const auto found = before.find(endpoint->address.to_string());
                found != before.end()) {
                endpoint->hints.zones = {found->get<std::string>()};
            }
        }
        const auto refusal =
            services::set_proportional_hints(endpoints, cpu_by_zone(control_.state));
        if (refusal == services::TopologyRefusal::None) {
            return;
        }
        control_.events.warning(
            "endpoint-slice-controller",
            *service_,
            "TopologyAwareHintsDisabled",
            std::string(services::to_text(refusal)));
    }

    Control& control_;
    const api::ObjectPtr& service_;
    std::vector<std::string> names_;
};

} // namespace

void sync_slices(Control& control, const ServiceKey& key, const api::ObjectPtr& service) {
    if (service && selector_of(service->body)) {
        SlicesSync(control, key, service).run();
        return;
    }
    const bool external = service && api::string_at(service->body, "spec.type") == "ExternalName";
    if (external || !service) {
        for (const auto& name : managed_slices(control, key, kSliceController)) {
            control.store.remove({"EndpointSlice", key.first, name});
        }
    }
}

} // namespace labctl::compile
