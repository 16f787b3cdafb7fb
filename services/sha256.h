#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

/// The hash in the names of kube-proxy's chains. OpenSSL belongs to another room, and these names
/// are no secret, so a plain implementation serves.
namespace services {

using Sha256 = std::array<std::uint8_t, 32>;

/// FIPS 180-4, section 6.2.
[[nodiscard]] Sha256 sha256(std::string_view text);

/// The first `characters` (at most 48) of the digest in base32 (RFC 4648, section 6): A-Z, 2-7.
[[nodiscard]] std::string base32_prefix(const Sha256& digest, std::size_t characters);

} // namespace services
