#pragma once

#include <array>
#include <string>
#include <string_view>

#include "mesh/istio/authorization.h"

/// The fields of rules, each with what it is compared with.
namespace mesh::istio {

enum class FieldKind : std::uint8_t {
    Principal,
    Namespace,
    ServiceAccount,
    TrustDomain,
    SourceIp,
    RemoteIp,
    DestinationIp,
    DestinationPort,
    Sni,
    Host,
    Method,
    Path,
    Header,
    Token, // of a JWT
    Unknown,
};

/// Whether only a request of HTTP has it.
[[nodiscard]] bool is_http_only(FieldKind kind);

struct Field {
    FieldKind kind;
    std::string_view name;     // as manifests write it, or the key of a condition
    std::string_view not_name; // of its negative; "" in a condition
    const FieldValues* values;
    std::string_view header; // its name
};

[[nodiscard]] std::array<Field, 7> fields_of(const Source& source);
[[nodiscard]] std::array<Field, 4> fields_of(const Operation& operation);
[[nodiscard]] Field field_of(const Condition& condition);

/// What fields are compared with.
struct Facts {
    std::string_view policy_ns;
    const ConnectionFacts& connection;
    const RequestFacts* request; // nullptr: TCP
};

/// Whether the field holds values that cannot be compared with anything: those that only HTTP has
/// on TCP, and what is no address or port. Where ALLOW has one its rule is left out, elsewhere the
/// value is.
[[nodiscard]] bool has_unusable(const Field& field, const Facts& facts);
[[nodiscard]] bool is_usable(const Field& field, std::string_view value, const Facts& facts);

/// Whether one value matches. Of an absent identity, header or token none does.
[[nodiscard]] bool matches_value(const Field& field, std::string_view value, const Facts& facts);
/// Whether the field holds; values that cannot be used are left out.
[[nodiscard]] bool holds(const Field& field, const Facts& facts);

/// The last address of X-Forwarded-For, which the caller may have made up, or the peer's.
[[nodiscard]] netemu::IpAddress remote_address(const Facts& facts);

/// What the field is compared with, in words: "it is GET", "it comes without an identity".
[[nodiscard]] std::string describe_fact(const Field& field, const Facts& facts);

} // namespace mesh::istio
