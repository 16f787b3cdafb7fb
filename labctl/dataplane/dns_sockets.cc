#include "labctl/dataplane/dns_sockets.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

#include <sys/epoll.h>
#include <sys/socket.h>

#include "labctl/dataplane/probe_tasks.h"

namespace labctl::dataplane {

namespace {

const sockaddr* generic(const sockaddr_storage& address) {
    return reinterpret_cast<const sockaddr*>(&address); // NOLINT: of sockets
}

} // namespace

DnsSockets::DnsSockets(
    netemu::EventLoop& loop,
    DnsSocketsListener& listener,
    const std::vector<netemu::Endpoint>& servers,
    std::vector<int> sockets,
    std::uint16_t source_port)
    : loop_(loop), listener_(listener), sockets_(std::move(sockets)), source_port_(source_port) {
    for (const auto& address : servers) {
        servers_.emplace_back().address = address;
    }
}

int DnsSockets::socket_of(std::size_t server, bool tcp) const {
    return sockets_.at(2 * server + (tcp ? 1 : 0));
}

void DnsSockets::stop() {
    for (const int socket : std::exchange(watched_, {})) {
        loop_.remove(socket);
    }
}

void DnsSockets::listen_to(std::size_t at, bool tcp, std::uint32_t events) {
    const int socket = socket_of(at, tcp);
    if (std::find(watched_.begin(), watched_.end(), socket) != watched_.end()) {
        return loop_.modify(socket, events);
    }
    watched_.push_back(socket);
    loop_.add(socket, events, [this, at, tcp](std::uint32_t got) {
        if (listener_.waits()) {
            tcp ? on_tcp(at, got) : on_udp(at, got);
        }
    });
}

// --- what goes

int DnsSockets::send(std::size_t server, bool tcp, std::string_view packet) {
    return tcp ? send_tcp(server, packet) : send_udp(server, packet);
}

int DnsSockets::bind_source(int socket, netemu::Family family) const {
    if (source_port_ == 0) {
        return 0;
    }
    const int on = 1;
    ::setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    const std::uint8_t zeros[16] = {};
    const netemu::Endpoint from{netemu::IpAddress::from_bytes(family, zeros), source_port_};
    sockaddr_storage any{};
    const auto size = from.to_sockaddr(any);
    return ::bind(socket, generic(any), size) == 0 ? 0 : errno;
}

int DnsSockets::connect(int socket, const netemu::Endpoint& address) {
    sockaddr_storage storage{};
    const auto size = address.to_sockaddr(storage);
    return ::connect(socket, generic(storage), size) == 0 || errno == EINPROGRESS ? 0 : errno;
}

int DnsSockets::send_udp(std::size_t at, std::string_view packet) {
    auto& server = servers_[at];
    const int socket = socket_of(at, false);
    if (!server.udp_ready) {
        const auto family = server.address.address.family();
        report_icmp_errors(socket, family == netemu::Family::V6);
        int error = bind_source(socket, family);
        error = error == 0 ? connect(socket, server.address) : error;
        if (error != 0) {
            return error;
        }
        server.udp_ready = true;
        listen_to(at, false, EPOLLIN);
    }
    return ::send(socket, packet.data(), packet.size(), MSG_NOSIGNAL) < 0 ? errno : 0;
}

int DnsSockets::send_tcp(std::size_t at, std::string_view packet) {
    auto& server = servers_[at];
    const int socket = socket_of(at, true);
    server.out += static_cast<char>(packet.size() >> 8U);
    server.out += static_cast<char>(packet.size() & 0xffU);
    server.out += packet;
    if (!server.tcp_connected) {
        // A socket whose connection has ended can be used once more (connect(2), AF_UNSPEC).
        const sockaddr nowhere{AF_UNSPEC, {}};
        const bool used = std::exchange(server.tcp_used, true);
        int error = used ? 0 : bind_source(socket, server.address.address.family());
        if (used) {
            (void)::connect(socket, &nowhere, sizeof nowhere);
        }
        error = error == 0 ? connect(socket, server.address) : error;
        if (error != 0) {
            return error;
        }
        server.tcp_connected = true;
    }
    listen_to(at, true, EPOLLIN | EPOLLOUT);
    return 0;
}

// --- what comes

void DnsSockets::on_udp(std::size_t at, std::uint32_t events) {
    const int socket = socket_of(at, false);
    int error = 0; // what stays in the error queue would be told of for ever
    while (const int next = (events & EPOLLERR) != 0 ? queued_icmp_error(socket) : 0) {
        error = next;
    }
    if (error != 0) {
        return listener_.on_failed(at, error);
    }
    std::array<std::uint8_t, 65536> buffer; // NOLINT: filled by recv
    while (listener_.waits()) {
        const auto size = ::recv(socket, buffer.data(), buffer.size(), 0);
        if (size < 0) {
            const bool later = errno == EAGAIN || errno == EINTR;
            return later ? void() : listener_.on_failed(at, errno);
        }
        listener_.on_packet(at, false, {buffer.data(), static_cast<std::size_t>(size)});
    }
}

void DnsSockets::tcp_failed(std::size_t at, int error_number) {
    auto& server = servers_[at];
    server.tcp_connected = false;
    server.out.clear();
    server.in.clear();
    const int socket = socket_of(at, true);
    loop_.remove(socket);
    std::erase(watched_, socket);
    listener_.on_failed(at, error_number);
}

void DnsSockets::on_tcp(std::size_t at, std::uint32_t events) {
    auto& server = servers_[at];
    const int socket = socket_of(at, true);
    int error = 0;
    socklen_t length = sizeof error;
    ::getsockopt(socket, SOL_SOCKET, SO_ERROR, &error, &length);
    if (error != 0) {
        return tcp_failed(at, error);
    }
    if ((events & EPOLLOUT) != 0 && !server.out.empty()) {
        const auto sent = ::send(socket, server.out.data(), server.out.size(), MSG_NOSIGNAL);
        if (sent < 0 && errno != EAGAIN) {
            return tcp_failed(at, errno);
        }
        server.out.erase(0, sent < 0 ? 0 : static_cast<std::size_t>(sent));
        if (server.out.empty()) {
            listen_to(at, true, EPOLLIN);
        }
    }
    if ((events & (EPOLLIN | EPOLLHUP)) != 0) {
        read_tcp(at);
    }
}

void DnsSockets::read_tcp(std::size_t at) {
    std::array<char, 65536> buffer; // NOLINT: filled by recv
    const auto size = ::recv(socket_of(at, true), buffer.data(), buffer.size(), 0);
    if (size <= 0) {
        const bool later = size < 0 && (errno == EAGAIN || errno == EINTR);
        return later ? void() : tcp_failed(at, size == 0 ? ECONNRESET : errno);
    }
    auto& in = servers_[at].in;
    in.append(buffer.data(), static_cast<std::size_t>(size));
    while (listener_.waits() && in.size() >= 2) {
        const auto bytes = dns::as_bytes(in);
        const auto wanted = static_cast<std::size_t>(bytes[0]) << 8U | bytes[1];
        if (in.size() < wanted + 2) {
            return;
        }
        const auto packet = in.substr(2, wanted);
        in.erase(0, wanted + 2);
        listener_.on_packet(at, true, dns::as_bytes(packet));
    }
}

} // namespace labctl::dataplane
