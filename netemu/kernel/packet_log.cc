#include "netemu/kernel/packet_log.h"

#include <array>
#include <cerrno>
#include <cstring>

#include <arpa/inet.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_log.h>
#include <linux/netlink.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "netemu/base/error.h"
#include "netemu/kernel/attributes.h"
#include "netemu/kernel/batch.h"
#include "netemu/kernel/kernel.h"

namespace netemu {

namespace {

constexpr const char* kListen = "listen to the packet log";
/// Of the buffer that the kernel makes for each message: the default of a page would be charged
/// against the socket for every packet. Prefix, headers and attributes need less than half of it.
constexpr std::uint32_t kLogMessageBytes = 768;
/// Room for about eight thousand messages. An ordinary user gets at most net.core.rmem_max.
constexpr int kLogBufferBytes = 8 << 20U;
constexpr std::size_t kLinksKeptMax = 4096;

unsigned log_type(unsigned type) {
    return (NFNL_SUBSYS_ULOG << 8U) | type;
}

void widen(int socket) {
    const int bytes = kLogBufferBytes;
    if (::setsockopt(socket, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof bytes) < 0) {
        (void)::setsockopt(socket, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes);
    }
}

/// Of the port of a bridge, if it is one, or else of the device.
std::uint32_t link_index(const Attributes& attributes, unsigned port, unsigned device) {
    const auto of_port = ntohl(attributes.u32(port).value_or(0));
    return of_port != 0 ? of_port : ntohl(attributes.u32(device).value_or(0));
}

} // namespace

PacketLog::PacketLog(UniqueFd socket, std::uint16_t group) : fd_(std::move(socket)) {
    widen(fd_.get());
    configure(group);
}

PacketLog::PacketLog(Kernel& kernel, const std::string& ns, std::uint16_t group)
    : PacketLog(
          kernel.open_socket(ns, AF_NETLINK, SOCK_RAW | SOCK_NONBLOCK, NETLINK_NETFILTER), group) {
}

void PacketLog::configure(std::uint16_t group) {
    Batch request;
    auto& header = request.start<nfgenmsg>(log_type(NFULNL_MSG_CONFIG), NLM_F_ACK);
    header.nfgen_family = AF_UNSPEC;
    header.res_id = htons(group);
    request.put_u8(NFULA_CFG_CMD, NFULNL_CFG_CMD_BIND);
    nfulnl_msg_config_mode mode{};
    mode.copy_range = htonl(kPacketBytes);
    mode.copy_mode = NFULNL_COPY_PACKET;
    std::array<std::uint8_t, sizeof mode> bytes{};
    std::memcpy(bytes.data(), &mode, sizeof mode);
    request.put(NFULA_CFG_MODE, bytes);
    request.put_be32(NFULA_CFG_NLBUFSIZ, kLogMessageBytes);
    request.put_be32(NFULA_CFG_TIMEOUT, 0);
    request.put_be32(NFULA_CFG_QTHRESH, 1);
    request.put_be16(NFULA_CFG_FLAGS, NFULNL_CFG_F_SEQ);
    const auto sent = request.bytes();
    check_syscall(kListen, static_cast<int>(::send(fd_.get(), sent.data(), sent.size(), 0)));
    // The answer is there when send(2) returns, perhaps behind packets.
    std::optional<int> answer;
    while (!answer) {
        alignas(nlmsghdr) std::array<char, 8192> buffer; // NOLINT: filled by recv
        const auto size = ::recv(fd_.get(), buffer.data(), buffer.size(), 0);
        if (size < 0 && (errno == ENOBUFS || errno == EINTR)) {
            continue;
        }
        check_syscall(kListen, static_cast<int>(size));
        answer = take(
            {buffer.data(), static_cast<std::size_t>(size)},
            [this](const LoggedPacket& packet) { early_.push_back(packet); });
    }
    if (*answer != 0) {
        throw SysError(kListen, *answer);
    }
}

void PacketLog::read(const Each& each) {
    for (const auto& packet : std::exchange(early_, {})) {
        each(packet);
    }
    for (std::size_t i = 0; i < kReadsMax; ++i) {
        alignas(nlmsghdr) std::array<char, 8192> buffer; // NOLINT: filled by recv
        const auto size = ::recv(fd_.get(), buffer.data(), buffer.size(), MSG_DONTWAIT);
        if (size < 0 && (errno == ENOBUFS || errno == EINTR)) {
            continue; // what was lost is missing from the sequence
        }
        if (size <= 0) {
            return;
        }
        (void)take({buffer.data(), static_cast<std::size_t>(size)}, each);
    }
}

std::optional<int> PacketLog::take(std::span<const char> bytes, const Each& each) {
    std::optional<int> answer;
    auto rest = static_cast<int>(bytes.size());
    const auto* message = reinterpret_cast<const nlmsghdr*>(bytes.data());
    for (; mnl_nlmsg_ok(message, rest); message = mnl_nlmsg_next(message, &rest)) {
        if (message->nlmsg_type == NLMSG_ERROR &&
            mnl_nlmsg_get_payload_len(message) >= sizeof(nlmsgerr)) {
            answer = -static_cast<const nlmsgerr*>(mnl_nlmsg_get_payload(message))->error;
        }
        if (message->nlmsg_type != log_type(NFULNL_MSG_PACKET)) {
            continue;
        }
        const Attributes attributes(message, sizeof(nfgenmsg));
        if (const auto number = attributes.u32(NFULA_SEQ)) {
            const auto sequence = ntohl(*number);
            lost_ += sequence_ ? sequence - *sequence_ - 1 : 0;
            sequence_ = sequence;
        }
        auto packet = read_headers(attributes.bytes(NFULA_PAYLOAD));
        if (!packet) {
            continue; // ARP and the like
        }
        packet->time = std::chrono::system_clock::now();
        packet->prefix = attributes.text(NFULA_PREFIX);
        packet->in_link =
            link_name(link_index(attributes, NFULA_IFINDEX_PHYSINDEV, NFULA_IFINDEX_INDEV));
        packet->out_link =
            link_name(link_index(attributes, NFULA_IFINDEX_PHYSOUTDEV, NFULA_IFINDEX_OUTDEV));
        each(*packet);
    }
    return answer;
}

/// A socket of any family answers for the devices of its namespace (netdevice(7)).
std::string PacketLog::link_name(std::uint32_t index) {
    if (index == 0) {
        return {};
    }
    if (links_.size() > kLinksKeptMax) {
        links_.clear();
    }
    auto& name = links_[index];
    if (name.empty()) {
        ifreq request{};
        request.ifr_ifindex = static_cast<int>(index);
        name = ::ioctl(fd_.get(), SIOCGIFNAME, &request) == 0 ? request.ifr_name
                                                              : "link " + std::to_string(index);
    }
    return name;
}

} // namespace netemu
