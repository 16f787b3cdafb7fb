#include "labctl/dataplane/probe_tls.h"

#include <algorithm>

#include "labctl/dataplane/wire.h"

namespace labctl::dataplane {

std::shared_ptr<const mesh::TlsClientConfig> make_tls_config(const std::string& ca) {
    mesh::TlsClientSettings settings;
    settings.alpn = {"http/1.1"};
    settings.ca_pem = ca;
    settings.must_verify = !ca.empty();
    return mesh::TlsClientConfig::make(std::move(settings));
}

void note_tls(const mesh::TlsClientSession& session, ProbeOutcome& outcome) {
    const auto* certificate = session.peer();
    if (certificate == nullptr) {
        return;
    }
    auto& tls = outcome.tls.emplace();
    tls.version = session.protocol();
    tls.server_name = session.server_name();
    tls.subject = certificate->subject.substr(0, kCertificateLongTextKept);
    tls.issuer = certificate->issuer.substr(0, kCertificateLongTextKept);
    tls.not_after = mesh::to_rfc3339(certificate->not_after);
    const auto kept = std::min(certificate->dns_names.size(), kCertificateNamesKept);
    for (std::size_t i = 0; i < kept; ++i) {
        tls.dns_names.push_back(certificate->dns_names[i].substr(0, kCertificateTextKept));
    }
    outcome.peer_identity = certificate->spiffe_id().substr(0, kCertificateLongTextKept);
}

} // namespace labctl::dataplane
