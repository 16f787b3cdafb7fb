#include "labctl/dataplane/ingress_tls.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "mesh/tls/certificate.h"
#include "mesh/tls/config.h"
#include "netemu/base/error.h"

namespace labctl::dataplane {
namespace {

constexpr std::chrono::hours kOwnCertificateLifetime{24 * 365};

/// What sessions choose from, also those that outlive the rules.
struct CertificateChoice {
    services::IngressTable table; // its certificates alone
    std::vector<std::shared_ptr<const mesh::TlsIdentity>> identities;
    std::shared_ptr<const mesh::TlsIdentity> own;

    [[nodiscard]] std::shared_ptr<const mesh::TlsIdentity> choose(std::string_view name) const {
        if (const auto* wanted = services::ingress_certificate(table, name)) {
            const auto at = static_cast<std::size_t>(wanted - table.certificates.data());
            if (identities[at]) {
                return identities[at];
            }
        }
        for (const auto& identity : identities) {
            if (identity && !name.empty() && identity->covers(name)) {
                return identity;
            }
        }
        return own;
    }
};

} // namespace

std::shared_ptr<const mesh::TlsIdentity> read_edge_identity(
    const services::IngressCertificate& certificate,
    const std::vector<services::IngressCertificate>& known,
    const std::vector<std::shared_ptr<const mesh::TlsIdentity>>& read) {
    const auto found = std::find_if(known.begin(), known.end(), [&](const auto& other) {
        return other.chain_pem == certificate.chain_pem && other.key_pem == certificate.key_pem;
    });
    if (found != known.end()) {
        return read.at(static_cast<std::size_t>(found - known.begin()));
    }
    try {
        return mesh::TlsIdentity::parse(certificate.chain_pem, certificate.key_pem);
    } catch (const netemu::Error&) {
        return nullptr;
    }
}

void add_ingress_tls(IngressRules& rules, const IngressRules* before) {
    for (const auto& certificate : rules.table.certificates) {
        rules.identities.push_back(
            before == nullptr
                ? read_edge_identity(certificate, {}, {})
                : read_edge_identity(certificate, before->table.certificates, before->identities));
    }
    rules.own = before != nullptr && before->own ? before->own
                                                 : mesh::TlsIdentity::make_self_signed(
                                                       "labctl Ingress Controller Fake Certificate",
                                                       {"ingress.local"},
                                                       kOwnCertificateLifetime);
    auto choice = std::make_shared<CertificateChoice>();
    choice->table.certificates = rules.table.certificates;
    choice->identities = rules.identities;
    choice->own = rules.own;
    mesh::TlsServerSettings settings;
    settings.alpn = {"h2", "http/1.1"};
    settings.identity = [choice](std::string_view name) { return choice->choose(name); };
    rules.tls = mesh::TlsServerConfig::make(std::move(settings));
}

} // namespace labctl::dataplane
