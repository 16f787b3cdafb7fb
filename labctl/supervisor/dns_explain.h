#pragma once

#include <functional>
#include <string>
#include <vector>

#include "labctl/api/object.h"
#include "labctl/compile/cluster_config.h"
#include "labctl/dataplane/client.h"
#include "labctl/store/store.h"
#include "labctl/supervisor/dns_watchers.h"

/// What becomes of a name: `explain POD dns://NAME` and the live query log.
namespace labctl::supervisor {

/// Who has an address in the lab: "NS/POD", "node/NAME", "external", or the address.
[[nodiscard]] std::string address_owner(
    const store::Store& store,
    const compile::ClusterConfig& config,
    const netemu::IpAddress& address);

/// One line of the query log.
[[nodiscard]] api::Json dns_event_json(
    const store::Store& store,
    const compile::ClusterConfig& config,
    const dataplane::DnsEvent& event);

/// Really asks for the name, as the source's resolver does, and tells of every query: what was
/// answered, by which plugin of which DNS pod, and which object has the name. All references must
/// stay until `done` is called, which is once. Throws netemu::UsageError for what does not exist.
struct DnsExplainer {
    const store::Store& store;
    const compile::ClusterConfig& config;
    dataplane::DataPlane& dataplane;
    DnsWatchers& watchers;

    void explain(
        const std::string& from,
        const std::string& to,
        const std::string& ns,
        const std::function<void(api::Json)>& done) const;
};

} // namespace labctl::supervisor
