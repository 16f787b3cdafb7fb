#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "mesh/http/message.h"
#include "mesh/json/value.h"
#include "netemu/base/address.h"

/// AuthorizationPolicy of Istio: whether a sidecar lets a request or a connection through. Source:
/// istio/istio pilot/pkg/security/authz (builder, model, matcher), istio/api
/// security/v1beta1/authorization_policy.proto. Pure.
namespace mesh::istio {

/// One field and its negative: it holds if any of the values matches, or there are none, and none
/// of the others does.
struct FieldValues {
    std::vector<std::string> values;
    std::vector<std::string> not_values;
    [[nodiscard]] bool absent() const { return values.empty() && not_values.empty(); }
    bool operator==(const FieldValues&) const = default;
};

/// All fields must hold. Texts are as in the manifest.
struct Source {
    FieldValues principals;         // TRUST-DOMAIN/ns/NAMESPACE/sa/SERVICE-ACCOUNT
    FieldValues request_principals; // of a JWT: ISSUER/SUBJECT
    FieldValues namespaces;
    FieldValues service_accounts; // NAMESPACE/NAME, or NAME in the namespace of the policy
    FieldValues trust_domains;
    FieldValues ip_blocks; // of the peer of the TCP connection
    FieldValues remote_ip_blocks;
    bool operator==(const Source&) const = default;
};

struct Operation {
    FieldValues hosts;
    FieldValues ports; // that the workload listens on
    FieldValues methods;
    FieldValues paths;
    bool operator==(const Operation&) const = default;
};

struct Condition {
    std::string key; // "source.ip", "request.headers[x-a]", ...; a rule with an unknown one is none
    FieldValues values;
    bool operator==(const Condition&) const = default;
};

/// Any of `from` and any of `to`, each only if there are any, and all of `when`.
struct Rule {
    std::vector<Source> from;
    std::vector<Operation> to;
    std::vector<Condition> when;
    bool operator==(const Rule&) const = default;
};

struct AuthorizationPolicy {
    enum class Action : std::uint8_t { Allow, Deny, Audit, Custom };

    std::string ns;
    std::string name;
    Action action = Action::Allow;
    bool dry_run = false; // annotation istio.io/dry-run: only told of, never enforced
    std::string provider; // of Custom
    std::vector<Rule> rules;
    bool operator==(const AuthorizationPolicy&) const = default;
};

/// What is known of a connection.
struct ConnectionFacts {
    /// Whose certificate it has shown: the whole SPIFFE ID, "spiffe://" included. A name of another
    /// form (a DNS name, where there is no URI) is an identity too, which only `*` matches.
    /// nullopt: no mutual TLS.
    std::optional<std::string> peer_id;
    netemu::IpAddress source;
    netemu::Endpoint destination; // the workload's address and port, after any translation
    std::string sni;              // "": none
    /// The mesh's own, and others that stand for it. A principal of a policy that is of one of
    /// them, or of cluster.local, is of each of them (pilot/pkg/security/trustdomain/bundle.go).
    std::string trust_domain = "cluster.local";
    std::vector<std::string> trust_domain_aliases;
};

/// What is known of an HTTP request. Views: they must outlive the call.
struct RequestFacts {
    std::string_view method;
    std::string_view path; // normalized (see mesh/http/normalize_path.h), without query
    std::string_view authority;
    const Headers* headers = nullptr; // nullptr: none
    /// Of a JWT that has been validated (mesh/jwt/request_tokens.h); nullptr: there was none.
    const JsonValue* claims = nullptr;
};

enum class Why : std::uint8_t {
    NoAllowPolicy, // allowed: no policy with the action ALLOW is enforced
    Allowed,       // by a rule of one
    Denied,        // by a rule of DENY or CUSTOM
    NotAllowed,    // there are ALLOW policies, and no rule of theirs matches
};

struct Decision {
    bool allowed = true;
    Why why = Why::NoAllowPolicy;
    std::string policy; // "ns[N]-policy[P]-rule[I]" of the rule that decided, I from 0; "": none
    std::string text;   // in plain words, one line; rules are counted from 1
    std::vector<std::string> audited;  // the matching rules of AUDIT policies, named as in `policy`
    std::vector<std::string> dry_runs; // what dry-run policies would have done, in plain words
};

/// What those policies, all of which apply to the destination, say. `request` is nullptr for TCP,
/// where what only HTTP has counts as follows: an ALLOW rule that asks for it is left out, in other
/// rules only that field is, which makes them wider. The first matching rule in the order given is
/// the one that is named. There are no providers for CUSTOM here: what asks one is denied, as in
/// Istio when the provider is unknown.
[[nodiscard]] Decision decide(
    std::span<const AuthorizationPolicy> policies,
    const ConnectionFacts& connection,
    const RequestFacts* request);

} // namespace mesh::istio
