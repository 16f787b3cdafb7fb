#pragma once

#include <string>
#include <vector>

#include "labctl/report/graph.h"

/// What is drawn, taken from the objects once. Private to the room.
namespace labctl::report {

struct GraphPod {
    std::string ns;
    std::string name;
    std::string ips; // "10.244.1.2, fd00::2"; empty: none yet
};

struct GraphNode {
    std::string name;
    std::string zone; // or empty
    std::string ips;
    std::string ranges;
    std::vector<GraphPod> pods; // those that are drawn
    std::size_t hidden = 0;     // those that are only counted
};

struct GraphModel {
    const GraphInput& input;
    std::vector<GraphNode> nodes;
    std::vector<GraphPod> unscheduled;
};

GraphModel graph_model(const GraphInput& input);

std::string graph_mermaid(const GraphModel& model);
std::string graph_dot(const GraphModel& model);
std::string graph_ascii(const GraphModel& model);
std::string graph_svg(const GraphModel& model);

} // namespace labctl::report
