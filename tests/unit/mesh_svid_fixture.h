#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "mesh/spiffe/authority.h"
#include "mesh/tls/session.h"

/// Certificates that break one rule each, made with OpenSSL alone, and what two sessions make of
/// them.
namespace test_svid {

struct Pair {
    std::string chain_pem; // its own certificate is the first
    std::string key_pem;
};

/// A certificate. As it is, a good leaf of the trust domain "a". Extensions are written as in
/// x509v3_config(5); "": there is none.
struct Recipe {
    std::string names = "URI:spiffe://a/ns/n/sa/s";
    std::string constraints = "critical,CA:FALSE";
    std::string key_usage = "critical,digitalSignature";
    std::string uses = "serverAuth,clientAuth";
    std::string name_constraints;
    std::chrono::seconds from = -std::chrono::minutes(1); // from now
    std::chrono::seconds until = std::chrono::hours(1);
    std::string curve = "P-256";
};

/// An authority below another one; as it is, a good one.
Recipe signer();

/// Signed by `issuer`, whose chain it has behind it unless that is self-signed; null: by itself.
Pair make(const Recipe& recipe, const Pair* issuer);
Pair pair_of(const mesh::Authority& authority);
Pair pair_of(const mesh::Svid& svid);

/// The extension of that kind of the first certificate, as OpenSSL prints it, "critical: " in front
/// if it is; "none".
std::string extension(const std::string& pem, int kind);

/// What a handshake came to; "" is fine.
struct Meeting {
    std::string server_error;
    std::string client_error;
    std::string server_sees; // the client's SPIFFE ID, if verified
    std::string client_sees;
    std::string server_name; // SNI
};
Meeting meet(
    const std::shared_ptr<const mesh::TlsServerConfig>& server,
    const std::shared_ptr<const mesh::TlsClientConfig>& client,
    const std::string& host = "web.lab");

mesh::TlsServerSettings server_with(const Pair& shown, const mesh::SpiffeBundles& bundles);
/// With no identity if `shown` is null.
mesh::TlsClientSettings client_with(const Pair* shown, const mesh::SpiffeBundles& bundles);

} // namespace test_svid
