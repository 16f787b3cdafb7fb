#pragma once

#include <cstdint>
#include <span>

#include "netemu/kernel/generic_netlink.h"
#include "netemu/model/wireguard.h"

/// WireGuard's messages of generic netlink (linux/wireguard.h, which says what each field means).
namespace netemu {

/// The number that the kernel gave to WireGuard's messages. `socket` is one of NETLINK_GENERIC.
/// Throws UnsupportedError when there is none.
std::uint16_t find_wireguard_family(NetlinkSocket& socket);

/// Gives the device of that index its private key and its port.
void encode_wireguard_device(
    GenericBatch out,
    std::uint32_t index,
    std::span<const std::uint8_t, WireguardKey::kBytes> private_key,
    std::uint16_t port);
/// Adds a peer, or replaces its endpoint and addresses. It keeps no session alive by itself.
void encode_wireguard_peer(GenericBatch out, std::uint32_t index, const WireguardPeer& peer);
void encode_remove_wireguard_peer(GenericBatch out, std::uint32_t index, const WireguardKey& peer);

/// Has a peer that is there kept alive: the first packet goes out at once.
void encode_wireguard_keepalive(
    GenericBatch out, std::uint32_t index, const WireguardKey& peer, std::uint16_t seconds);

/// A request for the device with its peers.
void encode_dump_wireguard(GenericBatch out, std::uint32_t index);
/// Adds what one message of the answer says: a device that is too large for one comes in several,
/// and a peer may go on in the next. Private keys are not looked at.
void decode_wireguard(const nlmsghdr* message, WireguardSpec& device);
/// How many of the device's peers that are kept alive have no session yet. Throws SysError.
std::size_t sessions_missing(NetlinkSocket& socket, std::uint16_t family, std::uint32_t index);
/// The device, with its peers and their addresses in order. Throws SysError.
WireguardSpec read_wireguard(NetlinkSocket& socket, std::uint16_t family, std::uint32_t index);

} // namespace netemu
