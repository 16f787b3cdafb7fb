#include <array>

#include <netinet/in.h>

#include "netemu/model/packet.h"

namespace netemu {

namespace {

constexpr std::array<std::uint16_t, 2> kWireguardPorts{51820, 51871};
constexpr std::size_t kWireguardTypeBytes = 4; // the type, and three bytes of zero

bool is_wireguard_port(const TransportHeader& transport) {
    for (const auto port : kWireguardPorts) {
        if (transport.source == port || transport.destination == port) {
            return true;
        }
    }
    return false;
}

} // namespace

std::string wireguard_message(const PacketLevel& level) {
    constexpr std::size_t kInitiation = 148;
    constexpr std::size_t kResponse = 92;
    constexpr std::size_t kCookie = 64;
    constexpr std::size_t kAround = 32; // of transport data: a header of 16 bytes, and a tag
    if (!level.ip || level.ip->protocol != IPPROTO_UDP || !level.transport ||
        !is_wireguard_port(*level.transport) || level.payload.size() < kWireguardTypeBytes ||
        level.payload.substr(1, 3) != std::string_view("\0\0\0", 3)) {
        return {};
    }
    const auto size = level.payload_size;
    switch (level.payload.front()) {
    case 1:
        return size == kInitiation ? "handshake initiation" : "";
    case 2:
        return size == kResponse ? "handshake response" : "";
    case 3:
        return size == kCookie ? "cookie reply" : "";
    case 4:
        return size < kAround    ? ""
               : size == kAround ? "keepalive"
                                 : "transport data, " + std::to_string(size - kAround) + " bytes";
    default:
        return {};
    }
}

} // namespace netemu
