#pragma once

#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "labctl/api/object.h"
#include "labctl/compile/edge_watch.h"
#include "labctl/compile/ingress_note.h"
#include "labctl/store/store.h"
#include "services/ingress.h"

/// What the lab's Ingress controllers answer from: Ingresses, their classes, Services, Secrets.
namespace labctl::compile {

/// Follows the store as an Ingress controller follows the API server. A change that concerns no
/// Ingress costs nothing; one that does makes the rules anew. Belongs to the thread of the store.
class Ingresses {
public:
    /// `store` outlives this.
    explicit Ingresses(store::Store& store);

    struct Update {
        /// The rules of those controllers for which they are others than before.
        std::map<std::string, services::IngressTable> tables;
        std::vector<IngressNote> notes; // that were not told at the last update
    };
    /// What has changed since the last call; everything at the first.
    Update update();

    /// The rules in force, by controller.
    [[nodiscard]] const std::map<std::string, services::IngressTable>& tables() const {
        return tables_;
    }

private:
    store::Store& store_;
    EdgeWatch watch_;
    std::map<std::string, services::IngressTable> tables_;
    std::set<std::pair<std::string, std::string>> told_; // Ingress' uid, text
};

} // namespace labctl::compile
