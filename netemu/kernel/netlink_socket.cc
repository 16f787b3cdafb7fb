#include "netemu/kernel/netlink_socket.h"

#include <algorithm>
#include <array>
#include <cerrno>

#include <libmnl/libmnl.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "netemu/base/error.h"
#include "netemu/kernel/attributes.h"

namespace netemu {

namespace {

constexpr std::size_t kReceiveBytes = 32U << 10U; // what a dump fills at most
constexpr std::size_t kSendBufferBytesMax = 32U << 20U;
constexpr std::size_t kSendOverheadBytes = 32; // netlink_sendmsg() of the kernel keeps so much
constexpr std::size_t kPiecesMax = 3;

using ReceiveBuffer = std::array<char, kReceiveBytes>;

/// One buffer for all sockets of the thread: a thousand of them would be 32 MB.
ReceiveBuffer& receive_buffer() {
    alignas(nlmsghdr) static thread_local ReceiveBuffer buffer;
    return buffer;
}

void set_option(int fd, int option) {
    const int on = 1;
    // A kernel that lacks one of these answers with fewer words, no more.
    (void)::setsockopt(fd, SOL_NETLINK, option, &on, sizeof on);
}

NetlinkFailure decode_failure(const nlmsghdr* message) {
    NetlinkFailure failure;
    const auto* error = static_cast<const nlmsgerr*>(mnl_nlmsg_get_payload(message));
    failure.sequence = error->msg.nlmsg_seq;
    failure.error_number = -error->error;
    failure.type = error->msg.nlmsg_type;
    if ((message->nlmsg_flags & NLM_F_ACK_TLVS) == 0) {
        return failure;
    }
    std::size_t skip = sizeof(nlmsgerr);
    if ((message->nlmsg_flags & NLM_F_CAPPED) == 0) {
        skip += error->msg.nlmsg_len - sizeof(nlmsghdr);
    }
    if (skip <= mnl_nlmsg_get_payload_len(message)) {
        failure.text = Attributes(message, skip).text(NLMSGERR_ATTR_MSG);
    }
    return failure;
}

bool is_error(const nlmsghdr* message) {
    return message->nlmsg_type == NLMSG_ERROR &&
           mnl_nlmsg_get_payload_len(message) >= sizeof(nlmsgerr);
}

} // namespace

NetlinkSocket::NetlinkSocket(int protocol)
    : NetlinkSocket(UniqueFd(check_syscall(
          protocol == NETLINK_NETFILTER ? "open an nfnetlink socket" : "open a netlink socket",
          ::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol)))) {
}

NetlinkSocket::NetlinkSocket(UniqueFd socket) : fd_(std::move(socket)) {
    set_option(fd_.get(), NETLINK_EXT_ACK);
    set_option(fd_.get(), NETLINK_CAP_ACK);
    set_option(fd_.get(), NETLINK_GET_STRICT_CHK);
}

std::size_t NetlinkSocket::make_room(std::size_t bytes) {
    const auto room = [&]() -> std::size_t {
        int size = 0;
        socklen_t length = sizeof size;
        check_syscall(
            "ask for the size of a netlink socket",
            ::getsockopt(fd_.get(), SOL_SOCKET, SO_SNDBUF, &size, &length));
        return static_cast<std::size_t>(size) - kSendOverheadBytes;
    };
    if (room() < bytes) {
        // The forced form needs a privilege on the host; the other is bounded by net.core.wmem_max.
        const auto wanted = static_cast<int>(std::min(bytes, kSendBufferBytesMax));
        if (::setsockopt(fd_.get(), SOL_SOCKET, SO_SNDBUFFORCE, &wanted, sizeof wanted) < 0) {
            (void)::setsockopt(fd_.get(), SOL_SOCKET, SO_SNDBUF, &wanted, sizeof wanted);
        }
    }
    return room();
}

void NetlinkSocket::transmit(std::span<const std::span<const char>> pieces) {
    std::array<iovec, kPiecesMax> parts{};
    std::size_t bytes = 0;
    for (std::size_t i = 0; i < pieces.size(); ++i) {
        parts.at(i).iov_base = const_cast<char*>(pieces[i].data());
        parts.at(i).iov_len = pieces[i].size();
        bytes += pieces[i].size();
    }
    msghdr message{};
    message.msg_iov = parts.data();
    message.msg_iovlen = pieces.size();
    auto sent = ::sendmsg(fd_.get(), &message, 0);
    if (sent < 0 && errno == EMSGSIZE) {
        (void)make_room(bytes);
        sent = ::sendmsg(fd_.get(), &message, 0);
    }
    if (sent < 0) {
        throw SysError("send " + std::to_string(bytes) + " bytes of netlink messages", errno);
    }
}

std::vector<NetlinkFailure> NetlinkSocket::send(const Batch& batch) {
    if (batch.empty()) {
        return {};
    }
    const std::array pieces{batch.bytes()};
    return send(pieces, batch);
}

std::vector<NetlinkFailure>
NetlinkSocket::send(std::span<const std::span<const char>> pieces, const Batch& batch) {
    std::vector<NetlinkFailure> failures;
    transmit(pieces);
    bool overrun = false;
    for (;;) {
        ReceiveBuffer& buffer = receive_buffer();
        const auto length = ::recv(fd_.get(), buffer.data(), buffer.size(), MSG_DONTWAIT);
        if (length < 0 && errno == ENOBUFS) {
            overrun = true; // more refusals than the socket holds: the first ones are still there
            continue;
        }
        if (length < 0 && errno == EINTR) {
            continue;
        }
        if (length < 0) {
            break;
        }
        auto rest = static_cast<int>(length);
        const auto* message = reinterpret_cast<const nlmsghdr*>(buffer.data());
        for (; mnl_nlmsg_ok(message, rest); message = mnl_nlmsg_next(message, &rest)) {
            if (!is_error(message)) {
                continue;
            }
            auto failure = decode_failure(message);
            if (failure.error_number != 0 && batch.owns(failure.sequence)) {
                failures.push_back(std::move(failure));
            }
        }
    }
    if (overrun && failures.empty()) {
        failures.push_back({batch.first_sequence(), ENOBUFS, 0, "answers were lost"});
    }
    return failures;
}

void NetlinkSocket::dump(const char* attempt, Batch& request, const Each& each) {
    ask(attempt, request, true, each);
}

void NetlinkSocket::get(const char* attempt, Batch& request, const Each& each) {
    ask(attempt, request, false, each);
}

void NetlinkSocket::ask(const char* attempt, Batch& request, bool many, const Each& each) {
    const std::array pieces{request.bytes()};
    transmit(pieces);
    const std::uint32_t sequence = request.first_sequence();
    request.clear();
    for (;;) {
        ReceiveBuffer& buffer = receive_buffer();
        const auto length = ::recv(fd_.get(), buffer.data(), buffer.size(), 0);
        if (length < 0 && errno == EINTR) {
            continue;
        }
        check_syscall(attempt, static_cast<int>(length));
        auto rest = static_cast<int>(length);
        const auto* message = reinterpret_cast<const nlmsghdr*>(buffer.data());
        for (; mnl_nlmsg_ok(message, rest); message = mnl_nlmsg_next(message, &rest)) {
            if (message->nlmsg_seq != sequence) {
                continue; // the late answer to an older request
            }
            if (message->nlmsg_type == NLMSG_DONE) {
                return;
            }
            if (is_error(message)) {
                const auto failure = decode_failure(message);
                throw SysError(attempt, failure.error_number, failure.text);
            }
            each(message);
            if (!many) {
                return;
            }
        }
    }
}

} // namespace netemu
