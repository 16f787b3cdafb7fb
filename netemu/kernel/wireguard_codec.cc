#include "netemu/kernel/wireguard_codec.h"

#include <algorithm>
#include <cstring>

#include <linux/genetlink.h>
#include <linux/wireguard.h>
#include <sys/socket.h>

#include "netemu/base/error.h"
#include "netemu/kernel/attributes.h"

namespace netemu {

namespace {

void start_wireguard(GenericBatch out, int command, unsigned flags, std::uint32_t index) {
    auto& header = out.batch.start<genlmsghdr>(out.family, flags);
    header.cmd = static_cast<std::uint8_t>(command);
    header.version = WG_GENL_VERSION;
    out.batch.put_u32(WGDEVICE_A_IFINDEX, index);
}

/// This family is strict: a nest has to say that it is one.
void put_allowed(Batch& batch, const std::vector<IpPrefix>& ranges) {
    const Batch::Nest list(batch, WGPEER_A_ALLOWEDIPS | NLA_F_NESTED);
    for (const auto& range : ranges) {
        const Batch::Nest entry(batch, NLA_F_NESTED); // the elements of a list have no type
        batch.put_u16(WGALLOWEDIP_A_FAMILY, static_cast<std::uint16_t>(range.address.af()));
        batch.put_address(WGALLOWEDIP_A_IPADDR, range.address);
        batch.put_u8(WGALLOWEDIP_A_CIDR_MASK, range.length);
    }
}

std::optional<WireguardKey> key_of(const Attributes& attributes, unsigned type) {
    const auto bytes = attributes.bytes(type);
    WireguardKey key;
    if (bytes.size() != key.bytes.size()) {
        return std::nullopt;
    }
    std::copy(bytes.begin(), bytes.end(), key.bytes.begin());
    return key;
}

Endpoint endpoint_of(const Attributes& peer) {
    const auto bytes = peer.bytes(WGPEER_A_ENDPOINT);
    sockaddr_storage storage{};
    if (bytes.empty() || bytes.size() > sizeof storage) {
        return {};
    }
    std::memcpy(&storage, bytes.data(), bytes.size());
    return Endpoint::from_sockaddr(storage);
}

std::uint16_t keepalive_of(const Attributes& peer) {
    const auto bytes = peer.bytes(WGPEER_A_PERSISTENT_KEEPALIVE_INTERVAL);
    std::uint16_t seconds = 0;
    if (bytes.size() == sizeof seconds) {
        std::memcpy(&seconds, bytes.data(), sizeof seconds);
    }
    return seconds;
}

void read_allowed(const Attributes& attributes, std::vector<IpPrefix>& ranges) {
    for_each_attribute(
        attributes.bytes(WGPEER_A_ALLOWEDIPS), [&](unsigned, std::span<const std::uint8_t> data) {
            const Attributes entry(data);
            const auto address = entry.address(WGALLOWEDIP_A_IPADDR);
            const auto length = entry.u8(WGALLOWEDIP_A_CIDR_MASK);
            if (address && length) {
                ranges.push_back({*address, *length});
            }
        });
}

} // namespace

std::uint16_t find_wireguard_family(NetlinkSocket& socket) {
    const auto family = find_generic_family(socket, WG_GENL_NAME, "ask for WireGuard");
    if (!family) {
        throw UnsupportedError(
            "this kernel has no WireGuard",
            "sudo modprobe wireguard, or use a kernel with CONFIG_WIREGUARD");
    }
    return *family;
}

void encode_wireguard_device(
    GenericBatch out,
    std::uint32_t index,
    std::span<const std::uint8_t, WireguardKey::kBytes> private_key,
    std::uint16_t port) {
    start_wireguard(out, WG_CMD_SET_DEVICE, 0, index);
    out.batch.put(WGDEVICE_A_PRIVATE_KEY, private_key);
    out.batch.put_u16(WGDEVICE_A_LISTEN_PORT, port);
}

void encode_wireguard_peer(GenericBatch out, std::uint32_t index, const WireguardPeer& peer) {
    start_wireguard(out, WG_CMD_SET_DEVICE, 0, index);
    const Batch::Nest list(out.batch, WGDEVICE_A_PEERS | NLA_F_NESTED);
    const Batch::Nest entry(out.batch, NLA_F_NESTED);
    out.batch.put(WGPEER_A_PUBLIC_KEY, peer.key.bytes);
    out.batch.put_u32(WGPEER_A_FLAGS, WGPEER_F_REPLACE_ALLOWEDIPS);
    out.batch.put_u16(WGPEER_A_PERSISTENT_KEEPALIVE_INTERVAL, 0);
    sockaddr_storage storage{};
    const auto length = peer.endpoint.to_sockaddr(storage);
    out.batch.put(WGPEER_A_ENDPOINT, {reinterpret_cast<const std::uint8_t*>(&storage), length});
    put_allowed(out.batch, peer.allowed);
}

void encode_remove_wireguard_peer(GenericBatch out, std::uint32_t index, const WireguardKey& peer) {
    start_wireguard(out, WG_CMD_SET_DEVICE, 0, index);
    const Batch::Nest list(out.batch, WGDEVICE_A_PEERS | NLA_F_NESTED);
    const Batch::Nest entry(out.batch, NLA_F_NESTED);
    out.batch.put(WGPEER_A_PUBLIC_KEY, peer.bytes);
    out.batch.put_u32(WGPEER_A_FLAGS, WGPEER_F_REMOVE_ME);
}

void encode_wireguard_keepalive(
    GenericBatch out, std::uint32_t index, const WireguardKey& peer, std::uint16_t seconds) {
    start_wireguard(out, WG_CMD_SET_DEVICE, 0, index);
    const Batch::Nest list(out.batch, WGDEVICE_A_PEERS | NLA_F_NESTED);
    const Batch::Nest entry(out.batch, NLA_F_NESTED);
    out.batch.put(WGPEER_A_PUBLIC_KEY, peer.bytes);
    out.batch.put_u32(WGPEER_A_FLAGS, WGPEER_F_UPDATE_ONLY);
    out.batch.put_u16(WGPEER_A_PERSISTENT_KEEPALIVE_INTERVAL, seconds);
}

void encode_dump_wireguard(GenericBatch out, std::uint32_t index) {
    start_wireguard(out, WG_CMD_GET_DEVICE, NLM_F_DUMP, index);
}

void decode_wireguard(const nlmsghdr* message, WireguardSpec& device) {
    const Attributes attributes(message, sizeof(genlmsghdr));
    device.key = key_of(attributes, WGDEVICE_A_PUBLIC_KEY).value_or(device.key);
    const auto port = attributes.bytes(WGDEVICE_A_LISTEN_PORT);
    if (port.size() == sizeof device.port) {
        std::memcpy(&device.port, port.data(), sizeof device.port);
    }
    for_each_attribute(
        attributes.bytes(WGDEVICE_A_PEERS), [&](unsigned, std::span<const std::uint8_t> data) {
            const Attributes entry(data);
            const auto key = key_of(entry, WGPEER_A_PUBLIC_KEY);
            if (!key) {
                return;
            }
            const bool goes_on = !device.peers.empty() && device.peers.back().key == *key;
            if (!goes_on) {
                device.peers.push_back({*key, endpoint_of(entry), {}});
            }
            read_allowed(entry, device.peers.back().allowed);
        });
}

std::size_t sessions_missing(NetlinkSocket& socket, std::uint16_t family, std::uint32_t index) {
    std::size_t missing = 0;
    Batch request;
    encode_dump_wireguard({request, family}, index);
    const auto look = [&](unsigned, std::span<const std::uint8_t> data) {
        const Attributes entry(data);
        const auto when = entry.bytes(WGPEER_A_LAST_HANDSHAKE_TIME);
        const bool never =
            std::all_of(when.begin(), when.end(), [](auto byte) { return byte == 0; });
        // A peer that goes on in the next message says neither there.
        missing += never && keepalive_of(entry) != 0 ? 1U : 0U;
    };
    socket.dump("look for sessions", request, [&](const nlmsghdr* message) {
        const Attributes attributes(message, sizeof(genlmsghdr));
        for_each_attribute(attributes.bytes(WGDEVICE_A_PEERS), look);
    });
    return missing;
}

WireguardSpec read_wireguard(NetlinkSocket& socket, std::uint16_t family, std::uint32_t index) {
    WireguardSpec device;
    Batch request;
    encode_dump_wireguard({request, family}, index);
    socket.dump("read a WireGuard device", request, [&](const nlmsghdr* message) {
        decode_wireguard(message, device);
    });
    for (auto& peer : device.peers) {
        std::sort(peer.allowed.begin(), peer.allowed.end());
    }
    std::sort(device.peers.begin(), device.peers.end(), [](const auto& a, const auto& b) {
        return a.key < b.key;
    });
    return device;
}

} // namespace netemu
