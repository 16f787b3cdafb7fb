#include "labctl/dataplane/datagram.h"

#include <array>
#include <cerrno>
#include <cstring>

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "netemu/base/error.h"

namespace labctl::dataplane {
namespace {

constexpr std::size_t kDatagramBytesMax = 65535;

template <typename Info>
std::string control_message(int level, int type, const Info& info) {
    alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(Info))> buffer{};
    cmsghdr header{};
    header.cmsg_level = level;
    header.cmsg_type = type;
    header.cmsg_len = CMSG_LEN(sizeof info);
    std::memcpy(buffer.data(), &header, sizeof header);
    std::memcpy(buffer.data() + CMSG_LEN(0), &info, sizeof info);
    return {buffer.data(), buffer.size()};
}

/// The packet information for the reply: from the address that was asked, by whatever route.
std::string reply_control(msghdr& message) {
    for (auto* header = CMSG_FIRSTHDR(&message); header != nullptr;
         header = CMSG_NXTHDR(&message, header)) {
        if (header->cmsg_level == IPPROTO_IP && header->cmsg_type == IP_PKTINFO) {
            in_pktinfo info{};
            std::memcpy(&info, CMSG_DATA(header), sizeof info);
            info.ipi_ifindex = 0;
            info.ipi_spec_dst = info.ipi_addr;
            return control_message(IPPROTO_IP, IP_PKTINFO, info);
        }
        if (header->cmsg_level == IPPROTO_IPV6 && header->cmsg_type == IPV6_PKTINFO) {
            in6_pktinfo info{};
            std::memcpy(&info, CMSG_DATA(header), sizeof info);
            if (!IN6_IS_ADDR_LINKLOCAL(&info.ipi6_addr)) {
                info.ipi6_ifindex = 0;
            }
            return control_message(IPPROTO_IPV6, IPV6_PKTINFO, info);
        }
    }
    return {};
}

} // namespace

void request_destination(int socket, bool ipv6) {
    const int on = 1;
    const int level = ipv6 ? IPPROTO_IPV6 : IPPROTO_IP;
    const int option = ipv6 ? IPV6_RECVPKTINFO : IP_PKTINFO;
    netemu::check_syscall(
        "ask for the destination of datagrams",
        ::setsockopt(socket, level, option, &on, sizeof on));
}

std::optional<Datagram> receive_datagram(int socket) {
    static thread_local std::array<char, kDatagramBytesMax> buffer;
    alignas(cmsghdr) std::array<char, 256> control{};
    sockaddr_storage from{};
    iovec vector{buffer.data(), buffer.size()};
    msghdr message{};
    message.msg_name = &from;
    message.msg_namelen = sizeof from;
    message.msg_iov = &vector;
    message.msg_iovlen = 1;
    message.msg_control = control.data();
    message.msg_controllen = control.size();
    ssize_t size = -1;
    do {
        size = ::recvmsg(socket, &message, MSG_DONTWAIT);
    } while (size < 0 && (errno == EINTR || errno == ECONNREFUSED));
    if (size < 0) {
        return std::nullopt;
    }
    Datagram datagram;
    datagram.bytes.assign(buffer.data(), static_cast<std::size_t>(size));
    datagram.from = netemu::Endpoint::from_sockaddr(from);
    datagram.reply_control = reply_control(message);
    // A socket of the IPv6 family speaks to IPv4 peers in mapped addresses; keep the form it used.
    datagram.peer.assign(reinterpret_cast<const char*>(&from), message.msg_namelen); // NOLINT
    return datagram;
}

void reply_datagram(int socket, const Datagram& to, std::string_view bytes) {
    auto peer = to.peer;
    auto control = to.reply_control;
    iovec vector{const_cast<char*>(bytes.data()), bytes.size()}; // NOLINT: iovec has no const form
    msghdr message{};
    message.msg_name = peer.data();
    message.msg_namelen = static_cast<socklen_t>(peer.size());
    message.msg_iov = &vector;
    message.msg_iovlen = 1;
    message.msg_control = control.empty() ? nullptr : control.data();
    message.msg_controllen = control.size();
    (void)::sendmsg(socket, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
}

} // namespace labctl::dataplane
