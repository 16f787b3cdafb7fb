#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "labctl/api/object.h"
#include "labctl/compile/cluster_config.h"
#include "labctl/compile/pod_dns.h"
#include "labctl/dataplane/spec.h"
#include "labctl/store/store.h"

namespace labctl::supervisor {

/// The DNS caches of the nodes (compile/node_cache.h): what each serves, and when its Corefile has
/// become another. One that cannot be read leaves the last good one in force.
class NodeCaches {
public:
    /// Told of a Corefile that cannot be read, "Corefile:LINE: ...", and of the ConfigMap.
    using Warn = std::function<void(const api::Object& config_map, const std::string& problem)>;

    /// `store` and `config` outlive this.
    NodeCaches(const store::Store& store, const compile::ClusterConfig& config, Warn warn)
        : store_(store), config_(config), warn_(std::move(warn)) {}

    /// Turns the workload of a pod into a cache, if the pod is one; else leaves it as it is.
    void
    complete(const api::Object& pod, const compile::ClusterDns& dns, dataplane::WorkloadSpec& spec);
    /// The pods that are to be served anew: those whose Corefile is not what `complete` has found.
    [[nodiscard]] std::vector<api::ObjectKey> changed() const;
    void forget(const api::ObjectKey& pod) { known_.erase(pod); }

private:
    struct Known {
        std::string read; // as it was last found
        std::string good; // in force
    };

    const store::Store& store_;
    const compile::ClusterConfig& config_;
    Warn warn_;
    std::map<api::ObjectKey, Known> known_;
};

} // namespace labctl::supervisor
