#include "netemu/kernel/capture.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <cstring>

#include <arpa/inet.h>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include "netemu/base/error.h"

namespace netemu {

namespace {

constexpr std::size_t kTapBlockBytes = 256U << 10U; // holds the largest packet, 64 KiB
constexpr std::size_t kTapFrameBytes = 2048;        // only has to divide a block (TPACKET_V3)

std::size_t tap_blocks(std::size_t ring_bytes) {
    return std::clamp(ring_bytes, 2 * kTapBlockBytes, kRingBytesMax) / kTapBlockBytes;
}

/// The link type of an interface of this ARPHRD_*.
std::uint16_t tap_link_type(unsigned hardware, const std::string& what) {
    switch (hardware) {
    case ARPHRD_ETHER:
    case ARPHRD_LOOPBACK:
        return kLinkTypeEthernet;
    case ARPHRD_NONE:
    case ARPHRD_TUNNEL:
    case ARPHRD_TUNNEL6:
    case ARPHRD_SIT:
        return kLinkTypeRawIp;
    default:
        throw UsageError(
            what + " is neither an Ethernet nor an IP interface (ARPHRD " +
            std::to_string(hardware) + ")");
    }
}

/// Asks about an interface of the namespace that the socket was made in.
ifreq tap_request(int socket, const std::string& link, unsigned long request) {
    ifreq answer{};
    if (link.size() >= sizeof answer.ifr_name) {
        throw SysError("look for interface " + link, ENODEV);
    }
    std::memcpy(answer.ifr_name, link.data(), link.size());
    check_syscall("look for interface " + link, ::ioctl(socket, request, &answer));
    return answer;
}

template <typename T>
void set_tap_option(int socket, int level, int name, const T& value, const char* what) {
    check_syscall(what, ::setsockopt(socket, level, name, &value, sizeof value));
}

void make_ring(int socket, std::size_t blocks) {
    set_tap_option(socket, SOL_PACKET, PACKET_VERSION, int{TPACKET_V3}, "choose TPACKET_V3");
    tpacket_req3 request{};
    request.tp_block_size = kTapBlockBytes;
    request.tp_block_nr = static_cast<unsigned>(blocks);
    request.tp_frame_size = kTapFrameBytes;
    request.tp_frame_nr = static_cast<unsigned>(blocks * kTapBlockBytes / kTapFrameBytes);
    request.tp_retire_blk_tov = kTapDelayMs;
    set_tap_option(socket, SOL_PACKET, PACKET_RX_RING, request, "make a ring for packets");
}

/// A program that accepts every packet, but only its first bytes.
void cut_packets(int socket, std::uint32_t bytes) {
    sock_filter accept = BPF_STMT(BPF_RET | BPF_K, bytes);
    const sock_fprog program{1, &accept};
    set_tap_option(socket, SOL_SOCKET, SO_ATTACH_FILTER, program, "cut packets short");
}

PacketCast packet_cast(unsigned type) {
    switch (type) {
    case PACKET_BROADCAST:
        return PacketCast::Broadcast;
    case PACKET_MULTICAST:
        return PacketCast::Multicast;
    case PACKET_OTHERHOST:
        return PacketCast::Other;
    default:
        return PacketCast::Unicast;
    }
}

/// An outgoing packet's type is only PACKET_OUTGOING: its destination says the rest.
PacketCast outgoing_cast(const std::vector<std::uint8_t>& bytes, unsigned hardware) {
    if (hardware != ARPHRD_ETHER || bytes.empty() || (bytes[0] & 1U) == 0) {
        return PacketCast::Unicast;
    }
    const bool all = bytes.size() >= ETH_ALEN &&
                     std::all_of(bytes.begin(), bytes.begin() + ETH_ALEN, [](std::uint8_t byte) {
                         return byte == 0xff;
                     });
    return all ? PacketCast::Broadcast : PacketCast::Multicast;
}

/// The kernel takes a VLAN tag out of the frame; here it goes back.
void restore_vlan_tag(CapturedPacket& packet, const tpacket3_hdr& header) {
    constexpr std::size_t kMacs = 12;
    if ((header.tp_status & TP_STATUS_VLAN_VALID) == 0 || packet.bytes.size() < kMacs) {
        return;
    }
    const unsigned type = (header.tp_status & TP_STATUS_VLAN_TPID_VALID) != 0
                              ? header.hv1.tp_vlan_tpid
                              : std::uint16_t{ETH_P_8021Q};
    const unsigned tag = header.hv1.tp_vlan_tci;
    const std::array<std::uint8_t, 4> bytes{
        static_cast<std::uint8_t>(type >> 8U),
        static_cast<std::uint8_t>(type),
        static_cast<std::uint8_t>(tag >> 8U),
        static_cast<std::uint8_t>(tag)};
    packet.bytes.insert(packet.bytes.begin() + kMacs, bytes.begin(), bytes.end());
    packet.size += static_cast<std::uint32_t>(bytes.size());
}

CapturedPacket to_captured_packet(const std::uint8_t* frame, std::size_t place) {
    tpacket3_hdr header{};
    std::memcpy(&header, frame, sizeof header);
    sockaddr_ll link{};
    std::memcpy(&link, frame + TPACKET_ALIGN(sizeof header), sizeof link);
    constexpr std::uint64_t kNsPerSecond = 1'000'000'000;
    CapturedPacket packet;
    packet.place = place;
    packet.time_ns = header.tp_sec * kNsPerSecond + header.tp_nsec;
    packet.size = header.tp_len;
    packet.bytes.assign(frame + header.tp_mac, frame + header.tp_mac + header.tp_snaplen);
    if (link.sll_pkttype == PACKET_OUTGOING) {
        packet.direction = PacketDirection::Out;
        packet.cast = outgoing_cast(packet.bytes, link.sll_hatype);
    } else {
        packet.cast = packet_cast(link.sll_pkttype);
    }
    restore_vlan_tag(packet, header);
    return packet;
}

} // namespace

Tap open_tap(
    Kernel& kernel, const std::string& ns, const std::string& link, const TapOptions& options) {
    const auto what = link + " of " + ns;
    Tap tap;
    try {
        tap.socket = kernel.open_socket(ns, AF_PACKET, SOCK_RAW, 0); // receives nothing yet
    } catch (const SysError& error) {
        if (error.error_number() == EAFNOSUPPORT) {
            throw UnsupportedError(
                "this kernel has no packet sockets", "it is built without CONFIG_PACKET");
        }
        throw;
    }
    const int socket = tap.socket.get();
    const auto index = tap_request(socket, link, SIOCGIFINDEX).ifr_ifindex;
    const auto hardware = tap_request(socket, link, SIOCGIFHWADDR).ifr_hwaddr;
    tap.link_type = tap_link_type(hardware.sa_family, what);
    std::copy_n(hardware.sa_data, tap.mac.bytes.size(), tap.mac.bytes.begin());
    tap.mtu = static_cast<std::uint32_t>(tap_request(socket, link, SIOCGIFMTU).ifr_mtu);
    const auto blocks = tap_blocks(options.ring_bytes);
    tap.ring_bytes = blocks * kTapBlockBytes;
    make_ring(socket, blocks);
    if (options.snap_bytes < TapOptions{}.snap_bytes) {
        cut_packets(socket, options.snap_bytes);
    }
    sockaddr_ll address{};
    address.sll_family = AF_PACKET;
    address.sll_protocol = htons(ETH_P_ALL);
    address.sll_ifindex = index;
    check_syscall(
        "listen on " + what,
        ::bind(socket, reinterpret_cast<const sockaddr*>(&address), sizeof address));
    return tap;
}

TapReader::TapReader(UniqueFd socket, std::size_t ring_bytes, std::size_t place)
    : socket_(std::move(socket)), blocks_(tap_blocks(ring_bytes)), place_(place) {
    void* memory = ::mmap(
        nullptr, blocks_ * kTapBlockBytes, PROT_READ | PROT_WRITE, MAP_SHARED, socket_.get(), 0);
    if (memory == MAP_FAILED) {
        throw SysError("map the ring of a tap", errno);
    }
    ring_ = static_cast<std::uint8_t*>(memory);
}

TapReader::TapReader(TapReader&& other) noexcept
    : socket_(std::move(other.socket_)), ring_(std::exchange(other.ring_, nullptr)),
      blocks_(other.blocks_), next_(other.next_), place_(other.place_), gone_(other.gone_),
      statistics_(other.statistics_) {
}

TapReader::~TapReader() {
    if (ring_ != nullptr) {
        ::munmap(ring_, blocks_ * kTapBlockBytes);
    }
}

std::size_t TapReader::read(const Sink& sink) {
    std::size_t count = 0;
    // At most one round: what comes meanwhile has its turn at the next call.
    for (std::size_t i = 0; i < blocks_; ++i) {
        auto* bytes = ring_ + next_ * kTapBlockBytes;
        auto& header = reinterpret_cast<tpacket_block_desc*>(bytes)->hdr.bh1;
        std::atomic_ref<std::uint32_t> status(header.block_status);
        if ((status.load(std::memory_order_acquire) & TP_STATUS_USER) == 0) {
            break;
        }
        count += header.num_pkts;
        read_block(bytes, sink);
        status.store(TP_STATUS_KERNEL, std::memory_order_release);
        next_ = (next_ + 1) % blocks_;
    }
    return count;
}

void TapReader::read_block(const std::uint8_t* block, const Sink& sink) {
    const auto& header = reinterpret_cast<const tpacket_block_desc*>(block)->hdr.bh1;
    std::size_t offset = header.offset_to_first_pkt;
    for (std::uint32_t i = 0; i < header.num_pkts; ++i) {
        const auto* frame = block + offset;
        sink(to_captured_packet(frame, place_));
        offset += reinterpret_cast<const tpacket3_hdr*>(frame)->tp_next_offset;
    }
}

bool TapReader::gone() {
    if (gone_) {
        return true;
    }
    // Going down is an error on the socket, which must be read or poll(2) returns for ever; being
    // deleted, which may follow at any time, shows only in the address.
    int error = 0;
    socklen_t size = sizeof error;
    (void)::getsockopt(socket_.get(), SOL_SOCKET, SO_ERROR, &error, &size);
    sockaddr_ll address{};
    size = sizeof address;
    gone_ = ::getsockname(socket_.get(), reinterpret_cast<sockaddr*>(&address), &size) == 0 &&
            address.sll_ifindex < 0;
    return gone_;
}

TapStatistics TapReader::statistics() {
    tpacket_stats_v3 news{}; // reading them sets them to zero
    socklen_t size = sizeof news;
    if (::getsockopt(socket_.get(), SOL_PACKET, PACKET_STATISTICS, &news, &size) == 0) {
        statistics_.seen += news.tp_packets;
        statistics_.dropped += news.tp_drops;
    }
    return statistics_;
}

} // namespace netemu
