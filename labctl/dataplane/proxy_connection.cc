#include "labctl/dataplane/proxy_connection.h"

#include <array>
#include <cerrno>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>

namespace labctl::dataplane {
namespace {

constexpr std::size_t kCopyBytes = 64U << 10U;
constexpr int kCopiesPerTurn = 8; // so that one connection does not keep the others waiting

bool would_block() {
    return errno == EAGAIN || errno == EINTR;
}

} // namespace

ProxyConnection::ProxyConnection(
    netemu::EventLoop& loop,
    netemu::UniqueFd client,
    services::UserspaceTries tries,
    NeedSocket need_socket,
    Closed closed)
    : loop_(loop), client_(std::move(client)), tries_(std::move(tries)),
      need_socket_(std::move(need_socket)), closed_(std::move(closed)) {
}

ProxyConnection::~ProxyConnection() {
    stop_watching();
}

void ProxyConnection::stop_watching() {
    loop_.cancel(timer_);
    watch(client_.get(), client_watched_, 0);
    watch(backend_.get(), backend_watched_, 0);
}

void ProxyConnection::finish() {
    if (!finished_) {
        finished_ = true;
        stop_watching();
        client_.reset();
        backend_.reset();
        closed_(*this);
    }
}

void ProxyConnection::begin_try() {
    const auto next = tries_.next();
    if (!next) {
        finish();
        return;
    }
    try_ = *next;
    need_socket_(*this);
}

void ProxyConnection::socket_arrived(netemu::UniqueFd socket) {
    backend_ = std::move(socket);
    if (!backend_) {
        finish();
        return;
    }
    const int on = 1;
    (void)::setsockopt(backend_.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    sockaddr_storage address{};
    const auto size = try_.endpoint.to_sockaddr(address);
    const auto* target = reinterpret_cast<const sockaddr*>(&address); // NOLINT
    if (::connect(backend_.get(), target, size) != 0 && errno != EINPROGRESS) {
        try_failed();
        return;
    }
    timer_ = loop_.after(try_.timeout, [this] { try_failed(); });
    backend_watched_ = true;
    loop_.add(backend_.get(), EPOLLOUT, [this](std::uint32_t events) { connected(events); });
}

void ProxyConnection::connected(std::uint32_t /*events*/) {
    int error = 0;
    socklen_t size = sizeof error;
    if (::getsockopt(backend_.get(), SOL_SOCKET, SO_ERROR, &error, &size) != 0 || error != 0) {
        try_failed();
        return;
    }
    loop_.cancel(timer_);
    watch(backend_.get(), backend_watched_, 0);
    copy_both(0);
}

void ProxyConnection::try_failed() {
    loop_.cancel(timer_);
    watch(backend_.get(), backend_watched_, 0);
    backend_.reset();
    begin_try();
}

/// False when the connection is broken.
bool ProxyConnection::copy(int from, int to, Half& half) {
    static thread_local std::array<char, kCopyBytes> buffer;
    for (int i = 0; i < kCopiesPerTurn; ++i) {
        if (half.waiting.empty() && !half.ended) {
            const auto size = ::recv(from, buffer.data(), buffer.size(), 0);
            if (size < 0) {
                return would_block();
            }
            half.ended = size == 0;
            half.waiting.assign(buffer.data(), static_cast<std::size_t>(size));
        }
        if (!half.waiting.empty()) {
            const auto sent = ::send(to, half.waiting.data(), half.waiting.size(), MSG_NOSIGNAL);
            if (sent < 0) {
                return would_block();
            }
            half.waiting.erase(0, static_cast<std::size_t>(sent));
        }
        if (half.ended && half.waiting.empty()) {
            if (!half.passed_on) {
                half.passed_on = true;
                (void)::shutdown(to, SHUT_WR);
            }
            return true;
        }
    }
    return true;
}

void ProxyConnection::copy_both(std::uint32_t events) {
    if ((events & EPOLLERR) != 0 || !copy(client_.get(), backend_.get(), to_backend_) ||
        !copy(backend_.get(), client_.get(), to_client_) ||
        (to_backend_.passed_on && to_client_.passed_on)) {
        finish();
        return;
    }
    const auto wanted = [](const Half& in, const Half& out) {
        const std::uint32_t reads = in.waiting.empty() && !in.ended ? EPOLLIN : 0U;
        return reads | (out.waiting.empty() ? 0U : EPOLLOUT);
    };
    watch(client_.get(), client_watched_, wanted(to_backend_, to_client_));
    watch(backend_.get(), backend_watched_, wanted(to_client_, to_backend_));
}

/// A socket that nothing is expected of is not watched at all: its hang-up would be told for ever.
void ProxyConnection::watch(int socket, bool& watched, std::uint32_t events) {
    if (events == 0) {
        if (watched) {
            loop_.remove(socket);
        }
    } else if (watched) {
        loop_.modify(socket, events);
    } else {
        loop_.add(socket, events, [this](std::uint32_t happened) { copy_both(happened); });
    }
    watched = events != 0;
}

} // namespace labctl::dataplane
