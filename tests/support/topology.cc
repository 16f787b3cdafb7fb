#include "tests/support/topology.h"

namespace labctl::test {

TopologyCluster::TopologyCluster(
    std::size_t nodes, const std::string& underlay, const std::vector<std::string>& pod_ranges)
    : Cluster(0, pod_ranges) {
    api::Object lab;
    lab.body = {
        {"apiVersion", "labctl.dev/v1"},
        {"kind", "Lab"},
        {"metadata", {{"name", "lab"}}},
        {"spec",
         {{"nodes", nodes}, {"podCIDR", pod_ranges}, {"underlay", api::Json::parse(underlay)}}}};
    config = compile::ClusterConfig::from_lab(lab);
    for (std::size_t i = 1; i <= nodes; ++i) {
        add_node(i);
    }
}

} // namespace labctl::test
