#include <openssl/err.h>
#include <openssl/ssl.h>

#include "mesh/tls/handles.h"

namespace mesh {
namespace {

bool is_of_tls(unsigned long code) {
    return ERR_GET_LIB(code) == ERR_LIB_SSL;
}

/// The words of this house for what happens to people; OpenSSL's for the rest.
std::string words_of(unsigned long code) {
    switch (is_of_tls(code) ? ERR_GET_REASON(code) : 0) {
    case SSL_R_HTTP_REQUEST:
        return "the peer speaks plain HTTP, not TLS";
    case SSL_R_HTTPS_PROXY_REQUEST:
        return "the peer speaks HTTP to a proxy, not TLS";
    case SSL_R_WRONG_VERSION_NUMBER:
        return "the peer speaks no TLS";
    case SSL_R_UNSUPPORTED_PROTOCOL:
        return "the peer speaks no version of TLS from 1.2 on";
    case SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE:
        return "the peer has shown no certificate";
    default:
        break;
    }
    const char* text = ERR_reason_error_string(code);
    return text == nullptr ? "error " + std::to_string(code) : std::string(text);
}

/// An alert of the peer is an error whose number is the alert's behind an offset. What RFC 8446
/// calls it says more than "tlsv1 alert unknown ca"; OpenSSL 3.0 does not know all of those names.
std::string alert_words(unsigned long code) {
    constexpr std::string_view kWord = " alert ";
    const std::string name =
        SSL_alert_desc_string_long(ERR_GET_REASON(code) - SSL_AD_REASON_OFFSET);
    const auto reason = words_of(code);
    const auto at = reason.find(kWord);
    return name != "unknown" || at == std::string::npos ? name : reason.substr(at + kWord.size());
}

} // namespace

detail::Failure detail::take_failure() {
    unsigned long best = 0;
    while (const auto code = ERR_get_error()) {
        // What TLS says is nearer to the cause than what the algorithms below it say.
        if (best == 0 || (!is_of_tls(best) && is_of_tls(code))) {
            best = code;
        }
    }
    if (best == 0) {
        return {};
    }
    if (is_of_tls(best) && ERR_GET_REASON(best) >= SSL_AD_REASON_OFFSET) {
        return {"alert: " + alert_words(best), true};
    }
    return {words_of(best), false};
}

std::string detail::take_error_words() {
    return take_failure().words;
}

} // namespace mesh
