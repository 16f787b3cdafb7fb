#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <span>

#include "netemu/model/wireguard.h"

namespace netemu {

/// The private keys of one Kernel's WireGuard devices, by their public ones. They are overwritten
/// when this object goes.
class WireguardKeys {
public:
    using Bytes = std::span<const std::uint8_t, WireguardKey::kBytes>;

    WireguardKeys() = default;
    WireguardKeys(const WireguardKeys&) = delete;
    WireguardKeys& operator=(const WireguardKeys&) = delete;
    ~WireguardKeys();

    void keep(const WireguardKey& public_key, Bytes private_key);
    /// Throws Error when nobody has kept it.
    [[nodiscard]] Bytes private_of(const WireguardKey& public_key) const;

private:
    std::map<WireguardKey, std::array<std::uint8_t, WireguardKey::kBytes>> keys_;
};

} // namespace netemu
