#include "labctl/compile/tls_secret.h"

#include <optional>

#include "mesh/tls/certificate.h"
#include "netemu/base/base64.h"
#include "netemu/base/error.h"

namespace labctl::compile {

namespace {

/// A field of a Secret; nullopt where there is none that can be read.
std::optional<std::string> secret_field(const api::Json& secret, const char* key) {
    const auto& data = api::at(secret, "data");
    const auto found = data.find(key);
    if (found == data.end() || !found->is_string()) {
        return std::nullopt;
    }
    return netemu::decode_base64(found->get<std::string>());
}

} // namespace

TlsSecret
read_tls_secret(const store::Store& store, const std::string& ns, const std::string& name) {
    TlsSecret result;
    auto& certificate = result.certificate;
    certificate.secret = ns + "/" + name;
    const auto secret = store.get({"Secret", ns, name});
    if (!secret) {
        result.reason = "NoSecret";
        result.problem = "there is no Secret " + certificate.secret;
        return result;
    }
    const auto chain = secret_field(secret->body, "tls.crt");
    const auto key = secret_field(secret->body, "tls.key");
    if (!chain || !key) {
        result.reason = "BadSecret";
        result.problem = "Secret " + certificate.secret + " has no tls.crt and tls.key";
        return result;
    }
    certificate.chain_pem = *chain;
    certificate.key_pem = *key;
    try {
        result.identity = mesh::TlsIdentity::parse(*chain, *key);
    } catch (const netemu::Error& error) {
        result.reason = "BadSecret";
        result.problem = "Secret " + certificate.secret + ": " + error.what();
    }
    return result;
}

} // namespace labctl::compile
