#include "labctl/compile/service_admission.h"

#include <algorithm>

#include "labctl/api/status_error.h"
#include "labctl/compile/service_families.h"
#include "labctl/compile/service_index.h"

namespace labctl::compile {

namespace {

using api::Json;
using api::StatusError;
using netemu::IpAddress;

[[noreturn]] void refuse_service(const Json& service, const std::string& why) {
    throw StatusError::invalid("Service", api::string_at(service, "metadata.name"), why);
}

[[noreturn]] void
refuse_taken(const Json& service, const std::string& why, const ServiceOwner& owner) {
    auto error = StatusError::invalid("Service", api::string_at(service, "metadata.name"), why);
    error.set_hint("service " + owner + " has it");
    throw error;
}

[[noreturn]] void refuse_full(const std::string& what, const std::string& range) {
    StatusError error(
        500,
        "InternalError",
        "Internal error occurred: failed to allocate a " + what + ": range is full");
    error.set_hint("all of " + range + " are in use: delete a Service");
    throw error;
}

bool needs_cluster_ip(const Json& service) {
    return api::string_at(service, "spec.type") != "ExternalName";
}

bool needs_node_port(const Json& service) {
    const auto type = api::string_at(service, "spec.type");
    return type == "NodePort" ||
           (type == "LoadBalancer" &&
            api::bool_at(service, "spec.allocateLoadBalancerNodePorts", true));
}

bool may_have_node_port(const Json& service) {
    const auto type = api::string_at(service, "spec.type");
    return type == "NodePort" || type == "LoadBalancer";
}

bool needs_health_port(const Json& service) {
    return api::string_at(service, "spec.type") == "LoadBalancer" &&
           api::string_at(service, "spec.externalTrafficPolicy") == "Local";
}

bool externally_accessible(const Json& service) {
    return may_have_node_port(service) || !api::at(service, "spec.externalIPs").empty();
}

/// The fixed defaults, for objects that come without them (a patch of the type, the API).
void default_spec(Json& service) {
    auto& spec = service["spec"];
    const auto put = [&](Json& object, const char* field, const Json& value) {
        if (api::at(object, field).is_null()) {
            object[field] = value;
        }
    };
    put(spec, "type", "ClusterIP");
    put(spec, "sessionAffinity", "None");
    if (spec["sessionAffinity"] == "ClientIP") {
        put(spec, "sessionAffinityConfig", {{"clientIP", {{"timeoutSeconds", 10800}}}});
    }
    if (may_have_node_port(service)) {
        put(spec, "externalTrafficPolicy", "Cluster");
    }
    if (spec["type"] == "LoadBalancer") {
        put(spec, "allocateLoadBalancerNodePorts", true);
    }
    if (needs_cluster_ip(service)) {
        put(spec, "internalTrafficPolicy", "Cluster");
    }
    if (const auto ports = spec.find("ports"); ports != spec.end() && ports->is_array()) {
        for (auto& port : *ports) {
            put(port, "protocol", "TCP");
            if (const auto& number = api::at(port, "port"); !number.is_null()) {
                put(port, "targetPort", number);
            }
        }
    }
}

/// `clusterIP` and `clusterIPs` say the same; who writes one of them means both.
void normalise_ips(const Json& before, Json& service) {
    auto& spec = service["spec"];
    const auto old_ip = api::string_at(before, "spec.clusterIP");
    const auto& old_ips = api::at(before, "spec.clusterIPs");
    auto ip = api::string_at(spec, "clusterIP");
    if (!old_ip.empty() && ip != old_ip && api::at(spec, "clusterIPs") == old_ips) {
        spec.erase("clusterIPs"); // only `clusterIP` was edited
    }
    auto& ips = spec["clusterIPs"];
    if (ips.empty() && !ip.empty()) {
        ips = Json::array({ip});
    } else if (!ips.empty() && ip.empty() && ips[0].is_string()) {
        spec["clusterIP"] = ips[0];
    }
    if (ips.empty()) {
        spec.erase("clusterIPs");
    }
    if (!api::at(spec, "clusterIPs").empty() && spec["clusterIPs"][0] != spec["clusterIP"]) {
        refuse_service(
            service,
            "spec.clusterIPs[0]: Invalid value: " + spec["clusterIPs"].dump() +
                ": first value must match `clusterIP`");
    }
}

Json* find_port_like(Json& ports, const Json& like) {
    for (auto& port : ports) {
        if (api::at(port, "port") == api::at(like, "port") &&
            api::string_at(port, "protocol", "TCP") == api::string_at(like, "protocol", "TCP")) {
            return &port;
        }
    }
    return nullptr;
}

std::set<std::int64_t> node_ports_of(const Json& service) {
    std::set<std::int64_t> result;
    for (const auto& port : api::at(service, "spec.ports")) {
        result.insert(api::int_at(port, "nodePort", 0));
    }
    result.erase(0);
    return result;
}

/// What an update leaves out and the Service still needs, it keeps (patchAllocatedValues).
void keep_allocated(const Json& before, Json& after) {
    auto& spec = after["spec"];
    const auto& old = api::at(before, "spec");
    const auto keep = [&](const char* field) {
        if (const auto& value = api::at(old, field);
            !value.is_null() && api::at(spec, field).is_null()) {
            spec[field] = value;
        }
    };
    if (needs_cluster_ip(before) && needs_cluster_ip(after)) {
        if (api::string_at(spec, "clusterIP").empty()) {
            spec.erase("clusterIP");
            keep("clusterIP");
        }
        if (api::at(spec, "clusterIP") == api::at(old, "clusterIP")) {
            keep("clusterIPs");
        }
        keep("ipFamilies");
        keep("ipFamilyPolicy");
        const auto& old_ips = api::at(old, "clusterIPs");
        const auto& ips = api::at(spec, "clusterIPs");
        if (old_ips.size() == 2 && ips.size() == 1 && ips[0] == old_ips[0] &&
            api::at(spec, "ipFamilies") == api::at(old, "ipFamilies")) {
            spec["clusterIPs"] = old_ips; // a manifest that names the first one alone
        }
    }
    if (needs_node_port(before) && needs_node_port(after) && api::at(spec, "ports").is_array()) {
        const auto wanted = node_ports_of(after);
        for (const auto& port : api::at(old, "ports")) {
            auto* now = find_port_like(spec["ports"], port);
            const auto number = api::int_at(port, "nodePort", 0);
            if (now != nullptr && number != 0 && api::int_at(*now, "nodePort", 0) == 0 &&
                !wanted.contains(number)) {
                (*now)["nodePort"] = number;
            }
        }
    }
    if (needs_health_port(before) && needs_health_port(after) &&
        api::int_at(spec, "healthCheckNodePort", 0) == 0) {
        spec.erase("healthCheckNodePort");
        keep("healthCheckNodePort");
    }
}

void check_unchanged(const Json& before, const Json& after) {
    if (needs_cluster_ip(before) && needs_cluster_ip(after)) {
        const auto& old = api::at(before, "spec.clusterIPs");
        const auto& now = api::at(after, "spec.clusterIPs");
        for (std::size_t i = 0; i < old.size() && i < now.size(); ++i) {
            if (old[i] != now[i]) {
                refuse_service(
                    after,
                    "spec.clusterIPs[" + std::to_string(i) + "]: Invalid value: " + now.dump() +
                        ": may not change once set");
            }
        }
        const auto& family = api::at(before, "spec.ipFamilies");
        const auto& families = api::at(after, "spec.ipFamilies");
        if (!family.empty() && !families.empty() && family[0] != families[0]) {
            refuse_service(
                after,
                "spec.ipFamilies[0]: Invalid value: " + families.dump() +
                    ": may not change once set");
        }
    }
    if (needs_health_port(before) && needs_health_port(after) &&
        api::at(before, "spec.healthCheckNodePort") != api::at(after, "spec.healthCheckNodePort")) {
        refuse_service(
            after,
            "spec.healthCheckNodePort: Invalid value: " +
                api::at(after, "spec.healthCheckNodePort").dump() + ": field is immutable");
    }
    if (api::string_at(before, "spec.type") == "LoadBalancer" &&
        api::string_at(after, "spec.type") == "LoadBalancer" &&
        api::at(before, "spec.loadBalancerClass") != api::at(after, "spec.loadBalancerClass")) {
        refuse_service(
            after,
            "spec.loadBalancerClass: Invalid value: " +
                api::at(after, "spec.loadBalancerClass").dump() + ": may not change once set");
    }
}

/// Gives out addresses and ports, all of one Service.
class Allocation {
public:
    Allocation(const ServiceIndex& index, const Json& before, Json& service)
        : index_(index), service_(service), spec_(service["spec"]) {
        for (const auto& ip : api::at(before, "spec.clusterIPs")) {
            own_ips_.insert(ip.is_string() ? ip.get<std::string>() : std::string{});
        }
        own_ports_ = node_ports_of(before);
        own_ports_.insert(api::int_at(before, "spec.healthCheckNodePort", 0));
    }

    void run() {
        if (needs_cluster_ip(service_)) {
            cluster_ips();
        }
        if (may_have_node_port(service_)) {
            node_ports();
        }
        if (needs_health_port(service_)) {
            health_port();
        }
    }

private:
    void cluster_ips() {
        auto& ips = spec_["clusterIPs"];
        if (is_headless_service(service_)) {
            spec_["clusterIP"] = "None";
            ips = Json::array({"None"});
            return;
        }
        const auto& families = spec_["ipFamilies"];
        if (ips.is_null()) {
            ips = Json::array();
        }
        for (std::size_t i = 0; i < families.size(); ++i) {
            const auto family = families[i] == "IPv4" ? netemu::Family::V4 : netemu::Family::V6;
            const auto& range = *index_.cluster_ips(family);
            if (i < ips.size()) {
                check_ip(range, ips[i].get<std::string>());
            } else if (const auto address = range.free()) {
                ips.push_back(address->to_string());
            } else {
                refuse_full(
                    "serviceIP", range.first().to_string() + "-" + range.last().to_string());
            }
        }
        spec_["clusterIP"] = ips[0];
    }

    void check_ip(const AddressRange& range, const std::string& text) const {
        if (own_ips_.contains(text)) {
            return;
        }
        const auto address = IpAddress::parse(text);
        const auto attempt = "spec.clusterIPs: Invalid value: " + spec_["clusterIPs"].dump() +
                             ": failed to allocate IP " + text + ": ";
        if (!address || !range.contains(*address)) {
            refuse_service(
                service_,
                attempt + "the provided IP (" + text +
                    ") is not in the valid range. The range of valid IPs is " +
                    range.first().to_string() + "-" + range.last().to_string());
        }
        if (const auto* owner = range.owner(*address)) {
            refuse_taken(service_, attempt + "provided IP is already allocated", *owner);
        }
    }

    /// A number that is free, of nobody else and of no other port of this Service.
    std::int64_t any_port() {
        auto except = taken_;
        except.insert(own_ports_.begin(), own_ports_.end());
        const auto port = index_.ranges().node_ports.free(except);
        if (!port) {
            refuse_full("nodePort", "30000-32767");
        }
        taken_.insert(*port);
        return *port;
    }

    void claim_port(const std::string& field, std::int64_t port) {
        taken_.insert(port);
        if (own_ports_.contains(port)) {
            return;
        }
        const auto attempt = field + ": Invalid value: " + std::to_string(port) + ": ";
        if (!NodePortRange::contains(port)) {
            refuse_service(
                service_,
                attempt + "provided port is not in the valid range. The range of valid ports is "
                          "30000-32767");
        }
        if (const auto* owner = index_.ranges().node_ports.owner(port)) {
            refuse_taken(service_, attempt + "provided port is already allocated", *owner);
        }
    }

    /// Requested numbers first, so that no dynamic one takes them away. The same port over another
    /// protocol shares the number (initNodePorts).
    void node_ports() {
        std::map<std::int64_t, std::int64_t> by_port;
        auto& ports = spec_["ports"];
        for (std::size_t i = 0; i < ports.size(); ++i) {
            if (const auto number = api::int_at(ports[i], "nodePort", 0); number != 0) {
                claim_port("spec.ports[" + std::to_string(i) + "].nodePort", number);
                by_port.emplace(api::int_at(ports[i], "port", 0), number);
            }
        }
        for (auto& port : ports) {
            if (!needs_node_port(service_) || api::int_at(port, "nodePort", 0) != 0) {
                continue;
            }
            auto& number = by_port[api::int_at(port, "port", 0)];
            if (number == 0) {
                number = any_port();
            }
            port["nodePort"] = number;
        }
    }

    void health_port() {
        const auto port = api::int_at(spec_, "healthCheckNodePort", 0);
        if (port == 0) {
            spec_["healthCheckNodePort"] = any_port();
            return;
        }
        if (node_ports_of(service_).contains(port)) {
            refuse_service(
                service_,
                "spec.healthCheckNodePort: Invalid value: " + std::to_string(port) +
                    ": failed to allocate requested HealthCheck NodePort " + std::to_string(port) +
                    ": provided port is already allocated");
        }
        claim_port("spec.healthCheckNodePort", port);
    }

    const ServiceIndex& index_;
    Json& service_;
    Json& spec_;
    std::set<std::string> own_ips_; // that the Service holds already
    std::set<std::int64_t> own_ports_;
    std::set<std::int64_t> taken_; // by this request
};

void admit(const ServiceIndex& index, const Json& before, Json& service) {
    if (needs_cluster_ip(service)) {
        complete_families(index, before, service);
    }
    check_unchanged(before, service);
    Allocation(index, before, service).run();
    auto& status = service["status"];
    if (api::at(status, "loadBalancer").is_null()) {
        status["loadBalancer"] = Json::object();
    }
}

} // namespace

void admit_new_service(const ServiceIndex& index, Json& service) {
    default_spec(service);
    normalise_ips(Json(), service);
    admit(index, {{"spec", {{"type", "ExternalName"}}}}, service);
}

namespace {

/// What belongs to the type that it had and was not edited goes with it (dropTypeDependentFields).
void drop_what_the_type_lacks(const Json& before, Json& after) {
    auto& spec = after["spec"];
    const auto& old = api::at(before, "spec");
    const auto drop = [&](const char* field) {
        if (api::at(spec, field) == api::at(old, field)) {
            spec.erase(field);
        }
    };
    if (needs_cluster_ip(before) && !needs_cluster_ip(after)) {
        for (const auto* field :
             {"clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy", "internalTrafficPolicy"}) {
            drop(field);
        }
    }
    if (!needs_cluster_ip(before) && needs_cluster_ip(after)) {
        drop("externalName");
    }
    if (needs_node_port(before) && !needs_node_port(after) &&
        node_ports_of(before) == node_ports_of(after) && spec.contains("ports")) {
        for (auto& port : spec["ports"]) {
            port.is_object() ? void(port.erase("nodePort")) : void();
        }
    }
    if (needs_health_port(before) && !needs_health_port(after)) {
        drop("healthCheckNodePort");
    }
    if (api::string_at(spec, "type") != "LoadBalancer") {
        drop("allocateLoadBalancerNodePorts");
        drop("loadBalancerClass");
    }
    if (!externally_accessible(after)) {
        drop("externalTrafficPolicy");
    }
}

} // namespace

void prepare_changed_service(const Json& before, Json& after) {
    if (!api::at(after, "spec").is_object()) {
        return; // that is for the validation to say
    }
    auto& spec = after["spec"];
    const auto& old = api::at(before, "spec");
    const auto ip = api::string_at(spec, "clusterIP");
    if (!ip.empty() && ip != api::string_at(old, "clusterIP") &&
        api::at(spec, "clusterIPs") == api::at(old, "clusterIPs")) {
        spec.erase("clusterIPs"); // only `clusterIP` was edited
    }
    drop_what_the_type_lacks(before, after);
}

void admit_changed_service(const ServiceIndex& index, const Json& before, Json& after) {
    default_spec(after);
    normalise_ips(before, after);
    keep_allocated(before, after);
    drop_what_the_type_lacks(before, after);
    admit(index, before, after);
}

} // namespace labctl::compile
