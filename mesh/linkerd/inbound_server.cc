#include "mesh/linkerd/inbound_server.h"

#include <algorithm>
#include <optional>
#include <tuple>
#include <utility>

#include "mesh/linkerd/identity.h"

namespace mesh::linkerd {

namespace {

template <class Policy>
const Policy*
find_named(const std::vector<Policy>& all, const std::string& ns, const std::string& name) {
    const auto found = std::find_if(all.begin(), all.end(), [&](const auto& each) {
        return each.ns == ns && each.name == name;
    });
    return found == all.end() ? nullptr : &*found;
}

std::vector<Authorization> default_authorizations(DefaultPolicy policy) {
    if (policy == DefaultPolicy::Deny) {
        return {};
    }
    Authorization one;
    one.name = "default/" + std::string(default_policy_name(policy));
    one.audit = policy == DefaultPolicy::Audit;
    const bool of_cluster = policy == DefaultPolicy::ClusterAuthenticated ||
                            policy == DefaultPolicy::ClusterUnauthenticated;
    one.networks = of_cluster ? cluster_networks() : all_networks();
    if (policy == DefaultPolicy::AllAuthenticated ||
        policy == DefaultPolicy::ClusterAuthenticated) {
        one.client = Authorization::Client::Identities;
        one.identities = {"*"};
    }
    return {one};
}

/// What an AuthorizationPolicy asks for, or why it is ignored.
class Required {
public:
    Required(const Policies& policies, const AuthorizationPolicy& policy, std::string_view domain)
        : policies_(policies), policy_(policy), domain_(domain) {
        result_.name = "authorizationpolicy/" + policy.ns + "/" + policy.name;
        for (const auto& reference : policy.required) {
            take(reference);
        }
        result_.networks = networks_ ? *networks_ : all_networks();
        if (identities_) {
            result_.client = Authorization::Client::Identities;
            result_.identities = *identities_;
        }
    }

    [[nodiscard]] const std::string& problem() const { return problem_; }
    [[nodiscard]] const Authorization& result() const { return result_; }

private:
    void take(const Reference& reference) {
        const auto ns = reference.ns.empty() ? policy_.ns : reference.ns;
        if (reference.is(kPolicyGroup, "MeshTLSAuthentication")) {
            const auto* found = find_named(policies_.mesh_tls, ns, reference.name);
            found == nullptr ? missing(reference, ns) : take_identities(patterns_of(*found));
        } else if (reference.is(kPolicyGroup, "NetworkAuthentication")) {
            const auto* found = find_named(policies_.networks, ns, reference.name);
            found == nullptr || found->networks.empty() ? missing(reference, ns)
                                                        : take_networks(found->networks);
        } else if (reference.is("", "ServiceAccount")) {
            take_identities({service_account_identity(ns, reference.name, domain_)});
        } else {
            fail(
                "a " + reference.kind + (reference.group.empty() ? "" : " of " + reference.group) +
                " is no authentication");
        }
    }

    /// None: Linkerd ignores a MeshTLSAuthentication that refers to anything else.
    [[nodiscard]] std::vector<std::string> patterns_of(const MeshTlsAuthentication& of) const {
        auto patterns = of.identities;
        for (const auto& reference : of.references) {
            if (reference.is("", "ServiceAccount")) {
                patterns.push_back(service_account_identity(
                    reference.ns.empty() ? of.ns : reference.ns, reference.name, domain_));
            } else if (reference.is("", "Namespace")) {
                patterns.push_back(namespace_identity(reference.name, domain_));
            } else {
                return {};
            }
        }
        return patterns;
    }

    void take_identities(std::vector<std::string> patterns) {
        if (patterns.empty()) {
            fail("its MeshTLSAuthentication names no identities");
        } else if (identities_) {
            fail(
                "it requires two identities (MeshTLSAuthentication or ServiceAccount); one is all");
        } else {
            identities_ = std::move(patterns);
        }
    }

    void take_networks(std::vector<Network> networks) {
        if (networks_) {
            fail("it requires two NetworkAuthentications; one is all");
        } else {
            networks_ = std::move(networks);
        }
    }

    void missing(const Reference& reference, const std::string& ns) {
        fail("there is no " + reference.kind + " " + ns + "/" + reference.name);
    }

    void fail(std::string problem) { problem_ = problem_.empty() ? std::move(problem) : problem_; }

    const Policies& policies_;
    const AuthorizationPolicy& policy_;
    std::string_view domain_;
    std::optional<std::vector<std::string>> identities_;
    std::optional<std::vector<Network>> networks_;
    std::string problem_;
    Authorization result_;
};

Authorization authorization_of(const ServerAuthorization& policy, std::string_view domain) {
    Authorization one;
    one.name = "serverauthorization/" + policy.ns + "/" + policy.name;
    one.networks = policy.networks.empty() ? cluster_networks() : policy.networks;
    if (policy.unauthenticated) {
        return one;
    }
    if (policy.unauthenticated_tls) {
        one.client = Authorization::Client::Tls;
        return one;
    }
    one.client = Authorization::Client::Identities;
    one.identities = policy.identities;
    for (const auto& account : policy.accounts) {
        one.identities.push_back(service_account_identity(
            account.ns.empty() ? policy.ns : account.ns, account.name, domain));
    }
    return one;
}

/// Makes what governs one port of a pod.
class Governor {
public:
    Governor(const Policies& policies, std::string_view domain)
        : policies_(policies), domain_(domain) {}

    Governing by_server(const Server& server) && {
        auto& inbound = result_.inbound;
        inbound.server = server.ns + "/" + server.name;
        inbound.policy = server.access_policy;
        inbound.protocol = server.protocol;
        for (const auto& policy : policies_.server_authorizations) {
            if (selects(policy, server)) {
                add(policy);
            }
        }
        add_policies(inbound.authorizations, [&](const auto& policy) {
            return targets_server(policy, server);
        });
        for (auto& one : default_authorizations(server.access_policy)) {
            inbound.authorizations.push_back(std::move(one));
        }
        for (const auto& route : policies_.routes) {
            if (!is_route_of(route, server)) {
                continue;
            }
            InboundRoute made{route.table, {}};
            add_policies(made.authorizations, [&](const auto& policy) {
                return targets_route(policy, route);
            });
            inbound.routes.push_back(std::move(made));
        }
        return std::move(result_);
    }

    Governing by_default(const Workload& pod, std::uint16_t port) && {
        auto policy = pod.default_policy;
        if (pod.identity_ports.contains(port)) {
            policy = policy == DefaultPolicy::AllUnauthenticated ? DefaultPolicy::AllAuthenticated
                     : policy == DefaultPolicy::ClusterUnauthenticated
                         ? DefaultPolicy::ClusterAuthenticated
                         : policy;
        }
        auto& inbound = result_.inbound;
        inbound.policy = policy;
        inbound.protocol =
            pod.opaque_ports.contains(port) ? ProxyProtocol::Opaque : ProxyProtocol::Unknown;
        inbound.authorizations = default_authorizations(policy);
        return std::move(result_);
    }

private:
    void add(const ServerAuthorization& policy) {
        if (auto problem = authentication_problem(policy); !problem.empty()) {
            ignore("ServerAuthorization", policy.ns, policy.name, problem);
        } else {
            result_.inbound.authorizations.push_back(authorization_of(policy, domain_));
        }
    }

    template <class Wanted>
    void add_policies(std::vector<Authorization>& to, Wanted wanted) {
        for (const auto& policy : policies_.authorization_policies) {
            if (!wanted(policy)) {
                continue;
            }
            const Required required(policies_, policy, domain_);
            if (required.problem().empty()) {
                to.push_back(required.result());
            } else {
                ignore("AuthorizationPolicy", policy.ns, policy.name, required.problem());
            }
        }
    }

    void ignore(
        const char* kind,
        const std::string& ns,
        const std::string& name,
        const std::string& problem) {
        result_.ignored.push_back(std::string(kind) + " " + ns + "/" + name + ": " + problem);
    }

    const Policies& policies_;
    std::string_view domain_;
    Governing result_;
};

} // namespace

std::string InboundServer::reference() const {
    return server.empty() ? "default/" + std::string(default_policy_name(policy))
                          : "server/" + server;
}

Governing
govern(const Policies& policies, const Workload& pod, std::uint16_t port, std::string_view domain) {
    std::vector<const Server*> found;
    for (const auto& server : policies.servers) {
        const auto ports = ports_of(server, pod);
        if (std::find(ports.begin(), ports.end(), port) != ports.end()) {
            found.push_back(&server);
        }
    }
    std::sort(found.begin(), found.end(), [](const auto* one, const auto* other) {
        return std::tie(one->created, one->name) < std::tie(other->created, other->name);
    });
    Governor governor(policies, domain);
    auto result = found.empty() ? std::move(governor).by_default(pod, port)
                                : std::move(governor).by_server(*found.front());
    for (std::size_t i = 1; i < found.size(); ++i) {
        result.others.push_back(found[i]->ns + "/" + found[i]->name);
    }
    for (const auto& [probed, path] : pod.probes) {
        if (probed == port) {
            result.inbound.probe_paths.push_back(path);
        }
    }
    return result;
}

Governing govern_by(const Policies& policies, const Server& server, std::string_view domain) {
    return Governor(policies, domain).by_server(server);
}

std::vector<std::uint16_t> ports_of(const Server& server, const Workload& pod) {
    if (!server.for_pods || server.ns != pod.ns || !server.pods.selects(pod.labels)) {
        return {};
    }
    if (server.port != 0) {
        return {server.port};
    }
    std::vector<std::uint16_t> ports;
    for (const auto& port : pod.named_ports) {
        if (port.name == server.port_name) {
            ports.push_back(port.port);
        }
    }
    return ports;
}

std::string authentication_problem(
    const Policies& policies, const AuthorizationPolicy& policy, std::string_view domain) {
    return Required(policies, policy, domain).problem();
}

std::string authentication_problem(const ServerAuthorization& policy) {
    const bool names_somebody = policy.unauthenticated || policy.unauthenticated_tls ||
                                !policy.identities.empty() || !policy.accounts.empty();
    return names_somebody ? "" : "its client is neither unauthenticated nor of meshTLS";
}

bool targets_server(const AuthorizationPolicy& policy, const Server& server) {
    if (policy.ns != server.ns) {
        return false;
    }
    const auto& target = policy.target;
    return target.is(kPolicyGroup, "Server") ? target.name == server.name
                                             : target.is("", "Namespace");
}

bool targets_route(const AuthorizationPolicy& policy, const HttpRoute& route) {
    return policy.ns == route.ns && policy.target.is(route.group, "HTTPRoute") &&
           equals_ignore_case(policy.target.name, route.name);
}

bool is_route_of(const HttpRoute& route, const Server& server) {
    return std::any_of(route.parents.begin(), route.parents.end(), [&](const auto& parent) {
        return parent.is(kPolicyGroup, "Server") && parent.name == server.name &&
               (parent.ns.empty() ? route.ns : parent.ns) == server.ns && route.ns == server.ns;
    });
}

bool selects(const ServerAuthorization& policy, const Server& server) {
    return policy.ns == server.ns && (policy.server.empty() ? policy.servers.selects(server.labels)
                                                            : policy.server == server.name);
}

} // namespace mesh::linkerd
