#include "labctl/dataplane/stream_socket.h"

#include <array>
#include <cerrno>
#include <utility>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>

namespace labctl::dataplane {
namespace {

constexpr std::size_t kStreamReadBytes = 32U << 10U;
constexpr auto kWantsIn = static_cast<std::uint32_t>(EPOLLIN);
constexpr auto kWantsOut = static_cast<std::uint32_t>(EPOLLOUT);

} // namespace

StreamSocket::StreamSocket(netemu::EventLoop& loop, netemu::UniqueFd socket, Events events)
    : loop_(loop), socket_(std::move(socket)), events_(std::move(events)) {
    const int on = 1;
    (void)::setsockopt(socket_.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

StreamSocket::~StreamSocket() {
    close();
}

void StreamSocket::start() {
    watched_ = paused_ ? 0U : kWantsIn;
    loop_.add(socket_.get(), watched_, [this](std::uint32_t events) { on_events(events); });
}

void StreamSocket::connect(const netemu::Endpoint& to) {
    sockaddr_storage address{};
    const auto size = to.to_sockaddr(address);
    const auto* target = reinterpret_cast<const sockaddr*>(&address); // NOLINT
    connecting_ = true;
    watched_ = kWantsOut;
    // A connect that fails at once leaves the socket unconnected, which epoll reports as EPOLLHUP:
    // so it is told of in the loop's next turn, as any other failure is.
    if (::connect(socket_.get(), target, size) != 0 && errno != EINPROGRESS) {
        const int error = errno;
        watched_ = 0;
        loop_.add(socket_.get(), kWantsOut, [this, error](std::uint32_t) { fail(error); });
        return;
    }
    loop_.add(socket_.get(), watched_, [this](std::uint32_t events) { on_events(events); });
}

void StreamSocket::on_connected() {
    int error = 0;
    socklen_t size = sizeof error;
    if (::getsockopt(socket_.get(), SOL_SOCKET, SO_ERROR, &error, &size) != 0) {
        error = errno;
    }
    if (error != 0) {
        return fail(error);
    }
    connecting_ = false;
    if (events_.connected) {
        events_.connected();
    }
    flush();
}

void StreamSocket::on_events(std::uint32_t events) {
    if (connecting_) {
        return on_connected();
    }
    if ((events & EPOLLERR) != 0) {
        int error = 0;
        socklen_t size = sizeof error;
        (void)::getsockopt(socket_.get(), SOL_SOCKET, SO_ERROR, &error, &size);
        return fail(error);
    }
    // EPOLLHUP cannot be switched off: whoever has paused gets the rest now.
    if ((events & EPOLLHUP) != 0 || ((events & EPOLLIN) != 0 && !paused_)) {
        read();
    }
    flush();
}

void StreamSocket::read() {
    if (input_ended_) {
        return fail(0);
    }
    std::array<char, kStreamReadBytes> buffer; // NOLINT: filled by recv
    const auto size = ::recv(socket_.get(), buffer.data(), buffer.size(), 0);
    if (size > 0) {
        events_.received({buffer.data(), static_cast<std::size_t>(size)});
    } else if (size == 0) {
        input_ended_ = true;
        events_.ended();
    } else if (errno != EAGAIN && errno != EINTR) {
        fail(errno);
    }
}

void StreamSocket::send(std::string_view bytes) {
    if (!socket_) {
        return;
    }
    out_.append(bytes);
    was_full_ = was_full_ || full();
    if (!connecting_) {
        flush();
    }
}

void StreamSocket::finish() {
    finishing_ = true;
    flush();
}

void StreamSocket::flush() {
    if (!socket_ || connecting_) {
        return;
    }
    while (sent_ < out_.size()) {
        const auto size =
            ::send(socket_.get(), out_.data() + sent_, out_.size() - sent_, MSG_NOSIGNAL);
        if (size < 0) {
            if (errno != EAGAIN && errno != EINTR) {
                return fail(errno);
            }
            break;
        }
        sent_ += static_cast<std::size_t>(size);
    }
    if (sent_ == out_.size()) {
        out_.clear();
        sent_ = 0;
        if (finishing_ && !std::exchange(finished_, true)) {
            ::shutdown(socket_.get(), SHUT_WR);
        }
    } else if (sent_ > kStreamUnsentMax) {
        out_.erase(0, std::exchange(sent_, 0));
    }
    watch();
    if (was_full_ && !full()) {
        was_full_ = false;
        events_.drained();
    }
}

void StreamSocket::pause(bool paused) {
    paused_ = paused;
    watch();
}

void StreamSocket::watch() {
    if (!socket_ || connecting_ || !loop_.watches(socket_.get())) {
        return;
    }
    const std::uint32_t wanted =
        (paused_ || input_ended_ ? 0U : kWantsIn) | (out_.empty() ? 0U : kWantsOut);
    if (wanted != watched_) {
        watched_ = wanted;
        loop_.modify(socket_.get(), wanted);
    }
}

void StreamSocket::fail(int error) {
    close();
    events_.failed(error);
}

void StreamSocket::close() {
    if (socket_) {
        if (loop_.watches(socket_.get())) {
            loop_.remove(socket_.get());
        }
        socket_.reset();
    }
}

netemu::UniqueFd StreamSocket::release() {
    if (socket_ && loop_.watches(socket_.get())) {
        loop_.remove(socket_.get());
    }
    return std::move(socket_);
}

} // namespace labctl::dataplane
