#include "mesh/tls/prepare.h"

#include <array>
#include <cstdint>

#include <openssl/rand.h>
#include <openssl/ssl.h>

#include "mesh/tls/handles.h"
#include "netemu/base/error.h"

namespace mesh {

void detail::start_openssl() {
    static const bool started = [] {
        // No handler at exit: other threads may be at work then.
        constexpr std::uint64_t kOptions = OPENSSL_INIT_NO_LOAD_CONFIG | OPENSSL_INIT_NO_ATEXIT |
                                           OPENSSL_INIT_LOAD_SSL_STRINGS |
                                           OPENSSL_INIT_LOAD_CRYPTO_STRINGS;
        if (OPENSSL_init_ssl(kOptions, nullptr) != 1) {
            throw netemu::Error("OpenSSL does not start: " + take_error_words());
        }
        return true;
    }();
    static_cast<void>(started);
}

void prepare_tls() {
    detail::start_openssl();
    std::array<std::uint8_t, 1> byte{};
    if (RAND_bytes(byte.data(), static_cast<int>(byte.size())) != 1) {
        throw netemu::Error("OpenSSL has no random numbers: " + detail::take_error_words());
    }
}

} // namespace mesh
