#pragma once

#include <optional>
#include <string>
#include <vector>

#include "labctl/compile/cluster_config.h"
#include "labctl/explain/connection.h"
#include "labctl/store/store.h"
#include "netemu/base/address.h"

/// What a name means to FROM: read as its resolver reads it, by the search list and ndots of its
/// resolv.conf (resolv.conf(5); reference 7.3), and looked for among the objects. What a Corefile
/// makes of names is not known here. Internal to this folder.
namespace labctl::explain {

struct FoundName {
    std::string fqdn; // the name that was found, with aliases followed
    /// Whose name it is; nullptr: a pod's, or one of the world.
    api::ObjectPtr service{};
    /// Of everything but a Service with a cluster IP; at least one there.
    std::vector<netemu::IpAddress> addresses{};
};

/// nullopt: there is no such name. A node or the outside, whose resolvers have no namespace, find a
/// short name in that of the question.
[[nodiscard]] std::optional<FoundName> find_name(
    const store::Store& store,
    const compile::ClusterConfig& config,
    const ExplainQuestion& question,
    const std::string& host);

/// The namespace in which FROM looks for a short name first.
[[nodiscard]] std::string
namespace_of_names(const store::Store& store, const ExplainQuestion& question);

} // namespace labctl::explain
