#include "labctl/report/graph.h"

#include <algorithm>
#include <array>
#include <map>

#include "labctl/report/graph_model.h"
#include "netemu/base/error.h"
#include "netemu/base/text.h"

namespace labctl::report {

namespace {

using api::at;
using api::Json;
using api::string_at;

std::string strings_or(const Json& list, const std::string& fallback) {
    std::vector<std::string> parts;
    for (const auto& entry : list) {
        parts.push_back(entry.is_string() ? entry.get<std::string>() : string_at(entry, "ip"));
    }
    return parts.empty() ? fallback : netemu::join(parts, ", ");
}

GraphNode node_of(const api::Object& object) {
    GraphNode node;
    node.name = object.name();
    const auto labels = object.labels();
    const auto zone = labels.find("topology.kubernetes.io/zone");
    node.zone = zone == labels.end() ? "" : zone->second;
    std::vector<std::string> ips;
    for (const auto& address : at(object.body, "status.addresses")) {
        if (string_at(address, "type") == "InternalIP") {
            ips.push_back(string_at(address, "address"));
        }
    }
    node.ips = netemu::join(ips, ", ");
    node.ranges =
        strings_or(at(object.body, "spec.podCIDRs"), string_at(object.body, "spec.podCIDR"));
    return node;
}

} // namespace

GraphModel graph_model(const GraphInput& input) {
    GraphModel model{input, {}, {}};
    std::map<std::string, std::size_t> index;
    for (const auto& object : input.objects) {
        if (object->kind() == "Node") {
            index[object->name()] = model.nodes.size();
            model.nodes.push_back(node_of(*object));
        }
    }
    for (const auto& object : input.objects) {
        const auto phase = string_at(object->body, "status.phase");
        if (object->kind() != "Pod" || phase == "Succeeded" || phase == "Failed") {
            continue;
        }
        GraphPod pod{
            object->ns(),
            object->name(),
            strings_or(at(object->body, "status.podIPs"), string_at(object->body, "status.podIP"))};
        const auto found = index.find(string_at(object->body, "spec.nodeName"));
        if (found == index.end()) {
            model.unscheduled.push_back(std::move(pod));
            continue;
        }
        auto& node = model.nodes[found->second];
        if (input.pods_per_node_max == 0 || node.pods.size() < input.pods_per_node_max) {
            node.pods.push_back(std::move(pod));
        } else {
            ++node.hidden;
        }
    }
    return model;
}

GraphFormat parse_graph_format(std::string_view name) {
    static const std::vector<std::string> kNames{"mermaid", "dot", "ascii", "svg"};
    static constexpr std::array kFormats{
        GraphFormat::Mermaid, GraphFormat::Dot, GraphFormat::Ascii, GraphFormat::Svg};
    const auto found = std::ranges::find(kNames, name);
    if (found == kNames.end()) {
        const auto near = netemu::nearest(name, kNames);
        throw netemu::UsageError(
            "'" + std::string(name) + "' is not a form of drawing",
            near ? "did you mean '" + *near + "'?" : "it can be " + netemu::join(kNames, ", "));
    }
    return kFormats.at(static_cast<std::size_t>(found - kNames.begin()));
}

std::string graph(const GraphInput& input, GraphFormat format) {
    const auto model = graph_model(input);
    switch (format) {
    case GraphFormat::Mermaid:
        return graph_mermaid(model);
    case GraphFormat::Dot:
        return graph_dot(model);
    case GraphFormat::Ascii:
        return graph_ascii(model);
    case GraphFormat::Svg:
        return graph_svg(model);
    }
    return {};
}

} // namespace labctl::report
