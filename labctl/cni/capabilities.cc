#include "labctl/cni/capabilities.h"

#include <algorithm>
#include <cctype>
#include <cmath>
#include <cstdlib>
#include <map>
#include <optional>
#include <string>

namespace labctl::cni {

using api::at;
using api::Json;
using api::string_at;

namespace {

/// "10M" bits per second, as the annotations have it (resource.Quantity). Nothing for what is none.
std::optional<std::int64_t> bits_of(const std::string& text) {
    char* end = nullptr;
    const double number = std::strtod(text.c_str(), &end);
    const std::string suffix(end);
    const std::map<std::string, double> units{
        {"", 1},
        {"k", 1e3},
        {"M", 1e6},
        {"G", 1e9},
        {"Ki", 1024},
        {"Mi", 1048576},
        {"Gi", 1073741824}};
    const auto unit = units.find(suffix);
    const double bits = unit == units.end() ? 0 : number * unit->second;
    constexpr double kBitsMax = 1e15; // kubelet's own limit
    if (!(bits >= 1) || bits > kBitsMax) {
        return std::nullopt;
    }
    return static_cast<std::int64_t>(std::llround(bits));
}

Json port_mappings(const Json& pod) {
    Json list = Json::array();
    for (const auto& container : at(pod, "spec.containers")) {
        for (const auto& port : at(container, "ports")) {
            if (api::int_at(port, "hostPort", 0) == 0) {
                continue;
            }
            auto protocol = string_at(port, "protocol", "TCP");
            std::transform(protocol.begin(), protocol.end(), protocol.begin(), [](char c) {
                return static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
            });
            Json mapping{
                {"hostPort", port["hostPort"]},
                {"containerPort", port["containerPort"]},
                {"protocol", protocol}};
            if (const auto address = string_at(port, "hostIP"); !address.empty()) {
                mapping["hostIP"] = address;
            }
            list.push_back(std::move(mapping));
        }
    }
    return list;
}

} // namespace

Json capability_arguments(const Json& pod) {
    Json arguments = Json::object();
    if (auto mappings = port_mappings(pod); !mappings.empty()) {
        arguments["portMappings"] = std::move(mappings);
    }
    const auto& annotations = at(pod, "metadata.annotations");
    constexpr std::int64_t kBurst = INT32_MAX; // as kubelet had it: the rate is what counts
    for (const auto* way : {"ingress", "egress"}) {
        const auto found = annotations.find(std::string("kubernetes.io/") + way + "-bandwidth");
        if (!annotations.is_object() || found == annotations.end() || !found->is_string()) {
            continue;
        }
        if (const auto bits = bits_of(found->get<std::string>())) {
            arguments["bandwidth"][std::string(way) + "Rate"] = *bits;
            arguments["bandwidth"][std::string(way) + "Burst"] = kBurst;
        }
    }
    return arguments;
}

} // namespace labctl::cni
