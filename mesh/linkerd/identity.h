#pragma once

#include <string>
#include <string_view>

/// Who a meshed workload of Linkerd is: a DNS name in its certificate. Pure.
namespace mesh::linkerd {

/// "web.shop.serviceaccount.identity.linkerd.cluster.local": the ServiceAccount, its namespace, the
/// control plane's namespace and the trust domain. Source: linkerd/linkerd2
/// policy-controller/k8s/index/src/cluster_info.rs.
[[nodiscard]] std::string service_account_identity(
    std::string_view ns, std::string_view account, std::string_view trust_domain);
/// The pattern for all accounts of a namespace.
[[nodiscard]] std::string namespace_identity(std::string_view ns, std::string_view trust_domain);

/// Whether a text has the form of the first.
[[nodiscard]] bool is_service_account_identity(std::string_view text);

/// Whether one value of `identities` matches. `*` is any DNS name, `*.b.c` any that ends in
/// ".b.c"; everything else is compared exactly, a `*` elsewhere too, which nobody has in their
/// name. Identities that are SPIFFE IDs are only matched exactly. Source: linkerd/linkerd2
/// policy-controller/core/src/identity_match.rs, linkerd/linkerd2-proxy
/// linkerd/app/inbound/src/policy.rs.
[[nodiscard]] bool matches_identity(std::string_view pattern, std::string_view identity);

/// Whether the pattern has a star that is no wildcard, so that it matches nobody.
[[nodiscard]] bool matches_nobody(std::string_view pattern);

} // namespace mesh::linkerd
