#pragma once

#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "labctl/compile/edge_watch.h"
#include "labctl/compile/gateway_note.h"
#include "labctl/store/store.h"
#include "services/gateway.h"

/// What the pods of Gateways answer from: Gateways, HTTPRoutes, ReferenceGrants, Services, Secrets.
namespace labctl::compile {

/// Follows the store as a Gateway controller follows the API server. A change that concerns no
/// Gateway costs nothing; one that does makes the rules anew. Belongs to the thread of the store.
class Gateways {
public:
    /// `store` outlives this.
    explicit Gateways(store::Store& store);

    struct Update {
        /// The rules of those Gateways ("NS/NAME") for which they are others than before.
        std::map<std::string, services::GatewayTable> tables;
        std::vector<GatewayNote> notes; // that were not told at the last update
    };
    /// What has changed since the last call; everything at the first.
    Update update();

    /// The rules in force, by Gateway.
    [[nodiscard]] const std::map<std::string, services::GatewayTable>& tables() const {
        return tables_;
    }

    /// All that there is to tell, told or not.
    [[nodiscard]] const std::vector<GatewayNote>& notes() const { return notes_; }

private:
    store::Store& store_;
    EdgeWatch watch_;
    std::map<std::string, services::GatewayTable> tables_;
    std::vector<GatewayNote> notes_;
    std::set<std::pair<std::string, std::string>> told_; // uid, path and text
};

/// Whether a change of an object of that kind, other than of its status, may change the rules of
/// any Gateway.
[[nodiscard]] bool is_gateway_kind(std::string_view kind);

} // namespace labctl::compile
