#pragma once

#include <functional>
#include <optional>
#include <string>

#include "labctl/explain/affinity.h"
#include "labctl/supervisor/api_server.h"
#include "labctl/supervisor/lab.h"

/// The resources of the control API: Kubernetes' own paths for objects, the group labctl.dev/v1 for
/// what only a lab has.
namespace labctl::supervisor {

/// /api/v1/namespaces/NS/pods/NAME/SUB and its kin, taken apart.
struct ResourcePath {
    std::string api_version; // "v1", "apps/v1"
    std::string kind;
    std::string plural;
    std::string ns;   // empty: cluster-wide, or all namespaces
    std::string name; // empty: the collection
    std::string subresource;
    bool namespaced = true;

    [[nodiscard]] api::ObjectKey key() const { return {kind, ns, name}; }
};

class Routes {
public:
    /// `shut_down` is called when a client asks for the lab's end, after it has been answered.
    Routes(Lab& lab, std::function<void(bool keep_journal)> shut_down)
        : lab_(lab), shut_down_(std::move(shut_down)) {}

    void handle(const ApiRequest& request, const ExchangePtr& exchange);

private:
    // routes_objects.cc
    void objects(const ApiRequest& request, const ResourcePath& path, const ExchangePtr& exchange);
    void list(const ApiRequest& request, const ResourcePath& path, const ExchangePtr& exchange);
    void watch(const ApiRequest& request, const ResourcePath& path, const ExchangePtr& exchange);
    void logs(const ApiRequest& request, const ResourcePath& path, const ExchangePtr& exchange);
    [[nodiscard]] std::optional<ResourcePath> parse(const std::vector<std::string>& segments) const;
    void identify(ResourcePath& path) const;

    [[nodiscard]] std::vector<api::ObjectPtr>
    selected(const ApiRequest& request, const ResourcePath& path) const;

    // routes_streams.cc
    /// Whether that subresource of a Pod is a connection that is no HTTP: exec, attach,
    /// portforward.
    static bool is_stream(const std::string& subresource);
    void stream(const ApiRequest& request, const ResourcePath& path, const ExchangePtr& exchange);
    /// Throws api::StatusError (400) unless the pod has that container; "" is any.
    static void check_container(const api::Object& pod, const std::string& container);

    // routes_edits.cc
    void change(const ApiRequest& request, const ResourcePath& path, const ExchangePtr& exchange);
    void patch(const ApiRequest& request, const ResourcePath& path, const ExchangePtr& exchange);
    void remove(const ApiRequest& request, const ResourcePath& path, const ExchangePtr& exchange);
    void scale(const ApiRequest& request, const ResourcePath& path, const ExchangePtr& exchange);

    // routes_discovery.cc
    void discover(const ApiRequest& request, const ExchangePtr& exchange);
    void openapi(const ApiRequest& request, const ExchangePtr& exchange);

    // routes.cc
    /// What a path under /apis/labctl.dev/v1 that is no resource does.
    struct Verb {
        const char* method;
        const char* name;
        bool before_start; // whether the lab need not be built
        std::function<void()> run;
    };
    void heal_abandoned(const std::string& fault);
    bool lab_verb(const ApiRequest& request, const ExchangePtr& exchange);
    std::vector<Verb> reading_verbs(const ApiRequest& request, const ExchangePtr& exchange);
    std::vector<Verb> changing_verbs(const ApiRequest& request, const ExchangePtr& exchange);
    // routes_lab.cc
    void start(const ApiRequest& request, const ExchangePtr& exchange);
    void finish_start(const ExchangePtr& exchange);
    void status(const ExchangePtr& exchange);
    void overview(const ApiRequest& request, const ExchangePtr& exchange);
    void kinds(const ExchangePtr& exchange);
    // routes_changes.cc
    void apply(const ApiRequest& request, const ExchangePtr& exchange);
    void delete_many(const ApiRequest& request, const ExchangePtr& exchange);
    void label(const ApiRequest& request, const ExchangePtr& exchange);
    // routes_questions.cc
    void probe(const ApiRequest& request, const ExchangePtr& exchange);
    void plan(const ApiRequest& request, const ExchangePtr& exchange);
    void explain(const ApiRequest& request, const ExchangePtr& exchange);
    void affinity(const ApiRequest& request, const ExchangePtr& exchange);
    using Proxied = std::vector<explain::ProxiedClient>;
    void with_proxied(const ExchangePtr& exchange, std::function<void(Proxied)> go_on);
    void target(const ApiRequest& request, const ExchangePtr& exchange);
    void pod_target(const ApiRequest& request, const ExchangePtr& exchange);
    // routes_evidence.cc
    void bird_log(const ApiRequest& request, const ExchangePtr& exchange);
    void drops(const ApiRequest& request, const ExchangePtr& exchange);
    // routes_dns.cc
    void dns_queries(const ExchangePtr& exchange);

    Lab& lab_;
    std::function<void(bool)> shut_down_;
};

} // namespace labctl::supervisor
