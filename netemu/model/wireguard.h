#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "netemu/base/address.h"

/// A WireGuard device as a value (wireguard.com, "WireGuard: Next Generation Kernel Network
/// Tunnel"; wg(8)). Private keys are not among the values: nothing that is planned, compared or
/// printed holds one. The Kernel keeps them (Kernel::keep_wireguard_key).
namespace netemu {

/// The public half of a pair of keys for Curve25519 (RFC 7748).
struct WireguardKey {
    static constexpr std::size_t kBytes = 32;
    std::array<std::uint8_t, kBytes> bytes{};
    auto operator<=>(const WireguardKey&) const = default;
};
/// Base64 (RFC 4648, section 4) as wg(8) shows it: 44 characters.
std::string to_text(const WireguardKey& key);
/// None for what is not exactly that.
std::optional<WireguardKey> parse_wireguard_key(std::string_view text);

/// Whom a device exchanges packets with. Packets to `allowed` go to it, and what it sends is taken
/// only from those addresses ("cryptokey routing").
struct WireguardPeer {
    WireguardKey key;
    Endpoint endpoint;             // outer address and UDP port
    std::vector<IpPrefix> allowed; // network form, sorted
    bool operator==(const WireguardPeer&) const = default;
};

/// A WireGuard device: it has no MAC address, and packets of IP come and go by it. Peers follow
/// one that answers from another address ("roaming").
struct WireguardSpec {
    WireguardKey key;                 // the device's own
    std::uint16_t port = 0;           // UDP, that it listens on
    bool roams = false;               // the endpoints of peers are where they begin, and may change
    std::vector<WireguardPeer> peers; // in order of their keys
    bool operator==(const WireguardSpec&) const = default;
};

/// Whether a peer that is there is as it is wanted. `roams`: whatever its endpoint is.
bool same_peer(const WireguardPeer& there, const WireguardPeer& wanted, bool roams);

} // namespace netemu
