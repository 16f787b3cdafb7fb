#include <algorithm>

#include <netinet/in.h>

#include "netemu/model/packet.h"

namespace netemu {

namespace {

constexpr std::size_t kTunnelDepthMax = 4;
constexpr std::size_t kExtensionHeadersMax = 8;
constexpr std::uint16_t kTypeIpv4 = 0x0800;
constexpr std::uint16_t kTypeArp = 0x0806;
constexpr std::uint16_t kTypeVlan = 0x8100;
constexpr std::uint16_t kTypeProviderVlan = 0x88a8;
constexpr std::uint16_t kTypeIpv6 = 0x86dd;
constexpr std::uint16_t kTypeTransparentEthernet = 0x6558;

/// What is left of a packet. Whoever reads has asked `has` before.
class PacketCursor {
public:
    PacketCursor(const std::uint8_t* bytes, std::size_t size) : bytes_(bytes), size_(size) {}

    [[nodiscard]] bool has(std::size_t count) const { return count <= size_; }
    [[nodiscard]] std::size_t size() const { return size_; }
    [[nodiscard]] const std::uint8_t* data() const { return bytes_; }
    [[nodiscard]] std::uint8_t byte(std::size_t at) const { return bytes_[at]; }
    [[nodiscard]] std::uint16_t half(std::size_t at) const {
        return static_cast<std::uint16_t>(bytes_[at] << 8U | bytes_[at + 1]);
    }
    [[nodiscard]] std::uint32_t word(std::size_t at) const {
        return static_cast<std::uint32_t>(half(at)) << 16U | half(at + 2);
    }
    [[nodiscard]] IpAddress address(std::size_t at, Family family) const {
        return IpAddress::from_bytes(family, bytes_ + at);
    }
    [[nodiscard]] MacAddress mac(std::size_t at) const {
        MacAddress result;
        std::copy_n(bytes_ + at, result.bytes.size(), result.bytes.begin());
        return result;
    }
    void skip(std::size_t count) {
        count = std::min(count, size_);
        bytes_ += count;
        size_ -= count;
    }
    void limit(std::size_t count) { size_ = std::min(size_, count); }
    [[nodiscard]] std::string_view rest() const {
        return {reinterpret_cast<const char*>(bytes_), size_};
    }

private:
    const std::uint8_t* bytes_;
    std::size_t size_;
};

/// Reads one packet, level by level.
class PacketDecoder {
public:
    PacketDecoder(const std::uint8_t* bytes, std::size_t size) : in_(bytes, size) {}

    std::vector<PacketLevel> run(std::uint16_t link_type) {
        if (link_type == kLinkTypeRawIp) {
            levels_.emplace_back();
            read_raw_ip();
        } else {
            read_ethernet();
        }
        return std::move(levels_);
    }

private:
    PacketLevel& level() { return levels_.back(); }

    /// Whether a header of that size is there; if not, this level ends here.
    bool need(std::size_t count) {
        if (in_.has(count)) {
            return true;
        }
        level().cut = true;
        end_with_payload(in_.size());
        return false;
    }

    void end_with_payload(std::size_t promised) {
        level().payload = in_.rest();
        level().payload_size = promised;
    }

    void read_ethernet() {
        constexpr std::size_t kHeader = 14;
        levels_.emplace_back();
        if (!need(kHeader)) {
            return;
        }
        level().destination_mac = in_.mac(0);
        level().source_mac = in_.mac(6);
        level().ether_type = in_.half(12);
        in_.skip(kHeader);
        while (level().ether_type == kTypeVlan || level().ether_type == kTypeProviderVlan) {
            constexpr std::uint16_t kVlanMask = 0x0fff;
            if (!need(4)) {
                return;
            }
            level().vlan = in_.half(0) & kVlanMask;
            level().ether_type = in_.half(2);
            in_.skip(4);
        }
        read_ether_payload();
    }

    void read_ether_payload() {
        switch (level().ether_type) {
        case kTypeIpv4:
            read_ipv4();
            return;
        case kTypeIpv6:
            read_ipv6();
            return;
        case kTypeArp:
            read_arp();
            return;
        default:
            end_with_payload(in_.size());
        }
    }

    void read_raw_ip() {
        if (need(1)) {
            const bool v6 = in_.byte(0) >> 4U == 6;
            v6 ? read_ipv6() : read_ipv4();
        }
    }

    void read_arp() {
        constexpr std::size_t kArpForIpv4 = 28;
        if (!need(kArpForIpv4)) {
            return;
        }
        ArpHeader arp;
        arp.operation = in_.half(6);
        arp.sender_mac = in_.mac(8);
        arp.sender = in_.address(14, Family::V4);
        arp.target = in_.address(24, Family::V4);
        level().arp = arp;
    }

    void read_ipv4() {
        constexpr std::size_t kHeaderMin = 20;
        if (!need(kHeaderMin)) {
            return;
        }
        const std::size_t header = std::size_t{4} * (in_.byte(0) & 0xfU);
        IpHeader ip;
        ip.hops = in_.byte(8);
        ip.protocol = in_.byte(9);
        ip.source = in_.address(12, Family::V4);
        ip.destination = in_.address(16, Family::V4);
        const auto fragment = in_.half(6);
        ip.first_fragment = (fragment & 0x1fffU) == 0;
        ip.fragment = (fragment & 0x2000U) != 0 || !ip.first_fragment;
        std::size_t total = in_.half(2);
        if (total == 0) {
            total = in_.size(); // a packet that the interface is to cut up says 0
        }
        level().ip = ip;
        if (header < kHeaderMin || !need(header) || total < header) {
            level().cut = true;
            return;
        }
        in_.limit(total); // the rest pads a short frame
        in_.skip(header);
        read_ip_payload(ip, total - header);
    }

    void read_ipv6() {
        constexpr std::size_t kHeader = 40;
        if (!need(kHeader)) {
            return;
        }
        IpHeader ip;
        ip.protocol = in_.byte(6);
        ip.hops = in_.byte(7);
        ip.source = in_.address(8, Family::V6);
        ip.destination = in_.address(24, Family::V6);
        std::size_t promised = in_.half(4);
        if (promised == 0) {
            promised = in_.size() - kHeader;
        }
        in_.skip(kHeader);
        in_.limit(promised);
        skip_extensions(ip, promised);
        level().ip = ip;
        read_ip_payload(ip, promised);
    }

    /// RFC 8200, section 4: hop-by-hop, routing, destination options and fragment headers.
    void skip_extensions(IpHeader& ip, std::size_t& promised) {
        for (std::size_t i = 0; i < kExtensionHeadersMax && in_.has(8); ++i) {
            std::size_t size = 8;
            if (ip.protocol == IPPROTO_FRAGMENT) {
                ip.fragment = true;
                ip.first_fragment = in_.half(2) >> 3U == 0;
            } else if (
                ip.protocol == IPPROTO_HOPOPTS || ip.protocol == IPPROTO_ROUTING ||
                ip.protocol == IPPROTO_DSTOPTS) {
                size += std::size_t{8} * in_.byte(1);
            } else {
                return;
            }
            ip.protocol = in_.byte(0);
            promised -= std::min(promised, size);
            in_.skip(size);
        }
    }

    void read_ip_payload(const IpHeader& ip, std::size_t promised) {
        if (!ip.first_fragment) {
            end_with_payload(promised);
            return;
        }
        switch (ip.protocol) {
        case IPPROTO_TCP:
            read_tcp(promised);
            return;
        case IPPROTO_UDP:
            read_udp(promised);
            return;
        case IPPROTO_SCTP:
            read_ports(12, promised);
            return;
        case IPPROTO_IPIP:
            read_ipip(promised);
            return;
        case IPPROTO_ICMP:
        case IPPROTO_ICMPV6:
            read_icmp(ip.protocol, promised);
            return;
        default:
            end_with_payload(promised);
        }
    }

    /// RFC 2003: the packet itself.
    void read_ipip(std::size_t promised) {
        if (levels_.size() >= kTunnelDepthMax || !in_.has(1)) {
            end_with_payload(promised);
            return;
        }
        level().tunnel = "IPIP";
        levels_.emplace_back();
        level().ether_type = kTypeIpv4;
        read_ether_payload();
    }

    bool read_ports(std::size_t header, std::size_t promised) {
        if (!need(header)) {
            return false;
        }
        TransportHeader transport;
        transport.source = in_.half(0);
        transport.destination = in_.half(2);
        level().transport = transport;
        const auto left = promised - std::min(promised, header);
        in_.skip(header);
        in_.limit(left);
        end_with_payload(left);
        return true;
    }

    void read_tcp(std::size_t promised) {
        constexpr std::size_t kHeaderMin = 20;
        if (!need(kHeaderMin)) {
            return;
        }
        const auto start = in_;
        const std::size_t header = std::size_t{4} * (in_.byte(12) >> 4U);
        if (!read_ports(std::max(header, kHeaderMin), promised)) {
            return;
        }
        auto& transport = *level().transport;
        transport.sequence = start.word(4);
        transport.acknowledgement = start.word(8);
        transport.tcp_flags = start.byte(13);
        transport.window = start.half(14);
    }

    void read_udp(std::size_t promised) {
        constexpr std::size_t kHeader = 8;
        if (!read_ports(kHeader, promised) || levels_.size() >= kTunnelDepthMax) {
            return;
        }
        constexpr std::uint16_t kVxlan = 4789;
        constexpr std::uint16_t kVxlanOfLinux = 8472;
        constexpr std::uint16_t kVxlanOfWeave = 6784;
        constexpr std::uint16_t kSleeve = 6783;
        constexpr std::uint16_t kGeneve = 6081;
        const auto port = level().transport->destination;
        if (port == kVxlan || port == kVxlanOfLinux || port == kVxlanOfWeave) {
            read_vxlan();
        } else if (port == kSleeve) {
            read_sleeve();
        } else if (port == kGeneve) {
            read_geneve();
        }
    }

    void read_vxlan() {
        constexpr std::size_t kHeader = 8;
        constexpr unsigned kValidVni = 0x08;
        if (!in_.has(kHeader) || (in_.byte(0) & kValidVni) == 0) {
            return;
        }
        level().tunnel = "VXLAN";
        level().tunnel_id = in_.word(4) >> 8U;
        in_.skip(kHeader);
        read_ethernet();
    }

    /// The name of the peer that sends the datagram, and of the first frame the names of both
    /// peers, its length, and Ethernet (weave, router/sleeve.go).
    void read_sleeve() {
        constexpr std::size_t kName = 6;
        constexpr std::size_t kHeader = 3 * kName + 2;
        if (!in_.has(kHeader)) {
            return;
        }
        level().tunnel = "Sleeve";
        level().peers = {in_.mac(kName), in_.mac(2 * kName)};
        in_.skip(kHeader);
        read_ethernet();
    }

    void read_geneve() {
        constexpr std::size_t kHeader = 8;
        if (!in_.has(kHeader) || in_.byte(0) >> 6U != 0) {
            return;
        }
        const std::size_t options = std::size_t{4} * (in_.byte(0) & 0x3fU);
        const auto type = in_.half(2);
        level().tunnel = "Geneve";
        level().tunnel_id = in_.word(4) >> 8U;
        in_.skip(kHeader);
        read_geneve_options(options);
        if (type == kTypeTransparentEthernet) {
            read_ethernet();
            return;
        }
        levels_.emplace_back();
        level().ether_type = type;
        read_ether_payload();
    }

    /// Each has a class, a type and its length in words (RFC 8926, section 3.5).
    void read_geneve_options(std::size_t left) {
        constexpr std::size_t kOption = 4;
        constexpr std::uint16_t kIdentityClass = 0xff01;
        constexpr std::uint8_t kIdentityType = 0x81;
        while (left >= kOption && in_.has(kOption)) {
            const std::size_t size = kOption + (in_.byte(3) & 0x1fU) * std::size_t{4};
            if (size > left) {
                break;
            }
            if (in_.half(0) == kIdentityClass && in_.byte(2) == kIdentityType &&
                size == 2 * kOption && in_.has(size)) {
                level().identity = in_.word(kOption);
            }
            in_.skip(size);
            left -= size;
        }
        in_.skip(left);
    }

    void read_icmp(std::uint8_t protocol, std::size_t promised) {
        constexpr std::size_t kHeader = 8;
        if (!need(kHeader)) {
            return;
        }
        IcmpHeader icmp;
        icmp.type = in_.byte(0);
        icmp.code = in_.byte(1);
        icmp.id = in_.half(4);
        icmp.sequence = in_.half(6);
        constexpr std::uint8_t kSolicitation = 135;
        constexpr std::uint8_t kAdvertisement = 136;
        const bool neighbour = icmp.type == kSolicitation || icmp.type == kAdvertisement;
        if (protocol == IPPROTO_ICMPV6 && neighbour && in_.has(kHeader + 16)) {
            icmp.target = in_.address(kHeader, Family::V6);
        }
        level().icmp = icmp;
        in_.skip(kHeader);
        end_with_payload(promised - std::min(promised, kHeader));
    }

    PacketCursor in_;
    std::vector<PacketLevel> levels_;
};

} // namespace

std::vector<PacketLevel>
decode_packet(const std::uint8_t* bytes, std::size_t size, std::uint16_t link_type) {
    return PacketDecoder(bytes, size).run(link_type);
}

} // namespace netemu
