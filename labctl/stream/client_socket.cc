#include "labctl/stream/client_socket.h"

#include <array>
#include <cerrno>

#include <sys/epoll.h>
#include <sys/socket.h>

#include "netemu/base/process.h"

namespace labctl::stream {

ClientSocket::ClientSocket(netemu::EventLoop& loop, netemu::UniqueFd fd, const std::string& unread)
    : loop_(loop), fd_(std::move(fd)) {
    netemu::set_nonblocking(fd_.get());
    if (!unread.empty()) {
        loop_.after(std::chrono::microseconds(0), [this, unread] {
            if (!ended_ && !finishing_) {
                handlers_.input(unread);
            }
        });
    }
    loop_.add(fd_.get(), EPOLLIN | EPOLLRDHUP, [this](std::uint32_t events) { on_event(events); });
}

ClientSocket::~ClientSocket() {
    if (!ended_) {
        loop_.remove(fd_.get());
    }
}

void ClientSocket::on_event(std::uint32_t events) {
    if ((events & EPOLLOUT) != 0) {
        const bool was_congested = congested();
        write_some();
        if (was_congested && !congested() && !ended_ && !finishing_ && handlers_.room) {
            handlers_.room();
        }
    }
    if (!ended_ && (events & EPOLLIN) != 0 && (!paused_ || finishing_)) {
        read_some();
    } else if (!ended_ && (events & (EPOLLHUP | EPOLLERR | EPOLLRDHUP)) != 0) {
        end(); // nobody is there to read the answer, or to be waited for
    }
}

void ClientSocket::read_some() {
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
    }
}

void ClientSocket::finish() {
    if (ended_ || finishing_) {
        return;
    }
    finishing_ = true;
    linger();
    write_some();
}

void ClientSocket::linger() {
    loop_.cancel(timer_);
    timer_ = loop_.after(std::chrono::seconds(kLingerSeconds), [this] { end(); });
}

void ClientSocket::end() {
    if (ended_) {
        return;
    }
    ended_ = true;
    loop_.cancel(timer_);
    loop_.remove(fd_.get());
    handlers_.gone();
}

} // namespace labctl::stream
