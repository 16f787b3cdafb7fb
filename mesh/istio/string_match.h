#pragma once

#include <optional>
#include <string_view>

#include "netemu/base/address.h"

/// How a value of an AuthorizationPolicy is compared with what there is. Source: istio/istio
/// pilot/pkg/security/authz/matcher, istio/api security/v1beta1/authorization_policy.proto. Pure.
namespace mesh::istio {

enum class LetterCase : std::uint8_t { Matters, Ignored };

/// `*` is anything but nothing, `x*` a prefix, `*x` a suffix, everything else exact; a `*`
/// elsewhere than first or last is a character like others, and of two of them only the first
/// counts.
[[nodiscard]] bool matches_text(
    std::string_view pattern, std::string_view text, LetterCase letter_case = LetterCase::Matters);

/// Each `*` is any text, empty too, wherever it is.
[[nodiscard]] bool matches_wildcards(std::string_view pattern, std::string_view text);

/// As matches_text, or a template: `{*}` is one segment, `{**}` all the rest, slashes and nothing
/// at all included.
[[nodiscard]] bool matches_path(std::string_view pattern, std::string_view path);

/// "10.1.2.3" as 10.1.2.3/32, or a range; nullopt when it is neither.
[[nodiscard]] std::optional<netemu::IpPrefix> parse_block(std::string_view text);

/// The parts of spiffe://TRUST-DOMAIN/ns/NAMESPACE/sa/SERVICE-ACCOUNT, views into it; empty for an
/// identity of another form, but that the trust domain is that of any SPIFFE ID.
struct IdentityNames {
    std::string_view trust_domain;
    std::string_view ns;
    std::string_view service_account;
};
[[nodiscard]] IdentityNames names_of_identity(std::string_view spiffe_id);

inline constexpr std::string_view kSpiffeScheme = "spiffe://";

} // namespace mesh::istio
