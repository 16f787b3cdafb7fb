#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "netemu/base/address.h"

/// What an Ingress controller does with a request: which rule of all its Ingresses takes it, and
/// who answers. Pure. Source: networking.k8s.io/v1 and the concept page "Ingress" of Kubernetes;
/// reference section 10.1.
namespace services {

enum class IngressPathType : std::uint8_t {
    Exact,
    Prefix,                 // by whole elements between slashes
    ImplementationSpecific, // here: as Prefix, as ingress-nginx has it
};

/// As the API writes it: "Exact", "Prefix", "ImplementationSpecific".
[[nodiscard]] std::string_view to_text(IngressPathType type);
[[nodiscard]] std::optional<IngressPathType> parse_ingress_path_type(std::string_view text);

/// A port of a Service that requests go to. A controller speaks to the endpoints themselves, so
/// that no Service address is on the way.
struct IngressBackend {
    std::string name;                        // "NS/SERVICE:PORT", the port as the Ingress has it
    std::vector<netemu::Endpoint> endpoints; // that serve now
    std::string problem;                     // why there are none; empty if there are
    bool http2 = false; // HTTP/2 without TLS is spoken to them, which gRPC wants
    bool operator==(const IngressBackend&) const = default;
};

struct IngressPath {
    IngressPathType type = IngressPathType::Prefix;
    std::string path;          // as the Ingress has it
    std::uint32_t backend = 0; // index in IngressTable::backends
    std::string ingress;       // "NS/NAME" of the Ingress that has it
    bool operator==(const IngressPath&) const = default;
};

/// All paths of one host, of all Ingresses of the class.
struct IngressHost {
    std::vector<IngressPath> paths;
    std::optional<std::uint32_t>
        default_backend; // of the oldest Ingress with this host that has one
    bool operator==(const IngressHost&) const = default;
};

/// A Secret of the type kubernetes.io/tls, and the hosts that it is for.
struct IngressCertificate {
    std::string secret;             // "NS/NAME"
    std::vector<std::string> hosts; // of spec.tls; empty: those that the certificate names
    std::string chain_pem;
    std::string key_pem;
    bool operator==(const IngressCertificate&) const = default;
};

/// All that the controllers of one class answer from.
struct IngressTable {
    /// By host in lower case: "shop.example", "*.example" (one label more), or "" (every host that
    /// no other entry matches).
    std::map<std::string, IngressHost> hosts;
    std::vector<IngressBackend> backends;
    std::optional<std::uint32_t> default_backend; // for requests that no rule takes
    std::vector<IngressCertificate> certificates; // those of older Ingresses first
    bool operator==(const IngressTable&) const = default;

    /// Puts the paths of every host into the order in which they are tried: the longest first, of
    /// two of one length Exact first, then in the order in which they were added.
    void sort_paths();
};

/// Which entry of the table takes a request.
struct IngressDecision {
    std::string host;                  // of the request: lower case, no port
    std::string path;                  // of the request, normalized
    const std::string* rule = nullptr; // the chosen host's key; nullptr: no rule has the host
    const IngressPath* matched = nullptr;
    std::optional<std::uint32_t> backend; // none: the controller's own 404
};

/// `host` is the Host header as it came, `target` the request target in origin form, with or
/// without a query.
/// nullopt: a target that leads above the root or is no path, which is answered 400.
/// The result points into `table`.
[[nodiscard]] std::optional<IngressDecision>
route_ingress(const IngressTable& table, std::string_view host, std::string_view target);

/// Whether a path of an Ingress takes the request's normalized path.
[[nodiscard]] bool ingress_path_matches(const IngressPath& rule, std::string_view path);

/// The key of `IngressTable::hosts` that a host chooses: itself, the wildcard of its parent, or "".
/// nullptr if there is none.
[[nodiscard]] const std::string* ingress_host_key(const IngressTable& table, std::string_view host);

/// A Host header without its port, in lower case.
[[nodiscard]] std::string ingress_host_name(std::string_view header);

/// A request's path as rules see it: %-escapes decoded, no "//", "." and ".." resolved (RFC 3986
/// section 5.2.4). nullopt: it leads above the root, holds a NUL, or does not begin with a slash.
[[nodiscard]] std::optional<std::string> normalized_path(std::string_view target);

/// The certificate for a TLS client that asks for `server_name` (lower case, may be empty): exact
/// hosts before wildcards. nullptr: none says that it is for it.
[[nodiscard]] const IngressCertificate*
ingress_certificate(const IngressTable& table, std::string_view server_name);

} // namespace services
