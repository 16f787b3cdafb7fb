#pragma once

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "labctl/api/object.h"
#include "labctl/compile/proxy_backend.h"
#include "labctl/explain/affinity.h"
#include "netemu/model/nft.h"
#include "netemu/model/nft_info.h"

/// Where a new connection to a Service goes: what `labctl explain` prints, as JSON. The rules are
/// those of the mode that the proxies are in (reference 8.1, 8.2, 8.4).
namespace labctl::store {
class Store;
}

namespace labctl::compile {
struct ClusterConfig;
class Proxies;
} // namespace labctl::compile

namespace labctl::explain {

struct ExplainQuestion {
    std::string from; // [NS/]POD, node/NAME or external
    std::string to;   // NAME[:PORT], svc/NAME[:PORT], ADDRESS:PORT, pod:NS/NAME:PORT, a URL
    /// Of FROM, svc/NAME and pod:NAME that name none. What a name means FROM's resolver says.
    std::string ns = "default";
    /// Of a request for a URL.
    std::string method = "GET";
    std::vector<std::pair<std::string, std::string>> headers{};
    /// Of {"from", "to", "namespace", "method", "headers": {NAME: VALUE}}. Throws
    /// netemu::UsageError where one of the first two is missing.
    static ExplainQuestion from_json(const api::Json& json);
};

/// The rules of a table of a network namespace as the kernel has them; see Kernel::read_rules.
using RuleReader = std::function<std::vector<netemu::NftRuleInfo>(
    const std::string& ns, netemu::NftFamily family, const std::string& table)>;
/// What `iptables-save -c` (or ip6tables-save) prints on a node.
using SavedReader = std::function<std::string(const std::string& node, netemu::Family family)>;

/// What the kernel is asked for.
struct ExplainReaders {
    RuleReader rules;
    SavedReader saved;             // of modes whose rules are restored
    compile::ServerReader servers; // of the ipvs mode
    AffinityReaders affinity;
};

/// An object of the kind Explanation: from, to, hops (a node and its rules), branches with their
/// probabilities, endpoints with the reason why some are not chosen, `outcome` ("endpoint",
/// "reject", "drop", "close" or "none"), `remembered` if session affinity overrules the choice for
/// this client, and a summary. Costs a look at the tables of the nodes on the path, or, in a mode
/// whose rules are restored, a call of `saved` for each; in the ipvs mode one of `servers` too.
/// Throws netemu::UsageError for what does not exist, with a suggestion.
[[nodiscard]] api::Json explain_path(
    const store::Store& store,
    const compile::ClusterConfig& config,
    const compile::Proxies& proxies,
    const ExplainQuestion& question,
    const ExplainReaders& readers);

} // namespace labctl::explain
