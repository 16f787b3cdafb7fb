#include "tests/unit/mesh_linkerd_fixture.h"

namespace mesh_linkerd_test {

ConnectionFacts client(const std::string& identity, const std::string& source) {
    ConnectionFacts facts;
    facts.source = netemu::IpAddress::parse(source).value();
    facts.tls = !identity.empty();
    if (facts.tls) {
        facts.identity = identity;
    }
    return facts;
}

Workload cart() {
    Workload pod;
    pod.ns = "shop";
    pod.labels = {{"app", "cart"}};
    pod.named_ports = {{"http", 8080}, {"redis", 6379}};
    return pod;
}

Server server(const std::string& name, std::uint16_t port, const std::string& created) {
    Server made;
    made.ns = "shop";
    made.name = name;
    made.created = created;
    made.pods.match_labels = {{"app", "cart"}};
    made.port = port;
    return made;
}

AuthorizationPolicy
policy(const std::string& name, const std::string& server, std::vector<Reference> required) {
    return {"shop", name, {kPolicyGroup, "Server", "", server}, std::move(required)};
}

Reference mesh_tls(const std::string& name, const std::string& ns) {
    return {kPolicyGroup, "MeshTLSAuthentication", ns, name};
}

Reference network(const std::string& name, const std::string& ns) {
    return {kPolicyGroup, "NetworkAuthentication", ns, name};
}

Reference account(const std::string& name, const std::string& ns) {
    return {"", "ServiceAccount", ns, name};
}

Network range(const std::string& cidr, const std::vector<std::string>& except) {
    Network made{netemu::IpPrefix::parse(cidr).value(), {}};
    for (const auto& text : except) {
        made.except.push_back(netemu::IpPrefix::parse(text).value());
    }
    return made;
}

HttpRoute
route(const std::string& name, const std::string& server, const std::vector<std::string>& paths) {
    HttpRoute made;
    made.group = kPolicyGroup;
    made.ns = "shop";
    made.name = name;
    made.parents = {{kPolicyGroup, "Server", "", server}};
    made.table.name = "shop/" + name;
    for (const auto& path : paths) {
        RouteMatch match;
        match.path.value = path;
        made.table.rules.push_back({{match}});
    }
    return made;
}

Decision
on_http(const Policies& policies, const ConnectionFacts& from, const OwnedRequest& request) {
    const auto facts = request.facts();
    return decide(govern(policies, cart(), 8080, kDomain).inbound, from, Speech::Http1, &facts);
}

Decision on_tcp(const Policies& policies, const ConnectionFacts& from) {
    return decide(govern(policies, cart(), 8080, kDomain).inbound, from, Speech::Tcp, nullptr);
}

} // namespace mesh_linkerd_test
