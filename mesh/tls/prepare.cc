#include "mesh/tls/prepare.h"

#include <cstdint>
#include <ctime>

#include <openssl/ssl.h>

#include "mesh/tls/handles.h"
#include "netemu/base/error.h"

namespace mesh {

void detail::start_openssl() {
    static const bool kStarted = [] {
        // No handler at exit: other threads may be at work then.
        constexpr std::uint64_t kOptions = OPENSSL_INIT_NO_LOAD_CONFIG | OPENSSL_INIT_NO_ATEXIT |
                                           OPENSSL_INIT_LOAD_SSL_STRINGS |
                                           OPENSSL_INIT_LOAD_CRYPTO_STRINGS;
        if (OPENSSL_init_ssl(kOptions, nullptr) != 1) {
            throw netemu::Error("OpenSSL does not start: " + take_error_words());
        }
        return true;
    }();
    static_cast<void>(kStarted);
}

void prepare_tls() {
    detail::start_openssl();
    ::tzset(); // the C library's gmtime, which OpenSSL's dates need, reads the zone of the host
               // first
}

} // namespace mesh
