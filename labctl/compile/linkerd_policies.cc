#include "labctl/compile/linkerd_policies.h"

#include <algorithm>
#include <array>
#include <utility>

namespace labctl::compile {

namespace {

using api::at;
using api::Json;
using api::string_at;
using namespace mesh::linkerd;

std::vector<std::string> linkerd_texts(const Json& list) {
    std::vector<std::string> texts;
    for (const auto& item : list) {
        if (item.is_string()) {
            texts.push_back(item.get<std::string>());
        }
    }
    return texts;
}

LabelSelector label_selector(const Json& json) {
    using Operator = LabelSelector::Requirement::Operator;
    LabelSelector selector;
    for (const auto& [key, value] : api::labels_at(json, "matchLabels")) {
        selector.match_labels[key] = value;
    }
    for (const auto& expression : at(json, "matchExpressions")) {
        const auto op = string_at(expression, "operator");
        selector.expressions.push_back(
            {string_at(expression, "key"),
             op == "In"             ? Operator::In
             : op == "NotIn"        ? Operator::NotIn
             : op == "DoesNotExist" ? Operator::DoesNotExist
                                    : Operator::Exists,
             linkerd_texts(at(expression, "values"))});
    }
    return selector;
}

std::optional<netemu::IpPrefix> linkerd_prefix(const std::string& text) {
    if (const auto address = netemu::IpAddress::parse(text)) {
        return netemu::IpPrefix::host(*address);
    }
    return netemu::IpPrefix::parse(text);
}

std::vector<Network> linkerd_networks(const Json& list) {
    std::vector<Network> networks;
    for (const auto& item : list) {
        const auto cidr = linkerd_prefix(string_at(item, "cidr"));
        if (!cidr) {
            continue;
        }
        Network network{*cidr, {}};
        for (const auto& text : linkerd_texts(at(item, "except"))) {
            if (const auto except = linkerd_prefix(text)) {
                network.except.push_back(*except);
            }
        }
        networks.push_back(std::move(network));
    }
    return networks;
}

Reference reference_of(const Json& json, const char* group = "", const char* kind = "") {
    return {
        string_at(json, "group", group),
        string_at(json, "kind", kind),
        string_at(json, "namespace"),
        string_at(json, "name")};
}

std::vector<Reference> references_of(const Json& list) {
    std::vector<Reference> references;
    for (const auto& item : list) {
        references.push_back(reference_of(item));
    }
    return references;
}

std::vector<ValueMatch> value_matches(const Json& list) {
    std::vector<ValueMatch> matches;
    for (const auto& item : list) {
        const auto name = string_at(item, "name");
        const bool again = std::any_of(matches.begin(), matches.end(), [&](const auto& known) {
            return mesh::equals_ignore_case(known.name, name);
        });
        if (!again) { // of equal names the first counts
            matches.push_back({name, string_at(item, "value")});
        }
    }
    return matches;
}

RouteRule route_rule(const Json& json) {
    RouteRule rule;
    for (const auto& item : at(json, "matches")) {
        RouteMatch match;
        match.path.kind = string_at(item, "path.type") == "Exact" ? PathMatch::Kind::Exact
                                                                  : PathMatch::Kind::Prefix;
        match.path.value = string_at(item, "path.value", "/");
        match.method = string_at(item, "method");
        match.headers = value_matches(at(item, "headers"));
        match.query = value_matches(at(item, "queryParams"));
        rule.matches.push_back(std::move(match));
    }
    return rule;
}

template <class Value, class Read>
std::vector<Value> read_all(const store::Store& store, const char* kind, Read read) {
    std::vector<Value> all;
    for (const auto& object : store.list(kind)) {
        all.push_back(read(*object));
    }
    return all;
}

MeshTlsAuthentication read_mesh_tls(const api::Object& object) {
    const auto& spec = at(object.body, "spec");
    return {
        object.ns(),
        object.name(),
        linkerd_texts(at(spec, "identities")),
        references_of(at(spec, "identityRefs"))};
}

NetworkAuthentication read_network_authentication(const api::Object& object) {
    return {object.ns(), object.name(), linkerd_networks(at(object.body, "spec.networks"))};
}

} // namespace

Server read_linkerd_server(const api::Object& object) {
    const auto& spec = at(object.body, "spec");
    Server server;
    server.ns = object.ns();
    server.name = object.name();
    server.created = string_at(object.body, "metadata.creationTimestamp");
    for (const auto& [key, value] : object.labels()) {
        server.labels[key] = value;
    }
    server.for_pods = at(spec, "podSelector").is_object();
    server.pods = label_selector(at(spec, "podSelector"));
    const auto number = api::int_at(spec, "port", 0);
    server.port =
        number > 0 && number <= UINT16_MAX ? static_cast<std::uint16_t>(number) : std::uint16_t{0};
    server.port_name = string_at(spec, "port");
    server.protocol =
        parse_proxy_protocol(string_at(spec, "proxyProtocol")).value_or(ProxyProtocol::Unknown);
    server.access_policy =
        parse_default_policy(string_at(spec, "accessPolicy")).value_or(DefaultPolicy::Deny);
    return server;
}

ServerAuthorization read_server_authorization(const api::Object& object) {
    const auto& spec = at(object.body, "spec");
    const auto& tls = at(spec, "client.meshTLS");
    ServerAuthorization policy;
    policy.ns = object.ns();
    policy.name = object.name();
    policy.server = string_at(spec, "server.name");
    policy.servers = label_selector(at(spec, "server.selector"));
    policy.networks = linkerd_networks(at(spec, "client.networks"));
    policy.unauthenticated = api::bool_at(spec, "client.unauthenticated", false);
    policy.unauthenticated_tls = api::bool_at(tls, "unauthenticatedTLS", false);
    policy.identities = linkerd_texts(at(tls, "identities"));
    for (const auto& account : at(tls, "serviceAccounts")) {
        policy.accounts.push_back(reference_of(account));
    }
    return policy;
}

mesh::linkerd::AuthorizationPolicy read_linkerd_authorization(const api::Object& object) {
    const auto& spec = at(object.body, "spec");
    return {
        object.ns(),
        object.name(),
        reference_of(at(spec, "targetRef")),
        references_of(at(spec, "requiredAuthenticationRefs"))};
}

HttpRoute read_http_route(const api::Object& object) {
    const auto& spec = at(object.body, "spec");
    HttpRoute route;
    route.group = api::group_of(object.api_version());
    route.ns = object.ns();
    route.name = object.name();
    for (const auto& parent : at(spec, "parentRefs")) {
        route.parents.push_back(reference_of(parent, route.group.c_str(), "Gateway"));
    }
    route.table.name = object.ns() + "/" + object.name();
    route.table.created = string_at(object.body, "metadata.creationTimestamp");
    route.table.hostnames = linkerd_texts(at(spec, "hostnames"));
    for (const auto& rule : at(spec, "rules")) {
        route.table.rules.push_back(route_rule(rule));
    }
    if (!at(spec, "rules").is_array()) { // the default: one that takes everything
        route.table.rules.emplace_back();
    }
    return route;
}

Policies read_linkerd_policies(const store::Store& store) {
    Policies policies;
    policies.servers = read_all<Server>(store, "Server", read_linkerd_server);
    policies.server_authorizations =
        read_all<ServerAuthorization>(store, "ServerAuthorization", read_server_authorization);
    policies.authorization_policies = read_all<mesh::linkerd::AuthorizationPolicy>(
        store, kLinkerdAuthorizationKind, read_linkerd_authorization);
    policies.mesh_tls =
        read_all<MeshTlsAuthentication>(store, "MeshTLSAuthentication", read_mesh_tls);
    policies.networks = read_all<NetworkAuthentication>(
        store, "NetworkAuthentication", read_network_authentication);
    for (const auto* kind : {kLinkerdRouteKind, "HTTPRoute"}) {
        for (auto& route : read_all<HttpRoute>(store, kind, read_http_route)) {
            policies.routes.push_back(std::move(route));
        }
    }
    return policies;
}

bool is_linkerd_kind(const std::string& kind) {
    constexpr std::array<std::string_view, 7> kKinds{
        "Server",
        "ServerAuthorization",
        kLinkerdAuthorizationKind,
        "MeshTLSAuthentication",
        "NetworkAuthentication",
        kLinkerdRouteKind,
        "HTTPRoute"};
    return std::find(kKinds.begin(), kKinds.end(), kind) != kKinds.end();
}

bool is_linkerd_policy_kind(const std::string& kind) {
    return kind != "HTTPRoute" && is_linkerd_kind(kind);
}

} // namespace labctl::compile
