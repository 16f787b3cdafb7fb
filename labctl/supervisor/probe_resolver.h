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
    /// Throws netemu::UsageError unless every `ca` holds certificates, so that the data plane need
    /// not doubt it.
    static void check_authorities(const probe::RequestList& requests);

private:
    struct Source {
        std::string ns;     // network namespace
        api::ObjectPtr pod; // if it is one
    };
    [[nodiscard]] Source source_of(const std::string& from) const;
    void resolve_target(const Source& source, dataplane::ResolvedRequest& resolved) const;
    [[nodiscard]] std::optional<netemu::IpAddress>
    device_address(const Source& source, const std::string& name) const;
    void resolve_pod(dataplane::ResolvedRequest& resolved) const;
    void resolve_dns(const Source& source, dataplane::ResolvedRequest& resolved) const;
    void resolve_name(const Source& source, dataplane::ResolvedRequest& resolved) const;
    /// Fills in whose nameservers are asked; or the outcome, when there are none.
    void choose_servers(const Source& source, dataplane::ResolvedRequest& resolved) const;
    [[nodiscard]] api::ObjectPtr
    service_named(const std::string& host, const std::string& own_namespace) const;

    const store::Store& store_;
    const compile::ClusterConfig& config_;
};

} // namespace labctl::supervisor
