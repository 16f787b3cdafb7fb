#pragma once

#include <optional>
#include <string>

#include "labctl/compile/cluster_config.h"
#include "labctl/dataplane/spec.h"
#include "labctl/probe/probe.h"
#include "labctl/store/store.h"

namespace labctl::supervisor {

/// From what a probe says ("x/a" to "tcp://pod:x/b:http") to a network namespace, an address and a
/// port number. What cannot be resolved becomes an outcome, so that one bad probe does not spoil a
/// list; what makes no sense at all (a source that does not exist) throws netemu::UsageError.
class ProbeResolver {
public:
    ProbeResolver(const store::Store& store, const compile::ClusterConfig& config)
        : store_(store), config_(config) {}

    [[nodiscard]] dataplane::ResolvedRequest resolve(const probe::Request& request) const;

private:
    [[nodiscard]] std::string source_namespace(const std::string& from) const;
    void resolve_target(dataplane::ResolvedRequest& resolved) const;
    [[nodiscard]] std::uint16_t
    port_number(const std::string& port, probe::Scheme scheme, const api::Json* pod) const;

    const store::Store& store_;
    const compile::ClusterConfig& config_;
};

} // namespace labctl::supervisor
