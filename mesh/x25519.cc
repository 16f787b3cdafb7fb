#include "mesh/x25519.h"

#include <memory>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>

#include "netemu/base/error.h"

namespace mesh {

namespace {

struct KeyDeleter {
    void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
};

} // namespace

X25519Pair::~X25519Pair() {
    OPENSSL_cleanse(private_key.data(), private_key.size());
}

X25519Pair make_x25519_pair() {
    X25519Pair pair;
    if (RAND_priv_bytes(pair.private_key.data(), static_cast<int>(pair.private_key.size())) != 1) {
        throw netemu::Error("OpenSSL has no random numbers for a key");
    }
    // RFC 7748, section 5: what every user of the key does with it anyway, done once, so that the
    // key that is read back is the one that was given.
    pair.private_key.front() &= 0xf8U;
    pair.private_key.back() = static_cast<std::uint8_t>((pair.private_key.back() & 0x7fU) | 0x40U);
    pair.public_key = x25519_public_key(pair.private_key);
    return pair;
}

X25519Key x25519_public_key(std::span<const std::uint8_t, kX25519Bytes> private_key) {
    const std::unique_ptr<EVP_PKEY, KeyDeleter> key(EVP_PKEY_new_raw_private_key(
        EVP_PKEY_X25519, nullptr, private_key.data(), private_key.size()));
    X25519Key public_key{};
    std::size_t size = public_key.size();
    if (!key || EVP_PKEY_get_raw_public_key(key.get(), public_key.data(), &size) != 1 ||
        size != public_key.size()) {
        throw netemu::Error("OpenSSL cannot compute with X25519");
    }
    return public_key;
}

} // namespace mesh
