#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "labctl/api/object.h"

/// A drawing of the lab: external, underlay, nodes with their bridge, pods with their addresses.
namespace labctl::report {

enum class GraphFormat { Mermaid, Dot, Ascii, Svg };

/// Throws netemu::UsageError with a suggestion.
GraphFormat parse_graph_format(std::string_view name);

/// A link of an underlay that is a topology, between "switch/a", "router/r1", "host/h1",
/// "node/node-1" or "external".
struct GraphLink {
    std::string a;
    std::string b;
    std::string label; // what it does to packets, or empty
};

struct GraphInput {
    std::string title;                       // the lab's name
    std::span<const api::ObjectPtr> objects; // nodes and pods; other kinds are ignored
    std::string external_ip = "172.18.0.1";  // empty: no such namespace
    std::string underlay = "172.18.0.0/16";
    std::string bridge = "cni0";        // name of the nodes' bridge
    std::string overlay = "vxlan";      // how nodes exchange the pods' packets, or empty
    std::size_t pods_per_node_max = 24; // more are counted, not drawn; 0: all are drawn
    /// Empty: all nodes are on the one segment. Not in the SVG, which draws that segment.
    std::vector<GraphLink> links{};
};

std::string graph(const GraphInput& input, GraphFormat format);

} // namespace labctl::report
