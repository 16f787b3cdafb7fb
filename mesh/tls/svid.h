#pragma once

#include <map>
#include <string>
#include <vector>

#include "mesh/spiffe/id.h"
#include "mesh/tls/config.h"
#include "mesh/tls/handles.h"

/// The rules of X509-SVIDs (X509-SVID.md of the SPIFFE standards). As handles.h, this is for the
/// sources of this room only.
namespace mesh::detail {

/// Which X509-SVIDs a peer may show.
struct SvidRules {
    std::map<std::string, std::vector<CertificateHandle>> bundles; // by trust domain
    std::vector<SpiffeId> expected;                                // empty: whoever verifies
};

/// Null if there are no bundles. Throws netemu::Error as TlsClientConfig::make says.
std::shared_ptr<const SvidRules>
read_svid_rules(const SpiffeBundles& bundles, const std::vector<std::string>& expected);

/// Which rule of a signing certificate it breaks, as the rest of a sentence ("has ..."); "" if
/// none (sections 3.2 and 4).
std::string signing_problem(x509_st* certificate);

/// The same of a leaf, whose facts are given (sections 3.1, 4 and 5.2); what its chain is worth is
/// not asked. A use that the certificate does not restrict is none that it lacks.
std::string leaf_problem(x509_st* certificate, const CertificateFacts& facts);

} // namespace mesh::detail
