#include "labctl/dataplane/stream_socket.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/uio.h>

namespace labctl::dataplane {
namespace {

constexpr std::size_t kStreamReadBytes = 32U << 10U;
constexpr std::size_t kStreamBufferKept = 16U << 10U; // by a socket that has nothing to send
constexpr auto kWantsIn = static_cast<std::uint32_t>(EPOLLIN);
constexpr auto kWantsOut = static_cast<std::uint32_t>(EPOLLOUT);
constexpr auto kBroken =
    static_cast<std::uint32_t>(EPOLLHUP) | static_cast<std::uint32_t>(EPOLLERR);

iovec piece_of(std::string_view bytes) {
    return {const_cast<char*>(bytes.data()), bytes.size()}; // NOLINT: sendmsg only reads it
}

int pending_error(int socket) {
    int error = 0;
    socklen_t size = sizeof error;
    return ::getsockopt(socket, SOL_SOCKET, SO_ERROR, &error, &size) == 0 ? error : errno;
}

} // namespace

StreamSocket::StreamSocket(
    netemu::EventLoop& loop, netemu::UniqueFd socket, StreamListener& listener)
    : loop_(loop), socket_(std::move(socket)), listener_(&listener) {
}

StreamSocket::~StreamSocket() {
    close();
}

void StreamSocket::start() {
    watched_ = paused_ ? 0U : kWantsIn;
    loop_.add(socket_.get(), watched_, [this](std::uint32_t events) { take_events(events); });
}

/// 0, or errno.
int StreamSocket::begin_connecting(
    const netemu::Endpoint& to, const std::optional<netemu::IpAddress>& from) {
    sockaddr_storage address{};
    const auto* target = reinterpret_cast<const sockaddr*>(&address); // NOLINT
    if (from) {
        const int on = 1; // the port is chosen by `connect`, which knows both ends (ip(7))
        (void)::setsockopt(socket_.get(), IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
        const auto size = netemu::Endpoint{*from, 0}.to_sockaddr(address);
        if (::bind(socket_.get(), target, size) != 0) {
            return errno;
        }
    }
    const auto size = to.to_sockaddr(address);
    return ::connect(socket_.get(), target, size) != 0 && errno != EINPROGRESS ? errno : 0;
}

void StreamSocket::connect(
    const netemu::Endpoint& to, const std::optional<netemu::IpAddress>& from) {
    const int on = 1;
    (void)::setsockopt(socket_.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    connecting_ = true;
    watched_ = kWantsOut;
    // A connect that fails at once leaves the socket unconnected, which epoll reports as EPOLLHUP:
    // so it is told of in the loop's next turn, as any other failure is.
    if (const int error = begin_connecting(to, from); error != 0) {
        watched_ = 0;
        loop_.add(socket_.get(), kWantsOut, [this, error](std::uint32_t) { fail(error); });
        return;
    }
    loop_.add(socket_.get(), watched_, [this](std::uint32_t events) { take_events(events); });
}

void StreamSocket::end_connecting() {
    if (const int error = pending_error(socket_.get()); error != 0) {
        return fail(error);
    }
    connecting_ = false;
    listener_->on_connected();
    flush();
}

void StreamSocket::take_events(std::uint32_t events) {
    if (connecting_) {
        return end_connecting();
    }
    // EPOLLHUP and EPOLLERR cannot be switched off: whoever has paused gets the rest now.
    if ((events & kBroken) != 0 || ((events & kWantsIn) != 0 && !paused_)) {
        read();
    }
    flush();
}

void StreamSocket::read() {
    if (input_ended_) {
        const int error = pending_error(socket_.get());
        return fail(error != 0 ? error : write_error_);
    }
    std::array<char, kStreamReadBytes> buffer; // NOLINT: filled by recv
    const auto size = ::recv(socket_.get(), buffer.data(), buffer.size(), 0);
    if (size > 0) {
        listener_->on_received({buffer.data(), static_cast<std::size_t>(size)});
    } else if (size == 0 && write_error_ != 0) {
        fail(write_error_); // no FIN: the connection is broken
    } else if (size == 0) {
        input_ended_ = true;
        listener_->on_ended();
    } else if (errno != EAGAIN && errno != EINTR) {
        fail(errno);
    }
}

void StreamSocket::put(std::string_view bytes) {
    if (socket_ && !finishing_ && write_error_ == 0) {
        out_.append(bytes);
        was_full_ = was_full_ || full();
    }
}

void StreamSocket::send(std::string_view bytes) {
    if (!socket_ || connecting_ || finishing_ || write_error_ != 0) {
        return put(bytes);
    }
    write(bytes);
    was_full_ = was_full_ || full();
    watch();
}

void StreamSocket::finish() {
    finishing_ = true;
    flush();
}

void StreamSocket::flush() {
    if (!socket_ || connecting_) {
        return;
    }
    if (!out_.empty()) {
        write({});
    }
    if (out_.empty()) {
        all_sent();
    }
    watch();
    if (was_full_ && !full()) {
        was_full_ = false;
        listener_->on_drained();
    }
}

/// What waits, and `more` behind it, which waits then as far as it is not taken.
void StreamSocket::write(std::string_view more) {
    while (write_error_ == 0 && unsent() + more.size() > 0) {
        std::array<iovec, 2> pieces{piece_of(std::string_view(out_).substr(sent_)), piece_of(more)};
        msghdr message{};
        message.msg_iov = pieces.data();
        message.msg_iovlen = pieces.size();
        const auto size = ::sendmsg(socket_.get(), &message, MSG_NOSIGNAL);
        if (size < 0) {
            if (errno != EAGAIN && errno != EINTR) {
                return write_failed(errno);
            }
            break;
        }
        const auto taken = static_cast<std::size_t>(size);
        sent_total_ += taken;
        const auto of_out = std::min(taken, unsent());
        sent_ += of_out;
        more.remove_prefix(taken - of_out);
    }
    if (sent_ == out_.size()) {
        out_.clear();
        sent_ = 0;
        if (out_.capacity() > kStreamBufferKept) {
            std::string().swap(out_);
        }
    } else if (sent_ > kStreamUnsentMax) {
        out_.erase(0, std::exchange(sent_, 0));
    }
    out_.append(more);
}

void StreamSocket::all_sent() {
    if (!finishing_ || finished_) {
        return;
    }
    finished_ = true;
    if (write_error_ == 0) {
        ::shutdown(socket_.get(), SHUT_WR);
    }
    listener_->on_finished();
}

/// The loop tells of it as EPOLLHUP, when all has been read that the peer had sent before.
void StreamSocket::write_failed(int error) {
    write_error_ = error;
    std::string().swap(out_);
    sent_ = 0;
    ::shutdown(socket_.get(), SHUT_RDWR);
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

void StreamSocket::give_up_after(std::chrono::milliseconds time) {
    const auto ms = static_cast<unsigned>(time.count());
    (void)::setsockopt(socket_.get(), IPPROTO_TCP, TCP_USER_TIMEOUT, &ms, sizeof ms);
}

void StreamSocket::fail(int error) {
    close();
    listener_->on_failed(error);
}

void StreamSocket::close() {
    if (socket_) {
        if (loop_.watches(socket_.get())) {
            loop_.remove(socket_.get());
        }
        socket_.reset();
    }
}

void StreamSocket::abort() {
    if (socket_) {
        const linger at_once{1, 0};
        (void)::setsockopt(socket_.get(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
        close();
    }
}

bool StreamSocket::is_quiet() const {
    char byte = 0;
    return socket_ && !input_ended_ && !finishing_ && write_error_ == 0 && unsent() == 0 &&
           ::recv(socket_.get(), &byte, 1, MSG_PEEK) < 0 && errno == EAGAIN;
}

} // namespace labctl::dataplane
