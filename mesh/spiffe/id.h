#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

/// SPIFFE IDs (SPIFFE-ID.md of the SPIFFE standards): the names of workloads.
namespace mesh {

inline constexpr std::size_t kSpiffeIdMax = 2048;   // SPIFFE-ID.md, section 2.3
inline constexpr std::size_t kTrustDomainMax = 255; // the same

/// Why `name` cannot be a trust domain, in words; "" if it can: 1 to kTrustDomainMax of a-z, 0-9,
/// '.', '-' and '_' (SPIFFE-ID.md, section 2.1). Pure.
std::string trust_domain_problem(std::string_view name);

/// A valid SPIFFE ID, `spiffe://TRUST-DOMAIN/PATH`, as a value. One without a path names the trust
/// domain itself, as its authorities do.
///
/// Two of them are equal if they name the same: of scheme and trust domain the case does not
/// matter, of the path it does. As a trust domain is valid in lower case only, and the scheme is
/// kept in it, that is to compare what is kept.
class SpiffeId {
public:
    /// Who a workload of Kubernetes is.
    struct Workload {
        std::string name_space;
        std::string service_account;
        bool operator==(const Workload&) const = default;
    };

    /// Throws netemu::Error that says which rule is broken (SPIFFE-ID.md, section 2): no query,
    /// fragment, user info, port or percent encoding; a trust domain as `trust_domain_problem` has
    /// it; a path of segments of letters, digits, '.', '-' and '_', none empty, "." or ".."; at
    /// most kSpiffeIdMax bytes. The scheme may be written in any case (RFC 3986, section 3.1).
    static SpiffeId parse(std::string_view text);
    /// The same without words.
    static std::optional<SpiffeId> try_parse(std::string_view text);
    /// `spiffe://TRUST-DOMAIN/ns/NAMESPACE/sa/SERVICE-ACCOUNT`, as Istio has it
    /// (istio/istio:pkg/spiffe/spiffe.go). Throws netemu::Error if that is none; a name that would
    /// be more than one segment is refused.
    static SpiffeId of_service_account(
        std::string_view trust_domain,
        std::string_view name_space,
        std::string_view service_account);

    [[nodiscard]] const std::string& trust_domain() const { return trust_domain_; }
    /// With the slash that it begins with; "" if there is none.
    [[nodiscard]] const std::string& path() const { return path_; }
    [[nodiscard]] std::string to_string() const;
    /// If the path is exactly /ns/NAMESPACE/sa/SERVICE-ACCOUNT.
    [[nodiscard]] std::optional<Workload> workload() const;

    bool operator==(const SpiffeId&) const = default;

private:
    SpiffeId(std::string_view trust_domain, std::string_view path)
        : trust_domain_(trust_domain), path_(path) {}

    std::string trust_domain_;
    std::string path_;
};

} // namespace mesh
