#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <string>

#include "labctl/manifest/compose.h"
#include "labctl/manifest/cursor.h"
#include "labctl/manifest/names.h"
#include "labctl/manifest/rules.h"
#include "netemu/base/address.h"
#include "netemu/base/text.h"

/// What Linkerd's webhook and its schemas refuse of policies beside wrong types (linkerd/linkerd2
/// policy-controller/src/admission.rs, charts/linkerd-crds; reference mesh.md 8), and what of an
/// HTTPRoute nothing here acts on.
namespace labctl::manifest {

namespace {

constexpr std::string_view kLinkerdGroup = "policy.linkerd.io";
constexpr std::string_view kGatewayApiGroup = "gateway.networking.k8s.io";

std::string_view group_text(const Cursor& reference) {
    const auto group = reference["group"].text();
    return group == "core" ? std::string_view{} : group;
}

/// Kinds are compared without regard to case, as Linkerd does.
bool refers_to(const Cursor& reference, std::string_view group, std::string_view kind) {
    return netemu::to_lower(group_text(reference)) == group &&
           netemu::to_lower(reference["kind"].text()) == netemu::to_lower(kind);
}

std::string told_kind(const Cursor& reference) {
    const auto group = reference["group"].text();
    return compose({reference["kind"].text(), group.empty() ? "" : ".", group});
}

/// A CIDR, or an address alone.
std::optional<netemu::IpPrefix> network_of(std::string_view text) {
    if (const auto address = netemu::IpAddress::parse(text)) {
        return netemu::IpPrefix::host(*address);
    }
    return netemu::IpPrefix::parse(text);
}

std::optional<netemu::IpPrefix> check_network(const Cursor& text) {
    const auto network = network_of(text.text());
    if (!network && !text.text().empty()) {
        text.invalid("must be an IP address or a CIDR, such as 10.9.8.7 or 10.9.8.0/24");
    }
    return network;
}

/// A DNS name, the first label of which may be a star. SPIFFE IDs are identities too.
std::string identity_pattern(std::string_view text) {
    if (text == "*" || text.starts_with("spiffe://")) {
        return {};
    }
    const auto name = text.starts_with("*.") ? text.substr(2) : text;
    if (name.find('*') != name.npos) {
        return "a '*' stands for whole labels at the beginning, and for nothing elsewhere: this "
               "matches nobody";
    }
    return dns_subdomain(name);
}

void check_identities(const Cursor& list) {
    list.each([](const Cursor& identity) { identity.check(identity_pattern(identity.text())); });
}

std::optional<int> port_number(std::string_view text) {
    int port = 0;
    const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), port);
    const bool fine =
        problem == std::errc{} && end == text.data() + text.size() && port >= 1 && port <= kPortMax;
    return fine ? std::optional(port) : std::nullopt;
}

void check_port_of_server(const Cursor& port) {
    if (port.is_number()) {
        if (port.number() < 1 || port.number() > kPortMax) {
            port.invalid("must be between 1 and 65535, inclusive");
        }
    } else if (port.is_text()) {
        port.check(port_name(port.text()));
    }
}

bool is_server_parent(const Cursor& route, const Cursor& parent) {
    const bool linkerds = route["apiVersion"].text().starts_with(kLinkerdGroup);
    const auto group = parent["group"].text();
    return parent["kind"].is("Server") &&
           (group.empty() && !parent["group"].present() ? linkerds : group == kLinkerdGroup);
}

void check_supported_match(const Cursor& match) {
    const auto refuse = [](const Cursor& of) {
        if (of["type"].is("RegularExpression")) {
            of["type"].forbidden(
                "regular expressions are not supported by a lab", "say Exact, or leave it out");
        }
    };
    refuse(match["path"]);
    match["headers"].each(refuse);
    match["queryParams"].each(refuse);
}

/// What of an annotation's list of ports is none.
std::string bad_port_of(std::string_view list) {
    for (const auto item : netemu::split(list, ',')) {
        const auto text = netemu::trim(item);
        const auto dash = text.find('-');
        const auto from = port_number(text.substr(0, dash));
        const auto to = dash == text.npos ? from : port_number(text.substr(dash + 1));
        if (!from || !to || *from > *to) {
            return std::string(text);
        }
    }
    return {};
}

} // namespace

/// Linkerd takes no notice of what it cannot read there, and does not say so.
void check_linkerd_annotations(const Cursor& metadata) {
    constexpr std::array<std::string_view, 6> kPolicies{
        "all-authenticated",
        "all-unauthenticated",
        "audit",
        "cluster-authenticated",
        "cluster-unauthenticated",
        "deny"};
    constexpr std::array<std::string_view, 3> kInjection{"disabled", "enabled", "ingress"};
    constexpr std::array<std::string_view, 4> kPortLists{
        "opaque-ports",
        "proxy-require-identity-inbound-ports",
        "skip-inbound-ports",
        "skip-outbound-ports"};
    const auto annotations = metadata["annotations"];
    const auto one_of = [&](const char* key, auto values, const char* otherwise) {
        const auto value = annotations.key(key);
        if (value.is_text() &&
            std::find(values.begin(), values.end(), value.text()) == values.end()) {
            value.warn(
                compose({"'", value.text(), "' is none of its values: ", otherwise}),
                did_you_mean(value.text(), values));
        }
    };
    if (annotations.size() == 0) {
        return;
    }
    one_of("linkerd.io/inject", kInjection, "no proxy is injected");
    one_of("config.linkerd.io/default-inbound-policy", kPolicies, "the cluster's default counts");
    for (const auto name : kPortLists) {
        const auto key = compose({"config.linkerd.io/", name}); // the cursor does not keep it
        const auto value = annotations.key(key);
        const auto bad = value.text().empty() ? std::string() : bad_port_of(value.text());
        if (!bad.empty()) {
            value.warn(compose({"'", bad, "' is no port and no range of ports: it is left out"}));
        }
    }
}

std::string wildcard_hostname(std::string_view text) {
    return text.starts_with("*.") ? wildcard_subdomain(text) : dns_subdomain(text);
}

void check_linkerd_server_spec(const Cursor& spec) {
    const auto pods = spec["podSelector"];
    const auto workloads = spec["externalWorkloadSelector"];
    if (pods.present() && workloads.present()) {
        workloads.forbidden("only one of podSelector and externalWorkloadSelector can be set");
    } else if (workloads.present()) {
        workloads.warn("a lab has no ExternalWorkloads: nothing acts on this Server");
    } else if (!pods.present()) {
        pods.required("an empty one, podSelector: {}, selects all pods of the namespace");
    }
    check_port_of_server(spec["port"]);
}

void check_linkerd_network(const Cursor& network) {
    const auto cidr = check_network(network["cidr"]);
    network["except"].each([&](const Cursor& text) {
        const auto except = check_network(text);
        if (!cidr || !except) {
            return;
        }
        if (except->length <= cidr->length && except->contains(cidr->address)) {
            text.invalid("nothing of the cidr is left");
        } else if (!cidr->contains(except->address)) {
            text.invalid("is no part of the cidr");
        }
    });
}

void check_linkerd_server_selector(const Cursor& server) {
    const bool name = server["name"].present();
    if (name == server["selector"].present()) {
        name ? server["selector"].forbidden("only one of name and selector can be set")
             : server.required("one of name and selector");
    }
}

void check_linkerd_mesh_tls(const Cursor& tls) {
    check_identities(tls["identities"]);
    const bool any = tls["identities"].size() + tls["serviceAccounts"].size() > 0;
    if (tls["unauthenticatedTLS"].flag() && any) {
        tls["unauthenticatedTLS"].forbidden("does not go together with identities");
    } else if (!tls["unauthenticatedTLS"].flag() && !any) {
        tls.required("at least one of identities and serviceAccounts, or unauthenticatedTLS");
    }
}

void check_linkerd_client(const Cursor& client) {
    const bool tls = client["meshTLS"].present();
    const auto unauthenticated = client["unauthenticated"];
    if (tls && unauthenticated.flag()) {
        unauthenticated.forbidden("does not go together with meshTLS");
    } else if (!tls && !unauthenticated.flag()) {
        client.required("one of unauthenticated: true and meshTLS");
    }
}

void check_linkerd_authorization_spec(const Cursor& spec) {
    const auto target = spec["targetRef"];
    const bool known = refers_to(target, kLinkerdGroup, "Server") ||
                       refers_to(target, kLinkerdGroup, "HTTPRoute") ||
                       refers_to(target, kGatewayApiGroup, "HTTPRoute") ||
                       refers_to(target, "", "Namespace");
    if (refers_to(target, kGatewayApiGroup, "GRPCRoute")) {
        target.warn("nothing in a lab acts on GRPCRoutes, nor on policies for them");
    } else if (!known && target["kind"].present()) {
        target["kind"].error(
            compose({"unsupported authorization target type: ", told_kind(target)}),
            "group policy.linkerd.io with kind Server or HTTPRoute, or kind Namespace");
    }
    const auto required = spec["requiredAuthenticationRefs"];
    if (!required.present()) {
        required.required("an empty list authorizes everybody");
    }
    int identities = 0;
    int networks = 0;
    required.each([&](const Cursor& reference) {
        if (refers_to(reference, kLinkerdGroup, "NetworkAuthentication")) {
            if (++networks > 1) {
                reference.forbidden("only a single NetworkAuthentication may be set");
            }
        } else if (
            refers_to(reference, kLinkerdGroup, "MeshTLSAuthentication") ||
            refers_to(reference, "", "ServiceAccount")) {
            if (++identities > 1) {
                reference.forbidden(
                    "only a single MeshTLSAuthentication or ServiceAccount may be set",
                    "one MeshTLSAuthentication can name several identities");
            }
        } else if (reference["kind"].present()) {
            reference["kind"].error(
                compose({"unsupported authentication target: ", told_kind(reference)}),
                "group policy.linkerd.io with kind MeshTLSAuthentication or "
                "NetworkAuthentication, or kind ServiceAccount");
        }
    });
}

void check_linkerd_authorization(const Cursor& policy) {
    const auto target = policy["spec"]["targetRef"];
    const auto ns = policy["metadata"]["namespace"];
    if (refers_to(target, "", "Namespace") && ns.present() && target["name"].text() != ns.text()) {
        target["name"].error(
            compose({"cannot target another namespace: ", target["name"].text()}),
            compose({"put the policy into that namespace, or name ", ns.text()}));
    }
}

void check_linkerd_mesh_tls_authentication(const Cursor& spec) {
    const auto references = spec["identityRefs"];
    const bool identities = spec["identities"].size() > 0;
    if (identities && references.size() > 0) {
        references.forbidden("only one of identities and identityRefs can be set");
    } else if (!identities && references.size() == 0) {
        spec.required("one of identities and identityRefs");
    }
    check_identities(spec["identities"]);
    references.each([](const Cursor& reference) {
        const bool account = refers_to(reference, "", "ServiceAccount");
        if (!account && !refers_to(reference, "", "Namespace") && reference["kind"].present()) {
            reference["kind"].error(
                compose({"unsupported target type: ", told_kind(reference)}),
                "kind ServiceAccount or Namespace");
        } else if (reference["name"].text().empty()) {
            reference["name"].required();
        }
    });
}

void check_route_match(const Cursor& match) {
    const auto path = match["path"]["value"];
    if (path.present() && !path.text().starts_with('/') &&
        !match["path"]["type"].is("RegularExpression")) {
        path.invalid("must be an absolute path");
    }
}

void check_route(const Cursor& route) {
    const auto spec = route["spec"];
    bool of_server = false;
    spec["parentRefs"].each(
        [&](const Cursor& parent) { of_server = of_server || is_server_parent(route, parent); });
    if (!of_server) {
        spec["parentRefs"].warn(
            "nothing in a lab acts on an HTTPRoute without a parent of kind Server",
            "parentRefs: [{group: policy.linkerd.io, kind: Server, name: NAME}]");
        return;
    }
    spec["rules"].each([](const Cursor& rule) {
        rule["matches"].each(check_supported_match);
        if (rule["filters"].size() > 0) {
            rule["filters"].warn("nothing in a lab acts on filters of a Server's route");
        }
    });
}

} // namespace labctl::manifest
