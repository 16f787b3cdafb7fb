#include "mesh/tls/config.h"

#include <exception>
#include <utility>

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>

#include "mesh/tls/handles.h"
#include "mesh/tls/svid.h"
#include "netemu/base/error.h"
#include "netemu/base/text.h"

namespace mesh {
namespace {

using detail::ContextHandle;
using detail::SessionNotes;

constexpr std::size_t kAlpnNameMax = 255; // RFC 7301, section 3.1
constexpr std::string_view kSessionContext = "labctl";

SessionNotes& notes_of(SSL* ssl) {
    return *static_cast<SessionNotes*>(SSL_get_app_data(ssl));
}

std::string alpn_on_the_wire(const std::vector<std::string>& names) {
    std::string wire;
    for (const auto& name : names) {
        if (name.empty() || name.size() > kAlpnNameMax) {
            throw netemu::Error(
                "an ALPN name has " + std::to_string(name.size()) + " bytes; it needs 1 to 255");
        }
        wire += static_cast<char>(name.size());
        wire += name;
    }
    return wire;
}

const unsigned char* wire_bytes(std::string_view text) {
    return reinterpret_cast<const unsigned char*>(text.data()); // NOLINT: bytes are bytes
}

ContextHandle make_context(const SSL_METHOD* method) {
    detail::start_openssl();
    ContextHandle context(SSL_CTX_new(method));
    if (!context) {
        throw netemu::Error("OpenSSL makes no context for TLS: " + detail::take_error_words());
    }
    SSL_CTX_set_min_proto_version(context.get(), TLS1_2_VERSION);
    SSL_CTX_set_security_level(context.get(), detail::kSecurityLevel);
    SSL_CTX_set_options(context.get(), SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
    SSL_CTX_set_mode(context.get(), SSL_MODE_RELEASE_BUFFERS);
    // As Go and curl have it: what one says to trust is trusted, root or not.
    X509_VERIFY_PARAM_set_flags(SSL_CTX_get0_param(context.get()), X509_V_FLAG_PARTIAL_CHAIN);
    // Tickets are the client's to keep; nothing of a session that is over stays here.
    SSL_CTX_set_session_cache_mode(context.get(), SSL_SESS_CACHE_OFF);
    SSL_CTX_set_session_id_context(
        context.get(), wire_bytes(kSessionContext), static_cast<unsigned>(kSessionContext.size()));
    return context;
}

void trust(SSL_CTX* context, const std::string& pem, const char* whose) {
    try {
        auto* store = SSL_CTX_get_cert_store(context);
        for (const auto& authority : detail::read_certificates(pem, kCertificateBundleMax)) {
            X509_STORE_add_cert(store, authority.get()); // one that is there already is fine
            SSL_CTX_add_client_CA(context, authority.get());
        }
    } catch (netemu::Error& error) {
        error.add_context(whose);
        throw;
    }
    ERR_clear_error();
}

/// Authorities for everybody and authorities by trust domain would be pooled.
void refuse_both(const std::string& ca_pem, const std::map<std::string, std::string>& bundles) {
    if (!ca_pem.empty() && !bundles.empty()) {
        throw netemu::Error(
            "peers are verified either with authorities or with SPIFFE bundles, not with both");
    }
}

/// Mutual TLS.
void demand_certificate(SSL_CTX* context) {
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
    SSL_CTX_set_cert_verify_callback(context, detail::verify_peer, nullptr);
    // A ticket would stand for a certificate that nobody looks at again.
    SSL_CTX_set_options(context, SSL_OP_NO_TICKET);
    SSL_CTX_set_num_tickets(context, 0);
}

/// A second ClientHello comes here again, so what is there is replaced.
bool show(SSL* ssl, const TlsIdentity& identity) {
    const auto& parts = identity.parts();
    SSL_certs_clear(ssl);
    return SSL_use_cert_and_key(
               ssl, parts.own.get(), parts.key.get(), detail::stack_of(parts.others).get(), 1) == 1;
}

std::string server_name_of(SSL* ssl) {
    const char* sent = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
    auto name = netemu::to_lower(sent == nullptr ? "" : sent);
    if (name.ends_with('.')) {
        name.pop_back();
    }
    return name;
}

/// Called for every client, whether it names a server or not.
int choose_identity(SSL* ssl, int* alert, void* /*unused*/) {
    auto& notes = notes_of(ssl);
    try {
        notes.server_name = server_name_of(ssl);
        const auto identity = notes.server->settings().identity(notes.server_name);
        if (!identity) {
            notes.refusal =
                notes.server_name.empty()
                    ? std::string("the peer names no server, and no certificate is for that")
                    : "no certificate is for the server that the peer names";
            *alert = SSL_AD_UNRECOGNIZED_NAME;
            return SSL_TLSEXT_ERR_ALERT_FATAL;
        }
        if (show(ssl, *identity)) {
            return SSL_TLSEXT_ERR_OK;
        }
        notes.refusal = "the certificate cannot be used: " + detail::take_error_words();
    } catch (const std::exception& error) {
        notes.refusal = error.what();
    }
    *alert = SSL_AD_INTERNAL_ERROR;
    return SSL_TLSEXT_ERR_ALERT_FATAL;
}

// NOLINTNEXTLINE(readability-function-size): OpenSSL's signature
int choose_protocol(
    SSL* ssl,
    const unsigned char** chosen,
    unsigned char* chosen_size,
    const unsigned char* offered,
    unsigned offered_size,
    void* ours) {
    const auto& wire = *static_cast<const std::string*>(ours);
    unsigned char* found = nullptr;
    const int result = SSL_select_next_proto(
        &found,
        chosen_size,
        wire_bytes(wire),
        static_cast<unsigned>(wire.size()),
        offered,
        offered_size);
    if (result != OPENSSL_NPN_NEGOTIATED) {
        notes_of(ssl).refusal =
            "the peer offers no application protocol (ALPN) that is served here";
        return SSL_TLSEXT_ERR_ALERT_FATAL;
    }
    *chosen = found;
    return SSL_TLSEXT_ERR_OK;
}

} // namespace

TlsServerConfig::TlsServerConfig(TlsServerSettings settings)
    : settings_(std::move(settings)), alpn_(alpn_on_the_wire(settings_.alpn)) {
    if (!settings_.identity) {
        throw netemu::Error("a TLS server needs a choice of certificates");
    }
    refuse_both(settings_.client_ca_pem, settings_.spiffe_bundles);
    auto context = make_context(TLS_server_method());
    auto rules = detail::read_svid_rules(settings_.spiffe_bundles, {});
    // The macro for this holds a cast of the old style.
    SSL_CTX_callback_ctrl(
        context.get(),
        SSL_CTRL_SET_TLSEXT_SERVERNAME_CB,
        reinterpret_cast<void (*)()>(choose_identity)); // NOLINT
    if (!alpn_.empty()) {
        SSL_CTX_set_alpn_select_cb(context.get(), choose_protocol, &alpn_);
    }
    if (!settings_.client_ca_pem.empty()) {
        trust(context.get(), settings_.client_ca_pem, "the authorities of clients");
    }
    if (rules || !settings_.client_ca_pem.empty()) {
        demand_certificate(context.get());
    }
    context_ =
        std::make_unique<detail::Context>(detail::Context{std::move(context), std::move(rules)});
}

TlsServerConfig::~TlsServerConfig() = default;

std::shared_ptr<const TlsServerConfig> TlsServerConfig::make(TlsServerSettings settings) {
    return std::make_shared<const TlsServerConfig>(std::move(settings));
}

TlsClientConfig::TlsClientConfig(TlsClientSettings settings) : settings_(std::move(settings)) {
    refuse_both(settings_.ca_pem, settings_.spiffe_bundles);
    const auto alpn = alpn_on_the_wire(settings_.alpn);
    auto context = make_context(TLS_client_method());
    auto rules = detail::read_svid_rules(settings_.spiffe_bundles, settings_.server_ids);
    if (!alpn.empty() &&
        SSL_CTX_set_alpn_protos(
            context.get(), wire_bytes(alpn), static_cast<unsigned>(alpn.size())) != 0) {
        throw netemu::Error("OpenSSL takes no list of ALPN names: " + detail::take_error_words());
    }
    if (!settings_.ca_pem.empty()) {
        trust(context.get(), settings_.ca_pem, "the authorities");
    } else if (settings_.must_verify && !rules) {
        throw netemu::Error("nothing can be verified without the certificate of an authority");
    }
    const bool must_verify = settings_.must_verify || rules;
    SSL_CTX_set_verify(context.get(), must_verify ? SSL_VERIFY_PEER : SSL_VERIFY_NONE, nullptr);
    SSL_CTX_set_cert_verify_callback(context.get(), detail::verify_peer, nullptr);
    if (settings_.identity) {
        const auto& parts = settings_.identity->parts();
        const auto others = detail::stack_of(parts.others);
        if (SSL_CTX_use_cert_and_key(
                context.get(), parts.own.get(), parts.key.get(), others.get(), 1) != 1) {
            throw netemu::Error("the certificate cannot be used: " + detail::take_error_words());
        }
    }
    context_ =
        std::make_unique<detail::Context>(detail::Context{std::move(context), std::move(rules)});
}

TlsClientConfig::~TlsClientConfig() = default;

std::shared_ptr<const TlsClientConfig> TlsClientConfig::make(TlsClientSettings settings) {
    return std::make_shared<const TlsClientConfig>(std::move(settings));
}

} // namespace mesh
