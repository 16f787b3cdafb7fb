#include "labctl/supervisor/host_sockets.h"

#include <array>
#include <cerrno>
#include <cstring>

#include <sys/socket.h>
#include <unistd.h>

#include "netemu/base/error.h"

namespace labctl::supervisor {

namespace {

constexpr const char* kAttempt = "open a socket in the host's network";

struct SocketRequest {
    int domain;
    int type;
};

/// An error number, and the socket beside it when that is 0.
struct SocketAnswer {
    int error_number;
};

using ControlBytes = std::array<char, CMSG_SPACE(sizeof(int))>;

} // namespace

netemu::UniqueFd HostSockets::open(int domain, int type) const {
    const SocketRequest request{domain, type};
    netemu::check_syscall(
        kAttempt, static_cast<int>(::send(channel_.get(), &request, sizeof request, MSG_NOSIGNAL)));
    SocketAnswer answer{};
    alignas(cmsghdr) ControlBytes control{};
    iovec data{&answer, sizeof answer};
    msghdr message{};
    message.msg_iov = &data;
    message.msg_iovlen = 1;
    message.msg_control = control.data();
    message.msg_controllen = control.size();
    ssize_t size = 0;
    do {
        size = ::recvmsg(channel_.get(), &message, MSG_CMSG_CLOEXEC);
    } while (size < 0 && errno == EINTR);
    netemu::check_syscall(kAttempt, static_cast<int>(size));
    const auto* header = CMSG_FIRSTHDR(&message);
    if (answer.error_number != 0 || header == nullptr) {
        throw netemu::SysError(kAttempt, answer.error_number != 0 ? answer.error_number : EPIPE);
    }
    int socket = -1;
    std::memcpy(&socket, CMSG_DATA(header), sizeof socket);
    return netemu::UniqueFd(socket);
}

bool serve_host_socket(int channel) {
    SocketRequest request{};
    const auto size = ::recv(channel, &request, sizeof request, MSG_DONTWAIT);
    if (size < 0 && (errno == EAGAIN || errno == EINTR)) {
        return true;
    }
    if (size != static_cast<ssize_t>(sizeof request)) {
        return false;
    }
    const int plain = request.type & ~SOCK_NONBLOCK;
    const bool known = (request.domain == AF_INET || request.domain == AF_INET6) &&
                       (plain == SOCK_DGRAM || plain == SOCK_STREAM);
    const netemu::UniqueFd socket(
        known ? ::socket(request.domain, request.type | SOCK_CLOEXEC, 0) : -1);
    SocketAnswer answer{socket ? 0 : known ? errno : EINVAL};
    alignas(cmsghdr) ControlBytes control{};
    iovec data{&answer, sizeof answer};
    msghdr message{};
    message.msg_iov = &data;
    message.msg_iovlen = 1;
    if (socket) {
        message.msg_control = control.data();
        message.msg_controllen = control.size();
        auto* header = CMSG_FIRSTHDR(&message);
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN(sizeof(int));
        const int number = socket.get();
        std::memcpy(CMSG_DATA(header), &number, sizeof number);
    }
    return ::sendmsg(channel, &message, MSG_NOSIGNAL) >= 0;
}

} // namespace labctl::supervisor
