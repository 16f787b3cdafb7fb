#include <algorithm>

#include "labctl/compile/control.h"
#include "labctl/compile/service_controllers.h"
#include "labctl/compile/service_slices.h"

namespace labctl::compile {

namespace {

using api::Json;

constexpr std::size_t kMirroredPerSubsetMax = 1000; // --mirroring-max-endpoints-per-subset
constexpr const char* kSkipMirror = "endpointslice.kubernetes.io/skip-mirror";
constexpr const char* kLeaderElection = "control-plane.alpha.kubernetes.io/leader";

bool is_mirrored(const api::Object& endpoints) {
    const auto labels = endpoints.labels();
    const auto skip = labels.find(kSkipMirror);
    return (skip == labels.end() || skip->second != "true") &&
           !labels.contains("endpoints.kubernetes.io/managed-by") &&
           !endpoints.annotations().contains(kLeaderElection);
}

void mirror_addresses(
    WantedSlices& wanted,
    const Json& addresses,
    const std::vector<services::SlicePort>& ports,
    bool ready,
    std::size_t& room) {
    for (const auto& entry : addresses) {
        const auto address = netemu::IpAddress::parse(api::string_at(entry, "ip"));
        if (!address || room == 0) {
            continue;
        }
        --room;
        services::PlacedEndpoint placed;
        placed.endpoint.address = *address;
        placed.endpoint.ready = ready;
        placed.endpoint.serving = ready;
        placed.endpoint.node = api::string_at(entry, "nodeName");
        placed.endpoint.hostname = api::string_at(entry, "hostname");
        if (api::string_at(entry, "targetRef.kind") == "Pod") {
            placed.endpoint.pod_namespace = api::string_at(entry, "targetRef.namespace");
            placed.endpoint.pod_name = api::string_at(entry, "targetRef.name");
            placed.pod_uid = api::string_at(entry, "targetRef.uid");
        }
        wanted[{address->family(), ports}].push_back(std::move(placed));
    }
}

WantedSlices mirror_of(const Json& endpoints) {
    WantedSlices wanted;
    for (const auto& subset : api::at(endpoints, "subsets")) {
        std::vector<services::SlicePort> ports;
        for (const auto& port : api::at(subset, "ports")) {
            ports.push_back(read_slice_port(port));
        }
        auto room = kMirroredPerSubsetMax;
        mirror_addresses(wanted, api::at(subset, "addresses"), ports, true, room);
        mirror_addresses(wanted, api::at(subset, "notReadyAddresses"), ports, false, room);
    }
    return wanted;
}

} // namespace

void sync_mirrored_slices(Control& control, const ServiceKey& key, const api::ObjectPtr& service) {
    const auto names = managed_slices(control, key, kMirroringController);
    const auto endpoints = control.store.get({"Endpoints", key.first, key.second});
    const bool wanted = service && !selector_of(service->body) && endpoints &&
                        api::string_at(service->body, "spec.type") != "ExternalName" &&
                        is_mirrored(*endpoints);
    if (!wanted) {
        for (const auto& name : names) {
            control.store.remove({"EndpointSlice", key.first, name});
        }
        return;
    }
    auto labels = endpoints->labels();
    labels[kServiceNameLabel] = key.second;
    labels[kManagedByLabel] = kMirroringController;
    auto annotations = endpoints->annotations();
    annotations.erase("kubectl.kubernetes.io/last-applied-configuration");
    annotations.erase("endpoints.kubernetes.io/last-change-trigger-time");
    const SliceOwner owner{
        *endpoints, kMirroringController, labels, annotations, control.now, kMirroredPerSubsetMax};
    bring_slices(control, owner, names, mirror_of(endpoints->body), {});
}

} // namespace labctl::compile
