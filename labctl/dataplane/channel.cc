#include "labctl/dataplane/channel.h"

#include <cerrno>
#include <span>
#include <utility>

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "labctl/dataplane/wire.h"
#include "netemu/base/error.h"
#include "netemu/base/process.h"

namespace labctl::dataplane {
namespace {

/// Messages taken in one turn, so that one busy channel cannot starve the rest of the loop.
constexpr int kMessagesPerTurn = 16;

std::vector<int> raw(const std::vector<netemu::UniqueFd>& fds) {
    std::vector<int> numbers;
    numbers.reserve(fds.size());
    for (const auto& fd : fds) {
        numbers.push_back(fd.get());
    }
    return numbers;
}

/// Whether the message is gone: sent, or lost because the peer has died (which the next receive
/// will tell).
bool try_send(int socket, const std::string& message, std::span<const int> fds) {
    try {
        return netemu::send_with_fds(socket, message, fds) >= 0;
    } catch (const netemu::SysError& error) {
        if (error.error_number() == ETOOMANYREFS) {
            return false; // descriptors in flight of a user without privilege: wait until the peer
                          // takes some
        }
        if (error.error_number() == EPIPE || error.error_number() == ECONNRESET) {
            return true;
        }
        throw;
    }
}

} // namespace

Channel::Channel(
    netemu::EventLoop& loop,
    netemu::UniqueFd socket,
    MessageCallback on_message,
    CloseCallback on_close)
    : loop_(loop), socket_(std::move(socket)), on_message_(std::move(on_message)),
      on_close_(std::move(on_close)), buffer_(kMessageBytesMax) {
    netemu::set_nonblocking(socket_.get());
    const int size = 2 * static_cast<int>(kMessageBytesMax);
    netemu::check_syscall(
        "size a channel's buffer",
        ::setsockopt(socket_.get(), SOL_SOCKET, SO_SNDBUF, &size, sizeof size));
    loop_.add(socket_.get(), EPOLLIN, [this](std::uint32_t events) { on_events(events); });
}

Channel::~Channel() {
    *alive_ = false;
    if (socket_) {
        loop_.remove(socket_.get());
    }
}

void Channel::on_events(std::uint32_t events) {
    const auto alive = alive_;
    if ((events & EPOLLOUT) != 0) {
        flush();
    }
    if (*alive && socket_ && (events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0) {
        receive();
    }
}

void Channel::receive() {
    const auto alive = alive_;
    for (int i = 0; i < kMessagesPerTurn && *alive && socket_; ++i) {
        netemu::ReceivedMessage received;
        try {
            received = netemu::receive_with_fds(socket_.get(), buffer_);
        } catch (const netemu::SysError& error) {
            if (error.error_number() != ECONNRESET) {
                throw;
            }
        }
        if (received.size < 0) {
            return;
        }
        if (received.size == 0) {
            return closed();
        }
        on_message_({buffer_.data(), static_cast<std::size_t>(received.size)}, received.fds);
    }
}

void Channel::closed() {
    loop_.remove(socket_.get());
    socket_.reset();
    outgoing_.clear();
    if (const auto callback = std::exchange(on_close_, nullptr)) {
        callback();
    }
}

void Channel::send(std::string message, std::vector<int> fds) {
    if (!socket_) {
        return;
    }
    if (outgoing_.empty() && try_send(socket_.get(), message, fds)) {
        return;
    }
    std::vector<netemu::UniqueFd> copies;
    copies.reserve(fds.size());
    for (const int fd : fds) {
        copies.emplace_back(
            netemu::check_syscall("duplicate a socket", ::fcntl(fd, F_DUPFD_CLOEXEC, 0)));
    }
    queue(std::move(message), std::move(copies));
}

void Channel::send_owned(std::string message, std::vector<netemu::UniqueFd> fds) {
    if (!socket_) {
        return;
    }
    if (outgoing_.empty() && try_send(socket_.get(), message, raw(fds))) {
        return;
    }
    queue(std::move(message), std::move(fds));
}

void Channel::queue(std::string message, std::vector<netemu::UniqueFd> fds) {
    outgoing_.push_back({std::move(message), std::move(fds)});
    loop_.modify(socket_.get(), EPOLLIN | EPOLLOUT);
}

void Channel::flush() {
    while (!outgoing_.empty()) {
        const auto& next = outgoing_.front();
        if (!try_send(socket_.get(), next.message, raw(next.fds))) {
            return;
        }
        outgoing_.pop_front();
    }
    loop_.modify(socket_.get(), EPOLLIN);
}

} // namespace labctl::dataplane
