#include "labctl/dataplane/datagram.h"

#include <array>
#include <cerrno>
#include <cstring>

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "netemu/base/packet_info.h"

namespace labctl::dataplane {
namespace {

constexpr std::size_t kDatagramBytesMax = 65535;

} // namespace

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
    netemu::turn_packet_info(message);
    datagram.reply_control.assign(control.data(), message.msg_controllen);
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
