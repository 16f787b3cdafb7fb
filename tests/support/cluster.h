#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "labctl/compile/cluster_config.h"
#include "labctl/store/store.h"

namespace labctl::test {

/// Objects as the controllers leave them, for tests of what is compiled from them.
struct Cluster {
    /// Nodes "node-1" to "node-N" with their addresses; one family for each of `pod_ranges`.
    explicit Cluster(
        std::size_t nodes, const std::vector<std::string>& pod_ranges = {"10.244.0.0/16"});

    /// A running pod with address number `offset` of each range of that node (from 1).
    void add_pod(std::size_t node, const std::string& ns, const std::string& name, unsigned offset);
    void remove_pod(const std::string& ns, const std::string& name);
    /// Sets one field of a pod, named by a JSON pointer.
    void
    set_pod(const std::string& ns, const std::string& name, const char* pointer, api::Json value);
    void remove_node(std::size_t node);
    void add_node(std::size_t node);

    compile::ClusterConfig config;
    store::Store store;
};

} // namespace labctl::test
