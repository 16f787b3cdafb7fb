#include "dns/tcp_service.h"

#include <array>
#include <cerrno>

#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "dns/server.h"
#include "netemu/base/error.h"
#include "netemu/base/process.h"

namespace dns {
namespace {

constexpr std::size_t kLengthBytes = 2;
constexpr std::size_t kReadBytes = 16384;

} // namespace

class TcpService::Replies : public ReplyMaker {
public:
    Replies(TcpService& service, const std::shared_ptr<Connection>& connection)
        : service_(service), connection_(connection) {}

    Reply later() override {
        ++connection_->waiting;
        return [&service = service_,
                weak = std::weak_ptr(connection_)](Bytes answer, Rcode, const Origin&) {
            const auto connection = weak.lock();
            if (!connection || !connection->fd) {
                return;
            }
            --connection->waiting;
            service.queue(*connection, answer);
            if (!connection->corked) {
                service.pump(connection);
            }
        };
    }

private:
    TcpService& service_;
    const std::shared_ptr<Connection>& connection_;
};

TcpService::TcpService(Server& server) : server_(server), output_(limits::kMessageBytesMax) {
}

TcpService::~TcpService() {
    for (const auto& [fd, listener] : listeners_) {
        server_.loop_.remove(fd);
    }
    while (!connections_.empty()) {
        const auto connection = connections_.begin()->second;
        close(*connection);
    }
}

int TcpService::add(netemu::UniqueFd listener) {
    const int number = listener.get();
    netemu::set_nonblocking(number);
    server_.loop_.add(
        number, EPOLLIN, [this, number](std::uint32_t /*events*/) { accept(number); });
    listeners_[number] = {
        std::move(listener), std::make_unique<netemu::Acceptor>(server_.loop_, number)};
    return number;
}

void TcpService::remove(int listener) {
    if (listeners_.contains(listener)) {
        server_.loop_.remove(listener);
        listeners_.erase(listener);
    }
}

void TcpService::accept(int listener) {
    constexpr int kTurnMax = 64;
    for (int i = 0; i < kTurnMax && listeners_.contains(listener); ++i) {
        auto accepted = listeners_.at(listener).acceptor->next();
        if (!accepted) {
            return;
        }
        if (connections_.size() >= server_.options_.tcp_connections_max) {
            ++server_.counters_.tcp_refused;
            continue;
        }
        ++server_.counters_.tcp_connections;
        auto connection = std::make_shared<Connection>();
        const int number = accepted->socket.get();
        connection->fd = std::move(accepted->socket);
        connection->peer = accepted->client;
        connection->last_used = netemu::Clock::now();
        connection->watched = EPOLLIN;
        connections_[number] = connection;
        server_.loop_.add(number, EPOLLIN, [this, connection](std::uint32_t events) {
            event(connection, events);
        });
        arm(connection);
    }
}

void TcpService::arm(const std::shared_ptr<Connection>& connection) {
    const auto deadline = connection->last_used + server_.options_.tcp_idle;
    connection->timer = server_.loop_.at(deadline, [this, weak = std::weak_ptr(connection)]() {
        const auto alive = weak.lock();
        if (!alive || !alive->fd) {
            return;
        }
        alive->timer = 0;
        const bool idle = netemu::Clock::now() - alive->last_used >= server_.options_.tcp_idle;
        if (idle && alive->waiting == 0) {
            close(*alive);
            return;
        }
        if (idle) { // waits for an upstream, which has a time limit of its own
            alive->last_used = netemu::Clock::now();
        }
        arm(alive);
    });
}

void TcpService::event(const std::shared_ptr<Connection>& connection, std::uint32_t events) {
    if (!connection->fd) {
        return;
    }
    if ((events & (EPOLLIN | EPOLLERR | EPOLLHUP)) != 0 && !read(connection)) {
        return;
    }
    pump(connection);
}

void TcpService::pump(const std::shared_ptr<Connection>& connection) {
    // Queries that wait behind a full output buffer bring no event of their own; while something is
    // unsent, EPOLLOUT does.
    bool more = true;
    while (more) {
        const bool had_room = connection->unsent.size() < limits::kTcpUnsentBytesMax;
        const auto before = connection->input.size();
        take_queries(connection);
        flush(connection);
        const bool progress = connection->input.size() < before || !had_room;
        more = connection->fd && connection->unsent.empty() && progress;
    }
}

bool TcpService::read(const std::shared_ptr<Connection>& connection) {
    std::array<char, kReadBytes> bytes; // NOLINT: written before it is read
    const auto size = ::recv(connection->fd.get(), bytes.data(), bytes.size(), 0);
    if (size < 0) {
        const bool wait = errno == EAGAIN || errno == EINTR;
        if (!wait) {
            close(*connection);
        }
        return wait;
    }
    if (size == 0) {
        connection->finished = true;
        return true;
    }
    connection->input.append(bytes.data(), static_cast<std::size_t>(size));
    // Only a whole query proves that somebody is there who wants something.
    return true;
}

void TcpService::take_queries(const std::shared_ptr<Connection>& connection) {
    connection->corked = true;
    std::size_t at = 0;
    const auto& input = connection->input;
    while (connection->waiting < limits::kTcpPipelineMax &&
           connection->unsent.size() < limits::kTcpUnsentBytesMax) {
        if (at + kLengthBytes > input.size()) {
            break;
        }
        const auto length = static_cast<std::size_t>(
            static_cast<std::uint8_t>(input[at]) << 8U | static_cast<std::uint8_t>(input[at + 1]));
        if (at + kLengthBytes + length > input.size()) {
            break;
        }
        const Bytes packet(
            reinterpret_cast<const std::uint8_t*>(&input[at + kLengthBytes]), length); // NOLINT
        at += kLengthBytes + length;
        connection->last_used = server_.batch_start_ = netemu::Clock::now();
        Replies replies(*this, connection);
        Client client{connection->peer, Transport::Tcp, 0};
        const auto waiting = connection->waiting;
        const auto handled = server_.answer(packet, client, output_, replies);
        if (handled.size > 0) {
            server_.counters_.duration(netemu::Clock::now() - server_.batch_start_, 1);
            queue(*connection, Bytes(output_).first(handled.size));
        } else if (connection->waiting == waiting && length < limits::kHeaderBytes) {
            connection->finished = true; // not DNS at all
            at = input.size();
        }
    }
    connection->input.erase(0, at);
    connection->corked = false;
}

void TcpService::queue(Connection& connection, Bytes answer) {
    // Length and message leave together (RFC 7766 section 8).
    connection.unsent += static_cast<char>(answer.size() >> 8U);
    connection.unsent += static_cast<char>(answer.size());
    connection.unsent.append(reinterpret_cast<const char*>(answer.data()), answer.size()); // NOLINT
}

void TcpService::flush(const std::shared_ptr<Connection>& connection) {
    auto& unsent = connection->unsent;
    if (!unsent.empty()) {
        const auto sent =
            ::send(connection->fd.get(), unsent.data(), unsent.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
        if (sent < 0 && errno != EAGAIN && errno != EINTR) {
            close(*connection);
            return;
        }
        unsent.erase(0, sent > 0 ? static_cast<std::size_t>(sent) : 0);
    }
    if (connection->finished && unsent.empty() && connection->waiting == 0) {
        close(*connection);
        return;
    }
    rewatch(*connection);
}

void TcpService::rewatch(Connection& connection) {
    const bool full = connection.waiting >= limits::kTcpPipelineMax ||
                      connection.unsent.size() >= limits::kTcpUnsentBytesMax;
    std::uint32_t wanted = connection.unsent.empty() ? 0U : EPOLLOUT;
    if (!full && !connection.finished) {
        wanted |= EPOLLIN;
    }
    if (wanted != connection.watched) {
        connection.watched = wanted;
        server_.loop_.modify(connection.fd.get(), wanted);
    }
}

void TcpService::close(Connection& connection) {
    const int number = connection.fd.get();
    if (number < 0) {
        return;
    }
    server_.loop_.cancel(connection.timer);
    server_.loop_.remove(number);
    connection.fd.reset();
    connections_.erase(number); // the caller holds the object
}

} // namespace dns
