#include "labctl/explain/linkerd_lint.h"

#include <algorithm>
#include <utility>

#include "labctl/compile/cluster_config.h"
#include "labctl/compile/linkerd_objects.h"
#include "labctl/compile/linkerd_policies.h"
#include "mesh/linkerd/identity.h"
#include "mesh/linkerd/inbound_server.h"

namespace labctl::explain {

namespace {

using api::at;
using api::string_at;

constexpr const char* kSystemNamespace = "kube-system";

class LinkerdLinter {
public:
    LinkerdLinter(const store::Store& store, const compile::ClusterConfig& config)
        : store_(store), domain_(config.mesh_trust_domain),
          policies_(compile::read_linkerd_policies(store)) {
        for (const auto& object : store.list("Pod")) {
            if (object->ns() != kSystemNamespace &&
                !api::bool_at(object->body, "spec.hostNetwork", false)) {
                pods_.push_back(
                    {object->ns() + "/" + object->name(),
                     compile::linkerd_workload(store, config.mesh_default_inbound_policy, *object),
                     compile::has_linkerd_proxy(object->body)});
            }
        }
    }

    std::vector<MeshFinding> run() && {
        for (const auto& object : store_.list("Server")) {
            object_ = object;
            check_server(compile::read_linkerd_server(*object));
        }
        for (const auto& object : store_.list("ServerAuthorization")) {
            object_ = object;
            check_server_authorization(compile::read_server_authorization(*object));
        }
        for (const auto& object : store_.list(compile::kLinkerdAuthorizationKind)) {
            object_ = object;
            check_policy(compile::read_linkerd_authorization(*object));
        }
        for (const auto& object : store_.list("MeshTLSAuthentication")) {
            object_ = object;
            check_identities("spec.identities");
            check_accounts();
        }
        for (const auto* kind : {compile::kLinkerdRouteKind, "HTTPRoute"}) {
            for (const auto& object : store_.list(kind)) {
                object_ = object;
                check_route(compile::read_http_route(*object));
            }
        }
        return std::move(findings_);
    }

private:
    struct Pod {
        std::string name;
        mesh::linkerd::Workload seen;
        bool meshed = false;
    };

    void say(std::string path, std::string message, std::string hint) {
        findings_.push_back({object_, std::move(path), std::move(message), std::move(hint)});
    }

    [[nodiscard]] const mesh::linkerd::Server*
    server(const std::string& ns, const std::string& name) const {
        for (const auto& one : policies_.servers) {
            if (one.ns == ns && one.name == name) {
                return &one;
            }
        }
        return nullptr;
    }

    void check_server(const mesh::linkerd::Server& server) {
        if (!pods_.empty() && server.for_pods) {
            check_selection(server);
        }
        if (server.access_policy == mesh::linkerd::DefaultPolicy::Deny &&
            !has_authorization(server)) {
            say("spec",
                "nothing authorizes anybody to connect: all traffic to its ports is denied",
                "an AuthorizationPolicy with this targetRef, or spec.accessPolicy");
        }
        const bool opaque = server.protocol == mesh::linkerd::ProxyProtocol::Opaque ||
                            server.protocol == mesh::linkerd::ProxyProtocol::Tls;
        for (const auto& route : policies_.routes) {
            if (opaque && mesh::linkerd::is_route_of(route, server)) {
                say("spec.proxyProtocol",
                    "nobody looks for requests there, so HTTPRoute " + route.table.name +
                        " takes none",
                    "proxyProtocol: HTTP/1, or leave it out");
            }
        }
    }

    void check_selection(const mesh::linkerd::Server& server) {
        bool selected = false;
        bool meshed = false;
        bool ports = false;
        for (const auto& pod : pods_) {
            if (pod.seen.ns != server.ns || !server.pods.selects(pod.seen.labels)) {
                continue;
            }
            selected = true;
            meshed = meshed || pod.meshed;
            const auto of_pod = mesh::linkerd::ports_of(server, pod.seen);
            ports = ports || !of_pod.empty();
            for (const auto port : of_pod) {
                check_conflict(server, pod, port);
            }
        }
        if (!selected) {
            say("spec.podSelector", "it selects no pod of namespace " + server.ns, "");
        } else if (!ports) {
            say("spec.port",
                "no pod that it selects has a port of TCP with the name " + server.port_name,
                "give the port's number, or a name to the container's port");
        } else if (!meshed) {
            say("spec.podSelector",
                "no pod that it selects has a proxy, so nothing acts on it",
                "annotate the namespace with linkerd.io/inject: enabled, and make the pods anew");
        }
    }

    void check_conflict(const mesh::linkerd::Server& server, const Pod& pod, std::uint16_t port) {
        const auto governing =
            mesh::linkerd::govern(policies_, pod.seen, port, domain_).inbound.server;
        const auto own = server.ns + "/" + server.name;
        const auto path = std::string("spec.port");
        const bool told = std::any_of(findings_.begin(), findings_.end(), [&](const auto& known) {
            return known.object == object_ && known.path == path;
        });
        if (governing != own && !told) {
            say(path,
                "port " + std::to_string(port) + " of pod " + pod.name + " is governed by Server " +
                    governing + ", which is older or comes first",
                "one Server for a port");
        }
    }

    /// One that is not ignored, for all of its traffic or for a route's.
    [[nodiscard]] bool has_authorization(const mesh::linkerd::Server& server) const {
        const auto inbound = mesh::linkerd::govern_by(policies_, server, domain_).inbound;
        return !inbound.authorizations.empty() ||
               std::any_of(inbound.routes.begin(), inbound.routes.end(), [](const auto& route) {
                   return !route.authorizations.empty();
               });
    }

    void check_server_authorization(const mesh::linkerd::ServerAuthorization& policy) {
        if (!policy.server.empty() && server(policy.ns, policy.server) == nullptr) {
            say("spec.server.name",
                "there is no Server " + policy.ns + "/" + policy.server,
                "a Server of the same namespace");
        }
        check_identities("spec.client.meshTLS.identities");
    }

    void check_policy(const mesh::linkerd::AuthorizationPolicy& policy) {
        const auto problem = mesh::linkerd::authentication_problem(policies_, policy, domain_);
        if (!problem.empty()) {
            say("spec.requiredAuthenticationRefs",
                "the policy is ignored, and authorizes nobody: " + problem,
                "");
        }
        const auto& target = policy.target;
        const auto name = policy.ns + "/" + target.name;
        const auto& routes = policies_.routes;
        const bool route = mesh::equals_ignore_case(target.kind, "HTTPRoute");
        const bool missing =
            target.is(mesh::linkerd::kPolicyGroup, "Server")
                ? server(policy.ns, target.name) == nullptr
                : route && std::none_of(routes.begin(), routes.end(), [&](const auto& one) {
                      return mesh::linkerd::targets_route(policy, one);
                  });
        if (missing) {
            say("spec.targetRef.name",
                "there is no " + target.kind + " " + name,
                "one of the same namespace");
        }
    }

    void check_identities(const std::string& path) {
        const auto& list = at(object_->body, path);
        for (std::size_t i = 0; i < list.size(); ++i) {
            const auto text = list[i].is_string() ? list[i].get<std::string>() : std::string();
            const auto place = path + "[" + std::to_string(i) + "]";
            if (mesh::linkerd::matches_nobody(text)) {
                say(place, "'" + text + "' matches nobody: a '*' is a whole label, the first", "");
            } else if (text.starts_with("cluster.local/ns/")) {
                say(place,
                    "'" + text + "' is a principal of Istio: Linkerd's identities are DNS names",
                    mesh::linkerd::service_account_identity("NAMESPACE", "ACCOUNT", domain_));
            }
        }
    }

    void check_accounts() {
        const auto& list = at(object_->body, "spec.identityRefs");
        for (std::size_t i = 0; i < list.size(); ++i) {
            const auto ns = string_at(list[i], "namespace", object_->ns());
            const auto name = string_at(list[i], "name");
            if (!pods_.empty() && string_at(list[i], "kind") == "ServiceAccount" &&
                !store_.get({"ServiceAccount", ns, name})) {
                say("spec.identityRefs[" + std::to_string(i) + "].name",
                    "there is no ServiceAccount " + ns + "/" + name + ": it matches nobody",
                    "");
            }
        }
    }

    void check_route(const mesh::linkerd::HttpRoute& route) {
        for (std::size_t i = 0; i < route.parents.size(); ++i) {
            const auto& parent = route.parents[i];
            const auto ns = parent.ns.empty() ? route.ns : parent.ns;
            if (!parent.is(mesh::linkerd::kPolicyGroup, "Server")) {
                continue;
            }
            const auto path = "spec.parentRefs[" + std::to_string(i) + "].name";
            if (ns != route.ns) {
                say(path, "a Server of another namespace takes no routes from here", "");
            } else if (server(ns, parent.name) == nullptr) {
                say(path, "there is no Server " + ns + "/" + parent.name, "");
            }
        }
    }

    const store::Store& store_;
    const std::string domain_;
    const mesh::linkerd::Policies policies_;
    std::vector<Pod> pods_;
    api::ObjectPtr object_; // that is looked at
    std::vector<MeshFinding> findings_;
};

} // namespace

std::vector<MeshFinding>
lint_linkerd(const store::Store& store, const compile::ClusterConfig& config) {
    return LinkerdLinter(store, config).run();
}

} // namespace labctl::explain
