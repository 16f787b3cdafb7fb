#include "tests/unit/mesh_svid_fixture.h"

#include <ctime>
#include <stdexcept>

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "tests/unit/mesh_tls_fixture.h"

namespace {

struct FreeMade {
    void operator()(BIO* bio) const { BIO_free(bio); }
    void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
    void operator()(X509* certificate) const { X509_free(certificate); }
    void operator()(X509_EXTENSION* extension) const { X509_EXTENSION_free(extension); }
};
template <typename Type>
using Owned = std::unique_ptr<Type, FreeMade>;

template <typename Type>
Owned<Type> own(Type* made) {
    if (made == nullptr) {
        throw std::runtime_error("OpenSSL made nothing");
    }
    return Owned<Type>(made);
}

Owned<BIO> reader(const std::string& text) {
    return own(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

Owned<X509> first_certificate(const std::string& pem) {
    return own(PEM_read_bio_X509(reader(pem).get(), nullptr, nullptr, nullptr));
}

std::string written(BIO* out) {
    char* bytes = nullptr;
    const auto size = BIO_get_mem_data(out, &bytes);
    return {bytes, static_cast<std::size_t>(size)};
}

void extend(X509* certificate, int kind, const std::string& value) {
    if (value.empty()) {
        return;
    }
    const auto extension = own(X509V3_EXT_conf_nid(nullptr, nullptr, kind, value.c_str()));
    X509_add_ext(certificate, extension.get(), -1);
}

} // namespace

namespace test_svid {

Recipe signer() {
    Recipe recipe;
    recipe.names = "URI:spiffe://a";
    recipe.constraints = "critical,CA:TRUE";
    recipe.key_usage = "critical,keyCertSign,cRLSign";
    recipe.uses = "";
    return recipe;
}

Pair make(const Recipe& recipe, const Pair* issuer) {
    static long serial = 0;
    const auto key = own(EVP_EC_gen(recipe.curve.c_str()));
    const auto certificate = own(X509_new());
    auto* made = certificate.get();
    X509_set_version(made, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(made), ++serial);
    X509_time_adj_ex(X509_getm_notBefore(made), 0, static_cast<long>(recipe.from.count()), nullptr);
    X509_time_adj_ex(X509_getm_notAfter(made), 0, static_cast<long>(recipe.until.count()), nullptr);
    const auto name = "made " + std::to_string(serial);
    const auto* bytes = reinterpret_cast<const unsigned char*>(name.c_str());
    X509_NAME_add_entry_by_txt(X509_get_subject_name(made), "CN", MBSTRING_ASC, bytes, -1, -1, 0);
    X509_set_pubkey(made, key.get());
    extend(made, NID_subject_alt_name, recipe.names);
    extend(made, NID_basic_constraints, recipe.constraints);
    extend(made, NID_key_usage, recipe.key_usage);
    extend(made, NID_ext_key_usage, recipe.uses);
    extend(made, NID_name_constraints, recipe.name_constraints);
    std::string above;
    if (issuer == nullptr) {
        X509_set_issuer_name(made, X509_get_subject_name(made));
        X509_sign(made, key.get(), EVP_sha256());
    } else {
        const auto signing = first_certificate(issuer->chain_pem);
        const auto signing_key =
            own(PEM_read_bio_PrivateKey(reader(issuer->key_pem).get(), nullptr, nullptr, nullptr));
        X509_set_issuer_name(made, X509_get_subject_name(signing.get()));
        X509_sign(made, signing_key.get(), EVP_sha256());
        above = X509_self_signed(signing.get(), 0) == 1 ? "" : issuer->chain_pem;
    }
    const auto pem = own(BIO_new(BIO_s_mem()));
    const auto key_pem = own(BIO_new(BIO_s_mem()));
    PEM_write_bio_X509(pem.get(), made);
    PEM_write_bio_PrivateKey(key_pem.get(), key.get(), nullptr, nullptr, 0, nullptr, nullptr);
    return {written(pem.get()) + above, written(key_pem.get())};
}

Pair pair_of(const mesh::Authority& authority) {
    return {authority.certificate_pem(), authority.key_pem()};
}

Pair pair_of(const mesh::Svid& svid) {
    return {svid.chain_pem, svid.key_pem};
}

std::string extension(const std::string& pem, int kind) {
    const auto certificate = first_certificate(pem);
    const int at = X509_get_ext_by_NID(certificate.get(), kind, -1);
    if (at < 0) {
        return "none";
    }
    auto* found = X509_get_ext(certificate.get(), at);
    const auto out = own(BIO_new(BIO_s_mem()));
    X509V3_EXT_print(out.get(), found, 0, 0);
    return (X509_EXTENSION_get_critical(found) == 1 ? "critical: " : "") + written(out.get());
}

Meeting meet(
    const std::shared_ptr<const mesh::TlsServerConfig>& server,
    const std::shared_ptr<const mesh::TlsClientConfig>& client,
    const std::string& host) {
    mesh::TlsServerSession there(server);
    mesh::TlsClientSession here(client, host);
    test_tls::connect(here, there);
    const auto seen = [](const mesh::TlsSession& session) {
        return session.verified() && session.handshaken() ? session.peer()->spiffe_id() : "";
    };
    return {there.error(), here.error(), seen(there), seen(here), there.server_name()};
}

mesh::TlsServerSettings server_with(const Pair& shown, const mesh::SpiffeBundles& bundles) {
    mesh::TlsServerSettings settings;
    auto identity = mesh::TlsIdentity::parse(shown.chain_pem, shown.key_pem);
    settings.identity = [identity](std::string_view) { return identity; };
    settings.spiffe_bundles = bundles;
    return settings;
}

mesh::TlsClientSettings client_with(const Pair* shown, const mesh::SpiffeBundles& bundles) {
    mesh::TlsClientSettings settings;
    if (shown != nullptr) {
        settings.identity = mesh::TlsIdentity::parse(shown->chain_pem, shown->key_pem);
    }
    settings.spiffe_bundles = bundles;
    return settings;
}

} // namespace test_svid
