#pragma once

#include <memory>
#include <string>

#include "labctl/store/store.h"
#include "services/ingress.h"

namespace mesh {
class TlsIdentity;
}

namespace labctl::compile {

/// A Secret of the type kubernetes.io/tls, as who ends TLS with it reads it.
struct TlsSecret {
    services::IngressCertificate certificate; // its hosts are left to the reader
    std::shared_ptr<const mesh::TlsIdentity> identity;
    /// Why there is no identity: "NoSecret" or "BadSecret", and in words; "" otherwise.
    const char* reason = "";
    std::string problem;
};
[[nodiscard]] TlsSecret
read_tls_secret(const store::Store& store, const std::string& ns, const std::string& name);

} // namespace labctl::compile
