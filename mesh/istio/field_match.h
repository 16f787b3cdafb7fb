#pragma once

#include <array>
#include <string>
#include <string_view>
#include <vector>

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
    Token, // of a JWT: its principal, or a claim
    Unknown,
};

/// Whether only a request of HTTP has it.
[[nodiscard]] bool is_http_only(FieldKind kind);

struct Field {
    FieldKind kind;
    std::string_view name;     // as manifests write it, or the key of a condition
    std::string_view not_name; // of its negative; "" in a condition
    const FieldValues* values;
    std::string_view header;  // its name
    std::string_view claim{}; // "a][b" is member b of a; "": its principal
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

/// What a Token field is compared with, of a claim: the text that it is, or those of its list;
/// `scope` and `permission` are words with spaces between them. Numbers and the like are none.
[[nodiscard]] std::vector<std::string_view>
texts_of_claim(const Field& field, const JsonValue& claims);

/// The last address of X-Forwarded-For, which the caller may have made up, or the peer's.
[[nodiscard]] netemu::IpAddress remote_address(const Facts& facts);

/// What the field is compared with, in words: "it is GET", "it comes without an identity".
[[nodiscard]] std::string describe_fact(const Field& field, const Facts& facts);

} // namespace mesh::istio
