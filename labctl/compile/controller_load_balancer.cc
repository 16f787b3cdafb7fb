#include <algorithm>

#include "labctl/compile/control.h"
#include "labctl/compile/service_controllers.h"
#include "labctl/compile/service_endpoints.h"

namespace labctl::compile {

namespace {

using api::Json;
using netemu::IpAddress;

constexpr const char* kServiceController = "service-controller";

std::optional<IpAddress> any_address(const ServiceIndex& index, netemu::Family family) {
    for (const auto& range : index.ranges().load_balancer) {
        if (range.first().family() == family) {
            if (const auto address = range.free()) {
                return address;
            }
        }
    }
    return std::nullopt;
}

bool in_pool(const ServiceIndex& index, const IpAddress& address) {
    const auto& pool = index.ranges().load_balancer;
    return std::any_of(
        pool.begin(), pool.end(), [&](const auto& range) { return range.contains(address); });
}

const ServiceOwner* owner_in_pool(const ServiceIndex& index, const IpAddress& address) {
    for (const auto& range : index.ranges().load_balancer) {
        if (const auto* owner = range.owner(address)) {
            return owner;
        }
    }
    return nullptr;
}

/// The addresses of one Service, or why there are none.
struct Balanced {
    std::vector<IpAddress> addresses;
    std::string problem;
};

Balanced balance(const ServiceIndex& index, const api::Object& service) {
    Balanced result;
    const auto self = service.ns() + "/" + service.name();
    const auto wanted_text = api::string_at(service.body, "spec.loadBalancerIP");
    const auto wanted = IpAddress::parse(wanted_text);
    std::vector<IpAddress> had;
    for (const auto& entry : api::at(service.body, "status.loadBalancer.ingress")) {
        if (const auto address = IpAddress::parse(api::string_at(entry, "ip"))) {
            had.push_back(*address);
        }
    }
    for (const auto family : service_families(service.body)) {
        if (wanted && wanted->family() == family) {
            const auto* owner = owner_in_pool(index, *wanted);
            if (!in_pool(index, *wanted) || (owner != nullptr && *owner != self)) {
                result.problem = "the requested address " + wanted_text +
                                 (owner != nullptr ? " is in use by service " + *owner
                                                   : " is not in the load balancer's pool");
                return result;
            }
            result.addresses.push_back(*wanted);
            continue;
        }
        const auto kept = std::find_if(had.begin(), had.end(), [&](const IpAddress& address) {
            const auto* owner = owner_in_pool(index, address);
            return address.family() == family && owner != nullptr && *owner == self;
        });
        if (kept != had.end()) {
            result.addresses.push_back(*kept);
        } else if (const auto address = any_address(index, family)) {
            result.addresses.push_back(*address);
        } else {
            result.problem = "no address is left in the load balancer's pool (spec.loadBalancer."
                             "pool of the lab)";
            return result;
        }
    }
    return result;
}

Json ingress_json(const std::vector<IpAddress>& addresses) {
    Json ingress = Json::array();
    for (const auto& address : addresses) {
        ingress.push_back({{"ip", address.to_string()}, {"ipMode", "VIP"}});
    }
    return ingress;
}

void put_ingress(Control& control, const api::ObjectPtr& service, Json ingress) {
    auto status = api::at(service->body, "status");
    status["loadBalancer"] = Json::object();
    if (!ingress.empty()) {
        status["loadBalancer"]["ingress"] = std::move(ingress);
    }
    control.set_status(service, std::move(status));
}

} // namespace

void sync_load_balancer(Control& control, const api::ObjectPtr& service) {
    auto& index = control.state.services();
    const ServiceKey key{service->ns(), service->name()};
    const auto before = api::at(service->body, "status.loadBalancer.ingress");
    index.waiting.erase(key);
    if (api::string_at(service->body, "spec.type") != "LoadBalancer") {
        if (!before.empty()) {
            put_ingress(control, service, Json::array());
            control.events.normal(
                kServiceController, *service, "DeletedLoadBalancer", "Deleted load balancer");
        }
        return;
    }
    if (!api::string_at(service->body, "spec.loadBalancerClass").empty()) {
        return; // another controller's
    }
    const auto balanced = balance(index, *service);
    if (!balanced.problem.empty()) {
        index.waiting.insert(key);
        control.events.warning(
            kServiceController,
            *service,
            "SyncLoadBalancerFailed",
            "Error syncing load balancer: failed to ensure load balancer: " + balanced.problem);
        put_ingress(control, service, Json::array());
        return;
    }
    auto ingress = ingress_json(balanced.addresses);
    if (ingress == before) {
        return;
    }
    control.events.normal(
        kServiceController, *service, "EnsuringLoadBalancer", "Ensuring load balancer");
    put_ingress(control, service, std::move(ingress));
    control.events.normal(
        kServiceController, *service, "EnsuredLoadBalancer", "Ensured load balancer");
}

} // namespace labctl::compile
