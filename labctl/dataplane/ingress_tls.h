#pragma once

#include "labctl/dataplane/ingress_pod.h"

namespace labctl::dataplane {

/// A certificate as sessions show it; nullptr: it cannot be read, of which the supervisor has told.
/// `read` are those of `known`, which are used again.
[[nodiscard]] std::shared_ptr<const mesh::TlsIdentity> read_edge_identity(
    const services::IngressCertificate& certificate,
    const std::vector<services::IngressCertificate>& known,
    const std::vector<std::shared_ptr<const mesh::TlsIdentity>>& read);

/// Gives rules, whose table is complete, their side of TLS: to a client the certificate that the
/// table has for the name that it asks for (spec.tls), else one whose own names cover it, else a
/// self-signed one that is for nobody, as ingress-nginx does. Certificates that cannot be read are
/// passed over: the supervisor has told of them. What `before` has read already is used again; it
/// may be nullptr. Throws netemu::Error if OpenSSL fails.
void add_ingress_tls(IngressRules& rules, const IngressRules* before);

} // namespace labctl::dataplane
