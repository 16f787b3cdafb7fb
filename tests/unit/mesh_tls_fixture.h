#pragma once

#include <memory>
#include <string>

#include "mesh/tls/session.h"

/// What the tests of TLS share: the certificates of tests/unit/data/tls, and a wire between two
/// sessions.
namespace test_tls {

/// The text of a file of tests/unit/data/tls. Throws std::runtime_error if there is none.
std::string file(const std::string& name);
/// The identity of NAME.pem and NAME.key.
std::shared_ptr<const mesh::TlsIdentity> identity(const std::string& name);

/// Settings of a server that shows NAME.pem to everybody.
mesh::TlsServerSettings showing(const std::string& name);
/// The same, ready.
std::shared_ptr<const mesh::TlsServerConfig> server(const std::string& name);
std::shared_ptr<const mesh::TlsClientConfig> client(mesh::TlsClientSettings settings = {});
/// A client that ends unless the server's certificate is by ca.pem and for its name.
std::shared_ptr<const mesh::TlsClientConfig> strict_client();

/// Carries bytes both ways, in pieces of that size, until neither has any more.
void connect(mesh::TlsSession& one, mesh::TlsSession& other, std::size_t piece = 100000);

} // namespace test_tls
