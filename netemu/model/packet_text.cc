#include <algorithm>
#include <array>
#include <cctype>

#include <netinet/in.h>

#include "netemu/model/packet.h"

namespace netemu {

namespace {

constexpr std::size_t kFirstLineBytesMax = 60;
constexpr std::uint16_t kDnsPort = 53;
constexpr std::uint16_t kMdnsPort = 5353;

std::string tcp_flag_names(std::uint8_t flags) {
    static constexpr std::array<std::pair<std::uint8_t, const char*>, 6> kNames{{
        {tcp_flags::kSyn, "SYN"},
        {tcp_flags::kFin, "FIN"},
        {tcp_flags::kRst, "RST"},
        {tcp_flags::kPush, "PSH"},
        {tcp_flags::kUrg, "URG"},
        {tcp_flags::kAck, "ACK"},
    }};
    std::string text;
    for (const auto& [bit, name] : kNames) {
        if ((flags & bit) != 0) {
            text += (text.empty() ? "" : ",") + std::string(name);
        }
    }
    return text.empty() ? "no flags" : text;
}

/// The first line of an HTTP/1 message, or nothing.
std::string http_first_line(std::string_view payload) {
    static constexpr std::array kBeginnings{
        "GET ", "POST ", "PUT ", "DELETE ", "HEAD ", "PATCH ", "OPTIONS ", "HTTP/1."};
    const bool http = std::any_of(kBeginnings.begin(), kBeginnings.end(), [&](const char* word) {
        return payload.starts_with(word);
    });
    if (!http) {
        return payload.starts_with("PRI * HTTP/2") ? "HTTP/2 preface" : "";
    }
    std::string line;
    for (const char c : payload.substr(0, kFirstLineBytesMax)) {
        if (std::isprint(static_cast<unsigned char>(c)) == 0) {
            break;
        }
        line += c;
    }
    return "\"" + line + "\"";
}

std::string dns_type_name(unsigned type) {
    static constexpr std::array<std::pair<unsigned, const char*>, 9> kNames{{
        {1, "A"},
        {2, "NS"},
        {5, "CNAME"},
        {6, "SOA"},
        {12, "PTR"},
        {15, "MX"},
        {16, "TXT"},
        {28, "AAAA"},
        {33, "SRV"},
    }};
    for (const auto& [number, name] : kNames) {
        if (number == type) {
            return name;
        }
    }
    return "TYPE" + std::to_string(type);
}

std::string dns_rcode_name(unsigned rcode) {
    static constexpr std::array kNames{
        "NOERROR", "FORMERR", "SERVFAIL", "NXDOMAIN", "NOTIMP", "REFUSED"};
    return rcode < kNames.size() ? kNames[rcode] : "RCODE" + std::to_string(rcode);
}

/// The name and type that a message asks for (RFC 1035, section 4.1.2), or "" when they are not
/// plainly there.
std::string dns_question(std::string_view message) {
    constexpr std::size_t kHeader = 12;
    constexpr std::size_t kNameBytesMax = 255;
    constexpr unsigned kLabelBytesMax = 63;
    const auto byte = [&](std::size_t at) -> unsigned {
        return static_cast<unsigned char>(message[at]);
    };
    std::string name;
    std::size_t at = kHeader;
    while (at < message.size() && byte(at) != 0) {
        const unsigned length = byte(at);
        if (length > kLabelBytesMax || at + length >= message.size() ||
            name.size() > kNameBytesMax) {
            return {};
        }
        for (std::size_t i = at + 1; i <= at + length; ++i) {
            name += std::isgraph(static_cast<unsigned char>(message[i])) != 0 ? message[i] : '?';
        }
        name += '.';
        at += length + 1;
    }
    if (at + 2 >= message.size()) {
        return {};
    }
    return dns_type_name(byte(at + 1) << 8U | byte(at + 2)) + " " + (name.empty() ? "." : name);
}

std::string dns_summary(std::string_view message) {
    constexpr std::size_t kHeader = 12;
    if (message.size() < kHeader) {
        return {};
    }
    const auto byte = [&](std::size_t at) -> unsigned {
        return static_cast<unsigned char>(message[at]);
    };
    const bool answer = (byte(2) & 0x80U) != 0;
    const auto question = dns_question(message);
    if (question.empty()) {
        return {};
    }
    if (!answer) {
        return "DNS query " + question;
    }
    const unsigned answers = byte(6) << 8U | byte(7);
    return "DNS answer " + question + " " + dns_rcode_name(byte(3) & 0xfU) + ", " +
           std::to_string(answers) + (answers == 1 ? " record" : " records");
}

std::string icmp4_text(const IcmpHeader& icmp) {
    const auto echo = " id " + std::to_string(icmp.id) + " seq " + std::to_string(icmp.sequence);
    switch (icmp.type) {
    case 0:
        return "ICMP echo reply" + echo;
    case 8:
        return "ICMP echo request" + echo;
    case 11:
        return "ICMP time exceeded";
    case 5:
        return "ICMP redirect";
    case 3: {
        static constexpr std::array kWhy{
            "network unreachable",
            "host unreachable",
            "protocol unreachable",
            "port unreachable",
            "fragmentation needed"};
        if (icmp.code == 4) {
            return "ICMP fragmentation needed, MTU " + std::to_string(icmp.sequence);
        }
        return icmp.code < kWhy.size() ? "ICMP " + std::string(kWhy[icmp.code])
                                       : "ICMP unreachable, code " + std::to_string(icmp.code);
    }
    default:
        return "ICMP type " + std::to_string(icmp.type) + " code " + std::to_string(icmp.code);
    }
}

std::string icmp6_text(const IcmpHeader& icmp) {
    const auto echo = " id " + std::to_string(icmp.id) + " seq " + std::to_string(icmp.sequence);
    switch (icmp.type) {
    case 1:
        return icmp.code == 4 ? "ICMPv6 port unreachable" : "ICMPv6 unreachable";
    case 2:
        return "ICMPv6 packet too big";
    case 3:
        return "ICMPv6 time exceeded";
    case 128:
        return "ICMPv6 echo request" + echo;
    case 129:
        return "ICMPv6 echo reply" + echo;
    case 133:
        return "ICMPv6 router solicitation";
    case 134:
        return "ICMPv6 router advertisement";
    case 135:
        return "ICMPv6 who has " + (icmp.target ? icmp.target->to_string() : "?");
    case 136:
        return "ICMPv6 " + (icmp.target ? icmp.target->to_string() : "?") + " is here";
    case 143:
        return "ICMPv6 multicast listener report";
    default:
        return "ICMPv6 type " + std::to_string(icmp.type) + " code " + std::to_string(icmp.code);
    }
}

std::string byte_count(std::size_t size) {
    return std::to_string(size) + (size == 1 ? " byte" : " bytes");
}

std::string tcp_text(const PacketLevel& level) {
    auto text = "TCP " + tcp_flag_names(level.transport->tcp_flags);
    if (level.payload_size > 0) {
        text += " " + byte_count(level.payload_size);
        const auto line = http_first_line(level.payload);
        text += line.empty() ? "" : " " + line;
    }
    return text;
}

std::string udp_text(const PacketLevel& level) {
    const auto& transport = *level.transport;
    for (const auto port : {transport.source, transport.destination}) {
        if (port == kDnsPort || port == kMdnsPort) {
            if (auto dns = dns_summary(level.payload); !dns.empty()) {
                return dns;
            }
        }
    }
    if (const auto message = wireguard_message(level); !message.empty()) {
        return "WireGuard " + message;
    }
    return "UDP " + byte_count(level.payload_size);
}

std::string arp_text(const ArpHeader& arp) {
    constexpr std::uint16_t kRequest = 1;
    constexpr std::uint16_t kReply = 2;
    if (arp.operation == kRequest && arp.sender == arp.target) {
        return "ARP announces " + arp.sender.to_string() + " at " + arp.sender_mac.to_string();
    }
    if (arp.operation == kRequest) {
        return "ARP who has " + arp.target.to_string() + "? tell " + arp.sender.to_string();
    }
    if (arp.operation == kReply) {
        return "ARP " + arp.sender.to_string() + " is at " + arp.sender_mac.to_string();
    }
    return "ARP operation " + std::to_string(arp.operation);
}

std::string ip_text(const PacketLevel& level) {
    const auto& ip = *level.ip;
    const bool named = level.transport && level.tunnel.empty();
    const auto end = [&](const IpAddress& address, std::uint16_t port) {
        return named ? Endpoint{address, port}.to_string() : address.to_string();
    };
    const auto& ports = level.transport.value_or(TransportHeader{});
    auto text = end(ip.source, ports.source) + " > " + end(ip.destination, ports.destination) + " ";
    if (!level.tunnel.empty()) {
        return text + tunnel_text(level);
    }
    if (level.icmp) {
        text += ip.protocol == IPPROTO_ICMP ? icmp4_text(*level.icmp) : icmp6_text(*level.icmp);
    } else if (level.transport && ip.protocol == IPPROTO_TCP) {
        text += tcp_text(level);
    } else if (level.transport && ip.protocol == IPPROTO_UDP) {
        text += udp_text(level);
    } else {
        auto name = ip_protocol_name(ip.protocol);
        std::transform(name.begin(), name.end(), name.begin(), ::toupper);
        text += name + " " + byte_count(level.payload_size);
    }
    return text + (ip.fragment ? ", fragment" : "");
}

std::string level_text(const PacketLevel& level) {
    std::string text;
    if (level.vlan) {
        text = "VLAN " + std::to_string(*level.vlan) + " ";
    }
    if (level.arp) {
        text += arp_text(*level.arp);
    } else if (level.ip) {
        text += ip_text(level);
    } else {
        static constexpr const char* kHex = "0123456789abcdef";
        text +=
            level.source_mac.to_string() + " > " + level.destination_mac.to_string() + " type 0x";
        for (const unsigned shift : {12U, 8U, 4U, 0U}) {
            text += kHex[level.ether_type >> shift & 0xfU];
        }
        text += " " + byte_count(level.payload_size);
    }
    return text + (level.cut ? ", cut short" : "");
}

} // namespace

std::string ip_protocol_name(std::uint8_t protocol) {
    switch (protocol) {
    case IPPROTO_TCP:
        return "tcp";
    case IPPROTO_UDP:
        return "udp";
    case IPPROTO_ICMP:
        return "icmp";
    case IPPROTO_ICMPV6:
        return "icmp6";
    case IPPROTO_SCTP:
        return "sctp";
    default:
        return "protocol " + std::to_string(protocol);
    }
}

std::string tunnel_text(const PacketLevel& level) {
    if (level.peers) {
        return level.tunnel + " " + level.peers->first.to_string() + " > " +
               level.peers->second.to_string();
    }
    if (level.tunnel == "IPIP") {
        return level.tunnel;
    }
    return level.tunnel + " " + std::to_string(level.tunnel_id) +
           (level.identity ? " identity " + std::to_string(*level.identity) : "");
}

std::string packet_summary(const std::vector<PacketLevel>& levels) {
    std::string text;
    for (const auto& level : levels) {
        text += (text.empty() ? "" : " | ") + level_text(level);
    }
    return text;
}

} // namespace netemu
