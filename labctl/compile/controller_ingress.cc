#include "labctl/compile/controller_ingress.h"

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "labctl/compile/bootstrap_ingress.h"
#include "labctl/compile/control.h"
#include "labctl/compile/ingress_objects.h"

namespace labctl::compile {

namespace {

using api::Json;

/// With the API server it is a plugin of admission, and so for new Ingresses only; here the class
/// may come with the Ingress, so it is given whenever there is one.
api::ObjectPtr give_default_class(Control& control, const api::ObjectPtr& ingress) {
    if (!ingress_class_of(ingress->body).empty()) {
        return ingress;
    }
    const auto defaults = default_ingress_classes(control.store);
    if (defaults.size() != 1) {
        return ingress;
    }
    return control.edit(ingress, [&defaults](Json& body) {
        body["spec"]["ingressClassName"] = defaults.front()->name();
    });
}

Json load_balancer_status(const std::vector<std::string>& addresses) {
    Json status = {{"loadBalancer", Json::object()}};
    for (const auto& address : addresses) {
        status["loadBalancer"]["ingress"].push_back({{"ip", address}});
    }
    return status;
}

} // namespace

void sync_ingresses(Control& control, const ClusterConfig& config) {
    control.state.dirty_ingresses() = false;
    if (control.store.size("Ingress") == 0) {
        return;
    }
    if (config.ingress_enabled.value_or(true) &&
        !control.store.get({"Namespace", "", kIngressNamespace})) {
        ensure_ingress_controller(control, config);
    }
    std::map<std::string, std::vector<std::string>> addresses; // by controller
    for (const auto& found : control.store.list("Ingress")) {
        const auto ingress = give_default_class(control, found);
        const auto controller = controller_of_ingress(control.store, ingress->body);
        if (!controller.empty() && !addresses.contains(controller)) {
            addresses[controller] = ingress_addresses(control.store, controller);
        }
        auto status = load_balancer_status(
            controller.empty() ? std::vector<std::string>() : addresses[controller]);
        if (status != api::at(ingress->body, "status")) {
            control.set_status(ingress, std::move(status));
        }
    }
}

} // namespace labctl::compile
