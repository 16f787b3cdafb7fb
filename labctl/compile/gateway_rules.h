#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "labctl/api/object.h"
#include "labctl/compile/bootstrap_gateway.h"
#include "labctl/compile/control.h"
#include "labctl/compile/gateway_note.h"
#include "labctl/compile/ingress_backends.h"
#include "labctl/compile/slice_names.h"
#include "labctl/store/store.h"
#include "services/gateway.h"

namespace labctl::compile {

/// What becomes of one listener of a Gateway, for its status.
struct ListenerReport {
    std::string name;
    std::vector<Condition> conditions; // Accepted, Conflicted, ResolvedRefs, Programmed
    std::vector<std::string> kinds;    // that it takes: "HTTPRoute" or nothing
    std::uint32_t attached = 0;
    [[nodiscard]] bool is(const char* type) const;
};
struct GatewayReport {
    api::ObjectPtr gateway;
    std::set<GatewayPort> ports; // of the listeners that are accepted
    std::vector<ListenerReport> listeners;
};
struct ParentReport {
    std::size_t index = 0;             // of spec.parentRefs
    std::vector<Condition> conditions; // Accepted, ResolvedRefs, perhaps PartiallyInvalid
};
struct RouteReport {
    api::ObjectPtr route;
    std::vector<ParentReport> parents; // those that are Gateways of ours
};

/// Makes the rules of all Gateways of ours from the store, and what their status says, once:
/// `build`, then what it has found. Internal to this folder.
class GatewayRulesBuilder {
public:
    GatewayRulesBuilder(const store::Store& store, const SliceNames& slices)
        : store_(store), backends_(store, slices) {}

    void build();

    std::map<std::string, services::GatewayTable> tables; // by Gateway
    std::vector<GatewayReport> gateways;
    std::vector<RouteReport> routes;
    std::vector<GatewayNote> notes;
    std::set<std::pair<std::string, std::string>> secrets; // that Gateways name
    [[nodiscard]] const std::set<IngressBackends::ServiceKey>& services() const {
        return backends_.services();
    }

private:
    /// What a ReferenceGrant is asked: whether a kind of one namespace may name an object of
    /// another.
    struct Reference {
        std::string from_kind; // of the Gateway API
        std::string from_ns;
        std::string kind; // of the core group
        std::string ns;
        std::string name;
    };
    /// What a route lacks.
    struct Problem {
        const char* reason = "";
        std::string text;
    };

    // gateway_rules.cc
    void warn(const char* reason, std::string text, std::string path);
    [[nodiscard]] bool is_granted(const Reference& reference) const;
    void add_gateway(const api::ObjectPtr& gateway);
    void explain_no_class();
    ListenerReport read_listener(
        const api::Json& listener,
        const std::string& where,
        const char* conflict,
        services::GatewayListener& value);
    Problem read_certificates(
        const api::Json& listener, const std::string& where, services::GatewayListener& value);
    std::string
    read_certificate(const api::Json& reference, std::vector<std::uint32_t>& certificates);

    // gateway_routes.cc
    void add_route(const api::ObjectPtr& route);
    ParentReport attach(const api::Json& parent, const std::string& gateway, std::size_t index);
    [[nodiscard]] services::GatewayOffer
    offer_of(const GatewayReport& gateway, std::size_t listener) const;
    void explain_not_attached(
        const api::Json& parent,
        const std::string& gateway,
        const services::GatewayAttachment& attachment,
        const std::string& where);
    services::GatewayRoute read_route(services::GatewayTable& table);
    services::GatewayRule read_rule(const api::Json& rule, const std::string& where);
    void
    read_matches(const api::Json& rule, const std::string& where, services::GatewayRule& result);
    std::vector<services::GatewayValueMatch>
    read_values(const api::Json& list, const std::string& where);
    void check_expression(const std::string& text, const std::string& path);
    void
    read_filter(const api::Json& filter, const std::string& where, services::GatewayRule& rule);
    services::GatewayShare read_share(const api::Json& reference, const std::string& where);
    std::uint32_t backend_index(
        const api::Json& reference, const std::string& where, const std::string& consequence);
    void unresolved(
        const char* reason,
        const std::string& text,
        const std::string& consequence,
        const std::string& where);

    const store::Store& store_;
    IngressBackends backends_;
    api::ObjectPtr object_; // that is being added
    services::GatewayTable* table_ = nullptr;
    std::map<std::string, std::size_t> known_; // by Gateway: index in `gateways`
    std::vector<Problem> unresolved_;          // of the route that is being added
    std::string unsupported_;                  // likewise: a filter that nothing acts on
};

} // namespace labctl::compile
