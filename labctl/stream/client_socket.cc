#include "labctl/stream/client_socket.h"

#include <array>
#include <cerrno>
#include <utility>

#include <sys/epoll.h>
#include <sys/socket.h>

#include "netemu/base/process.h"

namespace labctl::stream {

ClientSocket::ClientSocket(netemu::EventLoop& loop, netemu::UniqueFd fd, std::string unread)
    : loop_(loop), fd_(std::move(fd)), unread_(std::move(unread)) {
    netemu::set_nonblocking(fd_.get());
    loop_.add(fd_.get(), EPOLLIN | EPOLLRDHUP, [this](std::uint32_t events) { on_event(events); });
    come_back_soon();
}

ClientSocket::~ClientSocket() {
    loop_.cancel(soon_);
    loop_.cancel(timer_);
    if (!ended_) {
        loop_.remove(fd_.get());
    }
}

/// For what nothing but this has to tell the loop of.
void ClientSocket::come_back_soon() {
    loop_.cancel(soon_);
    soon_ = loop_.after(std::chrono::microseconds(0), [this] { on_soon(); });
}

void ClientSocket::on_soon() {
    if (ended_) {
        handlers_.gone();
        return;
    }
    tell_room();
    if (!unread_.empty() && !paused_) {
        take_unread();
    }
}

void ClientSocket::tell_room() {
    if (owes_room_ && !congested() && !ended_ && !finishing_) {
        owes_room_ = false;
        handlers_.room();
    }
}

void ClientSocket::take_unread() {
    const auto bytes = std::exchange(unread_, {});
    handlers_.input(bytes);
}

void ClientSocket::on_event(std::uint32_t events) {
    if ((events & EPOLLOUT) != 0) {
        write_some();
        tell_room();
    }
    if (!ended_ && (events & EPOLLIN) != 0 && (!paused_ || finishing_)) {
        read_some();
    } else if (!ended_ && (events & (EPOLLHUP | EPOLLERR | EPOLLRDHUP)) != 0) {
        end(); // nobody is there to read the answer, or to be waited for
    }
}

void ClientSocket::read_some() {
    if (!unread_.empty()) {
        take_unread(); // what is in the socket comes behind it
        return;
    }
    std::array<char, 64U << 10U> buffer{};
    const auto size = ::recv(fd_.get(), buffer.data(), buffer.size(), MSG_DONTWAIT);
    if (size == 0 || (size < 0 && errno != EAGAIN && errno != EINTR)) {
        end();
    } else if (size > 0 && !finishing_) {
        handlers_.input({buffer.data(), static_cast<std::size_t>(size)});
    }
}

void ClientSocket::send(std::string_view bytes) {
    if (ended_ || finishing_ || bytes.empty()) {
        return;
    }
    output_.erase(0, sent_);
    sent_ = 0;
    output_.append(bytes);
    write_some();
    owes_room_ = owes_room_ || congested();
    if (owes_room_ && !congested()) {
        come_back_soon(); // this has drained it, and not the loop
    }
}

void ClientSocket::write_some() {
    bool progress = false;
    while (sent_ < output_.size()) {
        const auto size = ::send(
            fd_.get(), output_.data() + sent_, output_.size() - sent_, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (size < 0 && errno != EINTR) {
            if (errno != EAGAIN) {
                end();
                return;
            }
            break;
        }
        progress = true;
        sent_ += static_cast<std::size_t>(size > 0 ? size : 0);
    }
    if (sent_ == output_.size()) {
        output_.clear();
        sent_ = 0;
        if (finishing_) {
            ::shutdown(fd_.get(), SHUT_WR);
        }
    }
    if (finishing_ && progress) {
        linger();
    }
    watch();
}

void ClientSocket::watch() {
    const bool reads = !paused_ || finishing_;
    loop_.modify(
        fd_.get(),
        std::uint32_t{EPOLLRDHUP} | (reads ? std::uint32_t{EPOLLIN} : 0U) |
            (output_.empty() ? 0U : std::uint32_t{EPOLLOUT}));
}

void ClientSocket::pause(bool paused) {
    if (!ended_ && paused_ != paused) {
        paused_ = paused;
        watch();
        if (!paused_ && !unread_.empty()) {
            come_back_soon();
        }
    }
}

void ClientSocket::finish() {
    if (ended_ || finishing_) {
        return;
    }
    finishing_ = true;
    unread_.clear();
    linger();
    write_some();
}

void ClientSocket::linger() {
    loop_.cancel(timer_);
    timer_ = loop_.after(std::chrono::seconds(kLingerSeconds), [this] { end(); });
}

/// `gone` is told by the loop: not within a call of whoever sends, and not before `handle`.
void ClientSocket::end() {
    if (ended_) {
        return;
    }
    ended_ = true;
    loop_.cancel(timer_);
    loop_.remove(fd_.get());
    unread_.clear();
    output_.clear();
    sent_ = 0;
    come_back_soon();
}

} // namespace labctl::stream
