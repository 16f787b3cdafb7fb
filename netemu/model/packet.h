#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "netemu/base/address.h"

/// Packets as values: what a tap saw, and what its headers say.
namespace netemu {

enum class PacketDirection : std::uint8_t { In, Out };
/// Whom the frame was for: this interface, a group, everybody, or another station.
enum class PacketCast : std::uint8_t { Unicast, Multicast, Broadcast, Other };

/// Link types of pcap files (pcap-linktype(7)).
inline constexpr std::uint16_t kLinkTypeEthernet = 1;
inline constexpr std::uint16_t kLinkTypeRawIp = 101;

/// A place where packets are seen: an interface of a namespace.
struct CapturePlace {
    std::string name;        // "node/node-1:eth0", "default/web-1:eth0"
    std::string description; // one line for people
    std::uint16_t link_type = kLinkTypeEthernet;
    std::uint32_t snap_bytes = 262144; // a packet is cut after so many
    std::optional<MacAddress> mac;
};

struct CapturedPacket {
    std::size_t place = 0;     // index into the list of places
    std::uint64_t time_ns = 0; // since 1970, UTC
    PacketDirection direction = PacketDirection::In;
    PacketCast cast = PacketCast::Unicast;
    std::uint32_t size = 0;          // bytes on the wire
    std::vector<std::uint8_t> bytes; // as many as were kept, from the link's header on
};

/// RFC 826.
struct ArpHeader {
    std::uint16_t operation = 0; // 1 request, 2 reply
    MacAddress sender_mac;
    IpAddress sender;
    IpAddress target;
};

/// Of IPv4 (RFC 791) or IPv6 (RFC 8200, behind its extension headers).
struct IpHeader {
    IpAddress source;
    IpAddress destination;
    std::uint8_t protocol = 0; // IPPROTO_*
    std::uint8_t hops = 0;     // TTL or hop limit
    bool fragment = false;
    bool first_fragment = true; // only the first has the next header
};

/// What a filter and a reader want to know of TCP (RFC 9293), UDP and SCTP.
struct TransportHeader {
    std::uint16_t source = 0;
    std::uint16_t destination = 0;
    std::uint8_t tcp_flags = 0;
    std::uint32_t sequence = 0;        // TCP
    std::uint32_t acknowledgement = 0; // TCP
    std::uint16_t window = 0;          // TCP
};
namespace tcp_flags {
inline constexpr std::uint8_t kFin = 1;
inline constexpr std::uint8_t kSyn = 2;
inline constexpr std::uint8_t kRst = 4;
inline constexpr std::uint8_t kPush = 8;
inline constexpr std::uint8_t kAck = 16;
inline constexpr std::uint8_t kUrg = 32;
} // namespace tcp_flags

/// ICMP (RFC 792) or ICMPv6 (RFC 4443).
struct IcmpHeader {
    std::uint8_t type = 0;
    std::uint8_t code = 0;
    std::uint16_t id = 0;            // echo
    std::uint16_t sequence = 0;      // echo
    std::optional<IpAddress> target; // of a neighbour solicitation or advertisement (RFC 4861)
};

/// The headers of one packet, as far as they are there: from Ethernet to what IP carries. A tunnel
/// carries another level.
struct PacketLevel {
    MacAddress source_mac;
    MacAddress destination_mac;
    std::uint16_t ether_type = 0; // 0: there is no Ethernet header
    std::optional<std::uint16_t> vlan;
    std::optional<ArpHeader> arp;
    std::optional<IpHeader> ip;
    std::optional<TransportHeader> transport;
    std::optional<IcmpHeader> icmp;
    std::string_view payload;     // of the innermost header that was read; part of the packet
    std::size_t payload_size = 0; // what the headers promise, which may be more
    std::string
        tunnel; // "VXLAN", "Geneve", "Sleeve", "IPIP": how it carries the next level; or empty
    std::uint32_t tunnel_id = 0;           // its VNI
    std::optional<std::uint32_t> identity; // of the sender, in an option of Geneve
    /// Of a Sleeve: the names of the peers that its first frame comes from and goes to.
    std::optional<std::pair<MacAddress, MacAddress>> peers;
    bool cut = false; // a header was not there as a whole
};

/// The levels of a packet, outermost first; at least one. UDP to port 4789 or 8472 is read as VXLAN
/// (RFC 7348; 8472 is Linux' own default, which flannel uses; so is 6784, Weave's), 6783 as Weave's
/// Sleeve without encryption, of which the first frame is read, 6081 as Geneve (RFC 8926), with the
/// option of class 0xff01 and type 0x81 as the sender's identity (labctl/dataplane). Never
/// throws: what cannot be read is left out, and `cut` says so. The levels refer to the packet's
/// bytes.
std::vector<PacketLevel> decode_packet(
    const std::uint8_t* bytes, std::size_t size, std::uint16_t link_type = kLinkTypeEthernet);
inline std::vector<PacketLevel> decode_packet(const CapturedPacket& packet, std::uint16_t type) {
    return decode_packet(packet.bytes.data(), packet.bytes.size(), type);
}

/// How a tunnel carries the next level: "VXLAN 1", "Geneve 2 identity 259", "IPIP",
/// "Sleeve 0a:58:0a:f4:01:01 > 0a:58:0a:f4:02:01". `level.tunnel` is not empty.
std::string tunnel_text(const PacketLevel& level);

/// What UDP to or from WireGuard's ports (51820, and Cilium's 51871) holds, by its type and size:
/// "handshake initiation", "handshake response", "cookie reply", "transport data, 96 bytes" or
/// "keepalive" (wireguard.com/protocol); empty for anything else. What it carries is encrypted: the
/// size is that of the packet inside, padded to 16 bytes.
std::string wireguard_message(const PacketLevel& level);

/// One line for people:
/// "172.18.0.2 > 172.18.0.3 VXLAN 1 | 10.244.1.2:40312 > 10.244.2.2:8080 TCP SYN".
std::string packet_summary(const std::vector<PacketLevel>& levels);

/// "tcp", "udp", "icmp", "icmp6", "sctp", or the number.
std::string ip_protocol_name(std::uint8_t protocol);

} // namespace netemu
