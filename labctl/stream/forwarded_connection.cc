#include "labctl/stream/forwarded_connection.h"

#include <array>
#include <cerrno>
#include <utility>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "netemu/base/error.h"

namespace labctl::stream {

ForwardedConnection::ForwardedConnection(
    netemu::EventLoop& loop, std::uint16_t port, Handlers handlers)
    : loop_(loop), port_(port), handlers_(std::move(handlers)) {
}

ForwardedConnection::~ForwardedConnection() {
    forget_socket();
}

void ForwardedConnection::connect() {
    if (!try_connect(false)) {
        refused(errno);
    }
}

/// Nobody listens where it was tried.
void ForwardedConnection::refused(int error) {
    first_error_ = over_ipv6_ ? first_error_ : error;
    if (over_ipv6_ || !try_connect(true)) {
        close(
            "connect to 127.0.0.1:" + std::to_string(port_) + ": " +
            netemu::errno_text(first_error_));
    }
}

/// Whether a connection is made or on its way; errno otherwise.
bool ForwardedConnection::try_connect(bool over_ipv6) {
    forget_socket();
    over_ipv6_ = over_ipv6;
    fd_.reset(
        ::socket(over_ipv6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    if (!fd_) {
        return false;
    }
    sockaddr_in ipv4{};
    ipv4.sin_family = AF_INET;
    ipv4.sin_port = htons(port_);
    ipv4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    sockaddr_in6 ipv6{};
    ipv6.sin6_family = AF_INET6;
    ipv6.sin6_port = htons(port_);
    ipv6.sin6_addr = in6addr_loopback;
    const auto* address = over_ipv6 ? reinterpret_cast<const sockaddr*>(&ipv6)
                                    : reinterpret_cast<const sockaddr*>(&ipv4);
    if (::connect(fd_.get(), address, over_ipv6 ? sizeof ipv6 : sizeof ipv4) != 0 &&
        errno != EINPROGRESS) {
        return false;
    }
    loop_.add(fd_.get(), EPOLLOUT, [this](std::uint32_t events) { on_event(events); });
    return true;
}

void ForwardedConnection::on_event(std::uint32_t events) {
    if (state_ == State::Connecting) {
        connected();
        return;
    }
    if ((events & EPOLLOUT) != 0) {
        write_some();
    }
    if (state_ == State::Open && (events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0) {
        read_some();
    }
}

void ForwardedConnection::connected() {
    if (const int error = take_error(); error != 0) {
        refused(error);
        return;
    }
    state_ = State::Open;
    write_some();
}

int ForwardedConnection::take_error() const {
    int error = 0;
    socklen_t size = sizeof error;
    return ::getsockopt(fd_.get(), SOL_SOCKET, SO_ERROR, &error, &size) == 0 ? error : errno;
}

void ForwardedConnection::read_some() {
    if (output_ended_) {
        close({}); // reset: what was written is lost, and nobody is there to be told
        return;
    }
    if (!reads_) {
        return;
    }
    std::array<char, 64U << 10U> buffer{};
    const auto size = ::recv(fd_.get(), buffer.data(), buffer.size(), MSG_DONTWAIT);
    if (size > 0) {
        handlers_.output({buffer.data(), static_cast<std::size_t>(size)});
    } else if (size == 0) {
        output_ended_ = true;
        handlers_.end_of_output();
        input_ended_&& input_.empty() ? close({}) : watch();
    } else if (errno != EAGAIN && errno != EINTR) {
        close({});
    }
}

void ForwardedConnection::input(std::string_view bytes) {
    if (state_ != State::Closed && !input_ended_) {
        input_.append(bytes);
        write_some();
    }
}

void ForwardedConnection::end_input() {
    if (state_ != State::Closed && !std::exchange(input_ended_, true)) {
        write_some();
    }
}

void ForwardedConnection::write_some() {
    if (state_ != State::Open) {
        return;
    }
    const bool was_full = full();
    std::size_t done = 0;
    while (done < input_.size()) {
        const auto size = ::send(
            fd_.get(), input_.data() + done, input_.size() - done, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (size < 0 && errno == EAGAIN) {
            break;
        }
        if (size < 0 && errno != EINTR) {
            close({});
            return;
        }
        done += static_cast<std::size_t>(size > 0 ? size : 0);
    }
    input_.erase(0, done);
    if (input_.empty() && input_ended_) {
        ::shutdown(fd_.get(), SHUT_WR);
        if (output_ended_) {
            close({});
            return;
        }
    }
    watch();
    if (was_full && !full()) {
        handlers_.input_taken();
    }
}

void ForwardedConnection::read_output(bool reads) {
    if (reads_ != reads) {
        reads_ = reads;
        watch();
    }
}

/// A socket whose both halves have ended is told of without end, so what is not read is not watched
/// at all.
void ForwardedConnection::watch() {
    if (state_ != State::Open) {
        return;
    }
    const std::uint32_t events = (reads_ && !output_ended_ ? std::uint32_t{EPOLLIN} : 0U) |
                                 (input_.empty() ? 0U : std::uint32_t{EPOLLOUT});
    const bool watched = loop_.watches(fd_.get());
    if (events == 0 && !reads_) {
        loop_.remove(fd_.get());
    } else if (watched) {
        loop_.modify(fd_.get(), events);
    } else {
        loop_.add(fd_.get(), events, [this](std::uint32_t now) { on_event(now); });
    }
}

void ForwardedConnection::close(const std::string& error) {
    if (std::exchange(state_, State::Closed) != State::Closed) {
        forget_socket();
        input_.clear();
        handlers_.closed(error);
    }
}

void ForwardedConnection::forget_socket() {
    if (fd_) {
        loop_.remove(fd_.get());
        fd_.reset();
    }
}

} // namespace labctl::stream
