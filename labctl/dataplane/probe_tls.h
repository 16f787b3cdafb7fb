#pragma once

#include <memory>
#include <string>

#include "labctl/dataplane/probe_task.h"
#include "mesh/tls/session.h"

namespace labctl::dataplane {

/// How a probe speaks TLS: HTTP/1.1 by ALPN, and with authorities (PEM) only to a server whose
/// certificate is by one of them and for the host. Throws netemu::Error for PEM that is none.
std::shared_ptr<const mesh::TlsClientConfig> make_tls_config(const std::string& ca);

/// Notes the session and the server's certificate in `outcome`, each text no longer than it is
/// kept; nothing while the server has shown none.
void note_tls(const mesh::TlsClientSession& session, ProbeOutcome& outcome);

} // namespace labctl::dataplane
