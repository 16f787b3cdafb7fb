#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

/// Keys of Curve25519 for an exchange of keys (RFC 7748), as WireGuard has them.
namespace mesh {

inline constexpr std::size_t kX25519Bytes = 32;
using X25519Key = std::array<std::uint8_t, kX25519Bytes>;

/// The private half is overwritten when this object goes.
struct X25519Pair {
    X25519Key private_key{};
    X25519Key public_key{};

    X25519Pair() = default;
    X25519Pair(const X25519Pair&) = default;
    X25519Pair& operator=(const X25519Pair&) = default;
    X25519Pair(X25519Pair&&) = default;
    X25519Pair& operator=(X25519Pair&&) = default;
    ~X25519Pair();
};

/// A fresh pair, from the system's random numbers. Throws netemu::Error.
X25519Pair make_x25519_pair();

/// The public half of a private key (RFC 7748, section 6.1). Throws netemu::Error.
X25519Key x25519_public_key(std::span<const std::uint8_t, kX25519Bytes> private_key);

} // namespace mesh
