#include "labctl/compile/dns_object.h"

#include <algorithm>
#include <optional>
#include <vector>

#include "netemu/base/address.h"
#include "netemu/base/text.h"

namespace labctl::compile {

using api::at;
using api::Json;
using api::string_at;
using netemu::IpAddress;

namespace {

constexpr const char* kServiceNameLabel = "kubernetes.io/service-name";

std::vector<api::ObjectPtr>
slices_named(const store::Store& store, const std::string& ns, const std::string& service) {
    std::vector<api::ObjectPtr> slices;
    for (const auto& slice : store.list("EndpointSlice", ns)) {
        const auto labels = slice->labels();
        const auto found = labels.find(kServiceNameLabel);
        if (found != labels.end() && found->second == service) {
            slices.push_back(slice);
        }
    }
    return slices;
}

bool is_ready(const Json& endpoint) {
    return api::bool_at(endpoint, "conditions.ready", true);
}

Json service_object(
    const store::Store& store, const api::Object& service, const std::string& endpoint) {
    const auto headless = string_at(service.body, "spec.clusterIP") == "None";
    const auto type = string_at(service.body, "spec.type", "ClusterIP");
    Json object{
        {"kind", "Service"},
        {"namespace", service.ns()},
        {"name", service.name()},
        {"type", headless ? "Headless" : type}};
    const auto text = service.ns() + "/" + service.name();
    if (type == "ExternalName") {
        return {
            {"object", object},
            {"why",
             "Service " + text + " is an alias of " +
                 string_at(service.body, "spec.externalName")}};
    }
    if (!headless && endpoint.empty()) {
        return {{"object", object}, {"why", "ClusterIP of Service " + text}};
    }
    std::size_t ready = 0;
    for (const auto& slice : slices_named(store, service.ns(), service.name())) {
        const auto& endpoints = at(slice->body, "endpoints");
        ready +=
            static_cast<std::size_t>(std::count_if(endpoints.begin(), endpoints.end(), is_ready));
        object["endpointSlices"].push_back(slice->name());
    }
    auto why = "headless Service " + text + " with " + std::to_string(ready) + " ready endpoint" +
               (ready == 1 ? "" : "s");
    if (!endpoint.empty()) {
        why = "endpoint '" + endpoint + "' of Service " + text;
    }
    return {{"object", object}, {"why", why}};
}

/// LABELS.svc: [[_port._proto | endpoint].]service.namespace.
Json name_of_service(const store::Store& store, const std::vector<std::string>& labels) {
    if (labels.size() < 2) {
        return {{"why", "the domain of Services"}};
    }
    const auto& ns = labels.back();
    if (!store.get({"Namespace", "", ns})) {
        return {{"why", "no namespace '" + ns + "'"}};
    }
    const auto& name = labels[labels.size() - 2];
    const auto service = store.get({"Service", ns, name});
    if (!service) {
        return {{"why", "no Service '" + name + "' in namespace '" + ns + "'"}};
    }
    return service_object(store, *service, labels.size() == 3 ? labels[0] : std::string());
}

api::ObjectPtr
pod_with(const store::Store& store, const std::string& ns, const IpAddress& address) {
    for (const auto& pod : store.list("Pod", ns)) {
        for (const auto& entry : at(pod->body, "status.podIPs")) {
            if (IpAddress::parse(string_at(entry, "ip")) == address) {
                return pod;
            }
        }
    }
    return nullptr;
}

/// ADDRESS-WITH-DASHES.namespace of LABELS.pod.
Json name_of_pod(const store::Store& store, const std::vector<std::string>& labels) {
    if (labels.size() != 2) {
        return {{"why", "the domain of pods"}};
    }
    auto v4 = labels[0];
    auto v6 = labels[0];
    std::replace(v4.begin(), v4.end(), '-', '.');
    std::replace(v6.begin(), v6.end(), '-', ':');
    const auto parsed = IpAddress::parse(v4);
    const auto address = parsed ? parsed : IpAddress::parse(v6);
    const auto pod = address ? pod_with(store, labels[1], *address) : nullptr;
    if (!pod) {
        return {{"why", "no pod of namespace '" + labels[1] + "' has that address"}};
    }
    return {
        {"object", {{"kind", "Pod"}, {"namespace", pod->ns()}, {"name", pod->name()}}},
        {"why", "address of pod " + pod->ns() + "/" + pod->name()}};
}

/// RFC 1035 section 3.5, RFC 3596 section 2.5.
std::optional<IpAddress> reversed_address(const std::string& name) {
    std::string text;
    if (const auto end = name.find(".in-addr.arpa"); end != std::string::npos) {
        const auto numbers = name.substr(0, end);
        for (const auto part : netemu::split(numbers, '.')) {
            text = std::string(part) + (text.empty() ? "" : "." + text);
        }
    } else if (const auto end6 = name.find(".ip6.arpa"); end6 != std::string::npos) {
        std::size_t digits = 0;
        for (auto place = end6; place-- > 0;) {
            if (name[place] != '.') {
                text += digits > 0 && digits % 4 == 0 ? ":" : "";
                text += name[place];
                ++digits;
            }
        }
    }
    return IpAddress::parse(text);
}

Json owner_of_address(const store::Store& store, const IpAddress& address) {
    for (const auto& service : store.list("Service")) {
        for (const auto& entry : at(service->body, "spec.clusterIPs")) {
            if (entry.is_string() && IpAddress::parse(entry.get<std::string>()) == address) {
                return service_object(store, *service, {});
            }
        }
    }
    for (const auto& slice : store.list("EndpointSlice")) {
        for (const auto& endpoint : at(slice->body, "endpoints")) {
            const auto& addresses = at(endpoint, "addresses");
            const bool has = std::any_of(addresses.begin(), addresses.end(), [&](const Json& text) {
                return text.is_string() && IpAddress::parse(text.get<std::string>()) == address;
            });
            const auto labels = slice->labels();
            const auto name = labels.find(kServiceNameLabel);
            const auto service =
                name == labels.end() ? nullptr : store.get({"Service", slice->ns(), name->second});
            if (has && service) {
                return service_object(
                    store, *service, string_at(endpoint, "hostname", address.to_string()));
            }
        }
    }
    return {{"why", "no Service has " + address.to_string()}};
}

} // namespace

api::Json
dns_object(const store::Store& store, const std::string& domain, const std::string& name) {
    auto text = netemu::to_lower(name);
    if (text.ends_with('.')) {
        text.pop_back();
    }
    if (const auto address = reversed_address(text)) {
        return owner_of_address(store, *address);
    }
    const auto suffix = "." + netemu::to_lower(domain);
    if (!text.ends_with(suffix)) {
        return Json::object();
    }
    text.resize(text.size() - suffix.size());
    std::vector<std::string> labels;
    for (const auto label : netemu::split(text, '.')) {
        labels.emplace_back(label);
    }
    const auto kind = labels.back();
    labels.pop_back();
    if (kind == "svc") {
        return name_of_service(store, labels);
    }
    if (kind == "pod") {
        return name_of_pod(store, labels);
    }
    return {{"why", "the cluster has names below svc and pod only"}};
}

} // namespace labctl::compile
