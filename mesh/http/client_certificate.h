#pragma once

#include <string>
#include <string_view>

namespace mesh {

/// One element of the field X-Forwarded-Client-Cert: what a proxy says of the certificate that its
/// client has shown (envoy: docs/root/configuration/http/http_conn_man/headers.rst).
struct ForwardedCertificate {
    std::string by;  // the URI name of the proxy's own certificate
    std::string uri; // that of the client's
};

/// The last element, which the proxy next to the server has added; pairs that make no sense are
/// passed over. Quoted values may hold any of the separators. Pure.
[[nodiscard]] ForwardedCertificate read_forwarded_certificate(std::string_view field);

} // namespace mesh
