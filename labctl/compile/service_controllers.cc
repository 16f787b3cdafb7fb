#include "labctl/compile/service_controllers.h"

#include <utility>

#include "labctl/api/status_error.h"
#include "labctl/compile/control.h"
#include "labctl/compile/service_admission.h"

namespace labctl::compile {

namespace {

using api::Json;
using netemu::IpAddress;

/// While it lives, what is written is the Service controllers' own.
class OwnWrites {
public:
    explicit OwnWrites(ServiceIndex& index) : index_(index) { index_.own_write = true; }
    OwnWrites(const OwnWrites&) = delete;
    OwnWrites& operator=(const OwnWrites&) = delete;
    ~OwnWrites() { index_.own_write = false; }

private:
    ServiceIndex& index_;
};

/// Whether each of its cluster addresses is of the lab's ranges and its alone. Of two that have the
/// same address, the first by name keeps it.
bool has_good_addresses(const ServiceIndex& index, const api::Object& service) {
    const auto& ips = api::at(service.body, "spec.clusterIPs");
    const auto self = service.ns() + "/" + service.name();
    for (const auto& ip : ips) {
        if (ip == "None") {
            continue;
        }
        const auto address = IpAddress::parse(ip.is_string() ? ip.get<std::string>() : "");
        const auto* range = address ? index.cluster_ips(address->family()) : nullptr;
        const auto* owner = range != nullptr ? range->owner(*address) : nullptr;
        if (owner == nullptr || *owner != self) {
            return false;
        }
    }
    return !ips.empty();
}

void renew_addresses(Control& control, const api::ObjectPtr& service) {
    auto copy = *service;
    auto& spec = copy.body["spec"];
    for (const auto* field : {"clusterIP", "clusterIPs", "ipFamilies"}) {
        spec.erase(field);
    }
    try {
        admit_new_service(control.state.services(), copy.body);
    } catch (const api::StatusError& error) {
        control.events.warning(
            "ipallocator-repair-controller", *service, "ClusterIPNotAllocated", error.what());
        return;
    }
    const auto stored = control.store.put(std::move(copy));
    control.events.warning(
        "ipallocator-repair-controller",
        *stored,
        "ClusterIPNotAllocated",
        "its cluster IP was missing, of another range or in use; it now has " +
            api::string_at(stored->body, "spec.clusterIP"));
}

} // namespace

void sync_services(Control& control) {
    auto& index = control.state.services();
    const OwnWrites own(index);
    for (const auto& key : std::exchange(index.dirty, {})) {
        const auto service = control.store.get({"Service", key.first, key.second});
        sync_slices(control, key, service);
        sync_endpoints(control, key, service);
        sync_mirrored_slices(control, key, service);
        if (service) {
            sync_load_balancer(control, service);
        }
    }
}

void ensure_kubernetes_service(Control& control) {
    if (control.store.get({"Service", "default", "kubernetes"})) {
        return;
    }
    api::Object object;
    object.body = {
        {"apiVersion", "v1"},
        {"kind", "Service"},
        {"metadata",
         {{"name", "kubernetes"},
          {"namespace", "default"},
          {"labels", {{"component", "apiserver"}, {"provider", "kubernetes"}}}}},
        {"spec",
         {{"ports",
           {{{"name", "https"}, {"port", 443}, {"protocol", "TCP"}, {"targetPort", 6443}}}}}}};
    const auto& first = control.state.services().ranges().cluster_ips.front();
    if (first.owner(first.first()) == nullptr) {
        object.body["spec"]["clusterIP"] = first.first().to_string();
    }
    admit_new_service(control.state.services(), object.body);
    control.store.put(std::move(object));
}

void repair_services(Control& control) {
    for (const auto& service : control.store.list("Service")) {
        if (api::string_at(service->body, "spec.type") != "ExternalName" &&
            !has_good_addresses(control.state.services(), *service)) {
            renew_addresses(control, service);
        }
    }
}

} // namespace labctl::compile
