#include "labctl/compile/gateway_objects.h"

#include <string_view>

#include "labctl/compile/image_name.h"
#include "netemu/base/text.h"

namespace labctl::compile {

using api::at;
using api::Json;
using api::string_at;

std::string gateway_of_pod(const Json& pod) {
    constexpr std::string_view kFlag = "--gateway=";
    for (const auto& container : at(pod, "spec.containers")) {
        if (image_name(string_at(container, "image")) != kGatewayImage) {
            continue;
        }
        for (const auto& argument : at(container, "args")) {
            const auto text = argument.is_string() ? argument.get<std::string>() : "";
            if (text.starts_with(kFlag)) {
                return text.substr(kFlag.size());
            }
        }
    }
    return {};
}

std::string gateway_workload_name(const Json& gateway) {
    return string_at(gateway, "metadata.name") + "-" + string_at(gateway, "spec.gatewayClassName");
}

bool is_our_gateway(const store::Store& store, const Json& gateway) {
    const auto named = store.get({"GatewayClass", "", string_at(gateway, "spec.gatewayClassName")});
    return named && string_at(named->body, "spec.controllerName") == kGatewayController;
}

std::vector<std::string> gateway_addresses(const store::Store& store, const api::Object& gateway) {
    std::vector<std::string> addresses;
    const auto service = store.get({"Service", gateway.ns(), gateway_workload_name(gateway.body)});
    if (service) {
        for (const auto& entry : at(service->body, "status.loadBalancer.ingress")) {
            addresses.push_back(string_at(entry, "ip"));
        }
    }
    return addresses;
}

std::optional<std::string> gateway_of_parent(const Json& parent, const std::string& ns) {
    if (string_at(parent, "group", kGatewayApiGroup) != kGatewayApiGroup ||
        string_at(parent, "kind", "Gateway") != "Gateway") {
        return std::nullopt;
    }
    return string_at(parent, "namespace", ns) + "/" + string_at(parent, "name");
}

std::string gateway_hostname(const std::string& text) {
    auto name = netemu::to_lower(text);
    if (name.ends_with('.')) {
        name.pop_back();
    }
    return name;
}

} // namespace labctl::compile
