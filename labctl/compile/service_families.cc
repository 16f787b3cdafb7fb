#include "labctl/compile/service_families.h"

#include <algorithm>

#include "labctl/api/status_error.h"
#include "labctl/compile/service_index.h"

namespace labctl::compile {

namespace {

using api::Json;
using netemu::IpAddress;

[[noreturn]] void refuse_family(const Json& service, const std::string& why) {
    throw api::StatusError::invalid("Service", api::string_at(service, "metadata.name"), why);
}

std::vector<std::string> cluster_families(const ServiceIndex& index) {
    std::vector<std::string> families;
    for (const auto& range : index.ranges().cluster_ips) {
        families.push_back(family_text(range.first().family()));
    }
    return families;
}

/// A change from two families to one that says so by its policy alone.
void give_up_second(const Json& before, Json& spec) {
    if (api::string_at(spec, "ipFamilyPolicy") != "SingleStack") {
        return;
    }
    for (const auto* field : {"ipFamilies", "clusterIPs"}) {
        const auto& old = api::at(before, std::string("spec.") + field);
        if (old.size() == 2 && api::at(spec, field) == old) {
            spec[field].erase(1);
        }
    }
}

/// The families of requested addresses stand for families that were not named.
void take_from_addresses(const Json& service, Json& spec) {
    auto& families = spec["ipFamilies"];
    if (families.is_null()) {
        families = Json::array();
    }
    const auto& ips = api::at(spec, "clusterIPs");
    for (std::size_t i = 0; i < ips.size(); ++i) {
        const auto address = IpAddress::parse(ips[i].is_string() ? ips[i].get<std::string>() : "");
        if (!address) {
            continue; // None
        }
        const auto family = family_text(address->family());
        if (i >= families.size()) {
            families.push_back(family);
        } else if (families[i] != family) {
            refuse_family(
                service,
                "spec.clusterIPs[" + std::to_string(i) + "]: Invalid value: " + ips.dump() +
                    ": expected an " + families[i].get<std::string>() +
                    " value as indicated by `ipFamilies[" + std::to_string(i) + "]`");
        }
    }
}

void check_families(
    const std::vector<std::string>& cluster, const Json& service, const Json& families) {
    for (std::size_t i = 0; i < families.size(); ++i) {
        if (std::find(cluster.begin(), cluster.end(), families[i]) == cluster.end()) {
            refuse_family(
                service,
                "spec.ipFamilies[" + std::to_string(i) + "]: Invalid value: " + families[i].dump() +
                    ": not configured on this cluster");
        }
    }
    if (families.size() == 2 && families[0] == families[1]) {
        refuse_family(service, "spec.ipFamilies[1]: Duplicate value: " + families[1].dump());
    }
}

} // namespace

std::string family_text(netemu::Family family) {
    return family == netemu::Family::V4 ? "IPv4" : "IPv6";
}

bool is_headless_service(const Json& service) {
    const auto& ips = api::at(service, "spec.clusterIPs");
    return api::string_at(service, "spec.clusterIP") == "None" ||
           (!ips.empty() && ips[0] == "None");
}

bool is_headless_without_selector(const Json& service) {
    return is_headless_service(service) && api::at(service, "spec.selector").empty();
}

void complete_families(const ServiceIndex& index, const Json& before, Json& service) {
    auto& spec = service["spec"];
    const auto cluster = cluster_families(index);
    const bool free_choice = is_headless_without_selector(service); // nothing is allocated for it
    give_up_second(before, spec);
    take_from_addresses(service, spec);
    auto& families = spec["ipFamilies"];
    auto policy = api::string_at(spec, "ipFamilyPolicy");
    if (!free_choice) {
        check_families(cluster, service, families);
    }
    if (families.size() > 1 && (policy.empty() || policy == "SingleStack")) {
        refuse_family(
            service,
            "spec.ipFamilyPolicy: Invalid value: \"" + policy +
                "\": must be RequireDualStack or PreferDualStack when multiple IP families are "
                "specified");
    }
    if (policy == "RequireDualStack" && cluster.size() < 2 && !free_choice) {
        refuse_family(
            service,
            "spec.ipFamilyPolicy: Invalid value: \"RequireDualStack\": Cluster is not configured "
            "for dual-stack services");
    }
    if (policy.empty()) {
        policy = free_choice && families.empty() ? "RequireDualStack" : "SingleStack";
    }
    spec["ipFamilyPolicy"] = policy;
    if (families.empty()) {
        families.push_back(cluster.front());
    }
    if (policy != "SingleStack" && families.size() == 1 && (cluster.size() == 2 || free_choice)) {
        families.push_back(families[0] == "IPv4" ? "IPv6" : "IPv4");
    }
}

} // namespace labctl::compile
