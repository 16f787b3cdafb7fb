#pragma once

#include <vector>

#include "labctl/api/object.h"
#include "labctl/cli/context.h"

namespace labctl::compile {
struct ClusterConfig;
}
namespace labctl::store {
class Store;
}

/// Commands about the objects of a running lab: each returns the exit status.
namespace labctl::cli {

int run_apply(const Context& context);
int run_delete(const Context& context);
int run_get(const Context& context);
/// `get affinity`: who is sent to the same endpoint again.
int run_get_affinity(const Context& context);
/// `get identities`: identities and what tunnels have carried. identities.cc.
int run_get_identities(const Context& context);
/// `get bgp [NODE]`: sessions and routes. bgp.cc.
int run_get_bgp(const Context& context);
/// What `describe node` and `status` say of BGP; empty in a lab without.
std::string bgp_of_node(Client& client, const std::string& node);
std::string bgp_status_line(const nlohmann::json& status);
/// A line for each BIRD that a plan would start.
std::string bgp_plan(const store::Store& store, const compile::ClusterConfig& config);
int run_get_links(const Context& context); // what the links of the underlay do to packets
int run_describe(const Context& context);
int run_scale(const Context& context);
int run_label(const Context& context);
int run_set(const Context& context);
int run_logs(const Context& context);

/// Sends objects to the lab and prints what became of each and the operations it took.
int apply_objects(
    const Context& context, Client& client, const std::vector<api::Object>& objects, bool dry_run);

/// KIND NAME..., KIND/NAME..., KIND,KIND, all: resolved to kinds that the lab knows.
struct KindTarget {
    std::string kind;
    std::string api_version;
    std::string plural;
    bool namespaced = true;
    std::vector<std::string> names; // empty: all
};
std::vector<KindTarget> parse_targets(Client& client, const std::vector<std::string>& words);

/// What -l and --field-selector ask of a collection, as a query.
std::string selector_query(const Options& options);

/// The collection's path, or the object's when `name` is given.
std::string
resource_path(const KindTarget& target, const std::string& ns, const std::string& name = {});

} // namespace labctl::cli
