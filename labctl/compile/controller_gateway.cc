#include "labctl/compile/controller_gateway.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "labctl/compile/control.h"
#include "labctl/compile/gateway_objects.h"
#include "labctl/compile/gateway_rules.h"

namespace labctl::compile {

namespace {

using api::at;
using api::Json;
using api::string_at;

constexpr const char* kAcceptedText = "Accepted";

/// Conditions of the Gateway API have all fields, and say which generation they are about.
Json gateway_conditions(
    const Control& control,
    const Json& before,
    const std::vector<Condition>& wanted,
    std::int64_t generation) {
    auto list = Json::array();
    for (const auto& one : wanted) {
        auto condition = make_condition(before, one, control.now);
        condition["observedGeneration"] = generation;
        if (!condition.contains("message")) {
            condition["message"] = "";
        }
        list.push_back(std::move(condition));
    }
    return list;
}

std::int64_t generation_of(const api::Object& object) {
    return api::int_at(object.body, "metadata.generation", 1);
}

void put_gateway_status(Control& control, const api::ObjectPtr& object, Json status) {
    if (status != at(object->body, "status")) {
        control.set_status(object, std::move(status));
    }
}

/// Of a list, what has that name; null if nothing has.
const Json& named(const Json& list, const std::string& name) {
    static const Json kNothing;
    const auto found = std::find_if(list.begin(), list.end(), [&name](const Json& one) {
        return string_at(one, "name") == name;
    });
    return found == list.end() ? kNothing : *found;
}

Condition accepted_condition(const GatewayReport& report) {
    const auto& listeners = report.listeners;
    const auto fine = [](const ListenerReport& one) {
        return one.is("Accepted") && one.is("Programmed");
    };
    if (at(report.gateway->body, "spec.infrastructure.parametersRef").is_object()) {
        return {"Accepted", false, "InvalidParameters", "a lab knows no parameters of Gateways"};
    }
    if (std::all_of(listeners.begin(), listeners.end(), fine)) {
        return {"Accepted", true, "Accepted", ""};
    }
    const bool any = std::any_of(
        listeners.begin(), listeners.end(), [](const auto& one) { return one.is("Accepted"); });
    return {"Accepted", any, "ListenersNotValid", "not all of its listeners are valid"};
}

Condition programmed_condition(
    const Control& control, const GatewayReport& report, const std::vector<std::string>& at_ips) {
    const auto& gateway = *report.gateway;
    const auto deployment =
        control.store.get({"Deployment", gateway.ns(), gateway_workload_name(gateway.body)});
    if (report.ports.empty()) {
        return {"Programmed", false, "Invalid", "no listener is valid"};
    }
    if (at_ips.empty()) {
        return {"Programmed", false, "AddressNotAssigned", "its Service has no address"};
    }
    if (!deployment || api::int_at(deployment->body, "status.availableReplicas", 0) == 0) {
        return {"Programmed", false, "NoResources", "no pod of its Deployment is available"};
    }
    return {"Programmed", true, "Programmed", ""};
}

Json listener_status(
    const Control& control,
    const ListenerReport& report,
    const Json& before,
    std::int64_t generation) {
    auto kinds = Json::array();
    for (const auto& kind : report.kinds) {
        kinds.push_back({{"group", kGatewayApiGroup}, {"kind", kind}});
    }
    return {
        {"name", report.name},
        {"supportedKinds", std::move(kinds)},
        {"attachedRoutes", report.attached},
        {"conditions", gateway_conditions(control, before, report.conditions, generation)}};
}

void write_gateway_status(Control& control, const GatewayReport& report) {
    const auto gateway = control.store.get(report.gateway->key());
    if (!gateway) {
        return;
    }
    const auto& before = at(gateway->body, "status");
    const auto generation = generation_of(*gateway);
    const auto addresses = gateway_addresses(control.store, *gateway);
    Json status = Json::object();
    for (const auto& address : addresses) {
        status["addresses"].push_back({{"type", "IPAddress"}, {"value", address}});
    }
    status["conditions"] = gateway_conditions(
        control,
        before,
        {accepted_condition(report), programmed_condition(control, report, addresses)},
        generation);
    status["listeners"] = Json::array();
    for (const auto& listener : report.listeners) {
        status["listeners"].push_back(listener_status(
            control, listener, named(at(before, "listeners"), listener.name), generation));
    }
    put_gateway_status(control, gateway, std::move(status));
}

/// The entry of the parent in what was said before; null if there is none.
const Json& entry_of_parent(const Json& before, const Json& parent) {
    static const Json kNothing;
    for (const auto& entry : at(before, "parents")) {
        if (at(entry, "parentRef") == parent) {
            return entry;
        }
    }
    return kNothing;
}

Json route_status(const Control& control, const RouteReport& report, const Json& before) {
    auto parents = Json::array();
    for (const auto& entry : at(before, "parents")) { // what others say is theirs
        if (string_at(entry, "controllerName") != kGatewayController) {
            parents.push_back(entry);
        }
    }
    for (const auto& parent : report.parents) {
        const auto& reference = at(report.route->body, "spec.parentRefs")[parent.index];
        parents.push_back(
            {{"parentRef", reference},
             {"controllerName", kGatewayController},
             {"conditions",
              gateway_conditions(
                  control,
                  entry_of_parent(before, reference),
                  parent.conditions,
                  generation_of(*report.route))}});
    }
    return {{"parents", std::move(parents)}};
}

/// Also of those that name no Gateway of ours any more.
void write_route_statuses(Control& control, const std::vector<RouteReport>& reports) {
    for (const auto& route : control.store.list("HTTPRoute")) {
        const auto found = std::find_if(reports.begin(), reports.end(), [&](const auto& report) {
            return report.route->key() == route->key();
        });
        const auto& before = at(route->body, "status");
        if (found == reports.end() && at(before, "parents").is_null()) {
            continue;
        }
        const RouteReport none{route, {}};
        put_gateway_status(
            control, route, route_status(control, found == reports.end() ? none : *found, before));
    }
}

/// What was made for a Gateway that has another class now, or is not ours any more.
void remove_leftovers(Control& control) {
    for (const auto& gateway : control.store.list("Gateway")) {
        const bool ours = is_our_gateway(control.store, gateway->body);
        const auto name = gateway_workload_name(gateway->body);
        const auto made = control.state.dependents(gateway->uid()); // which removing changes
        for (const auto& key : made) {
            if (!ours || key.name != name) {
                control.store.remove(key);
            }
        }
    }
}

void accept_classes(Control& control) {
    for (const auto& found : control.store.list("GatewayClass")) {
        if (string_at(found->body, "spec.controllerName") != kGatewayController) {
            continue;
        }
        const auto& before = at(found->body, "status");
        put_gateway_status(
            control,
            found,
            {{"conditions",
              gateway_conditions(
                  control,
                  before,
                  {{"Accepted", true, kAcceptedText, ""}},
                  generation_of(*found))}});
    }
}

} // namespace

void sync_gateways(Control& control, const ClusterConfig& config) {
    control.state.dirty_gateways() = false;
    auto& store = control.store;
    if (store.size("Gateway") == 0 && store.size("GatewayClass") == 0 &&
        store.size("HTTPRoute") == 0) {
        return;
    }
    if (store.size("Gateway") > 0) {
        ensure_gateway_class(control);
    }
    accept_classes(control);
    remove_leftovers(control);
    const SliceNames no_endpoints; // no status speaks of them
    GatewayRulesBuilder builder(store, no_endpoints);
    builder.build();
    for (const auto& report : builder.gateways) {
        ensure_gateway_workload(control, config, report.gateway, report.ports);
    }
    for (const auto& report : builder.gateways) {
        write_gateway_status(control, report);
    }
    write_route_statuses(control, builder.routes);
}

} // namespace labctl::compile
