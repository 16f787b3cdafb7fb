// Load for a tunnel, without iperf3 or privileges: run in the namespaces of two pods (labctl exec).
//
//   bench_tunnel sink PORT                     receives TCP and UDP on PORT until it is told to end
//   bench_tunnel tcp ADDRESS PORT SECONDS      prints {"mbit": N}
//   bench_tunnel udp ADDRESS PORT SECONDS N    N bytes each; prints {"sent": N, "received": N,
//   "pps": N}
//
// The sink answers "?" by TCP with the number of datagrams that it has seen.

#include <array>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <iostream>
#include <string>
#include <vector>

#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "netemu/base/address.h"
#include "netemu/base/error.h"
#include "netemu/base/unique_fd.h"

namespace {

using netemu::check_syscall;
using netemu::UniqueFd;
using Clock = std::chrono::steady_clock;

constexpr std::size_t kDatagramsAtOnce = 64;

UniqueFd make_socket(int domain, int type) {
    return UniqueFd(check_syscall("socket", ::socket(domain, type | SOCK_CLOEXEC, 0)));
}

UniqueFd connect_to(const char* address, const char* port, int type) {
    const netemu::Endpoint to{
        *netemu::IpAddress::parse(address), static_cast<std::uint16_t>(std::atoi(port))};
    auto socket = make_socket(to.address.af(), type);
    sockaddr_storage storage{};
    const auto size = to.to_sockaddr(storage);
    check_syscall(
        "connect",
        ::connect(socket.get(), reinterpret_cast<const sockaddr*>(&storage), size)); // NOLINT
    return socket;
}

std::uint64_t ask_sink(const char* address, const char* port) {
    const auto socket = connect_to(address, port, SOCK_STREAM);
    check_syscall("ask", static_cast<int>(::send(socket.get(), "?", 1, 0)));
    std::uint64_t seen = 0;
    check_syscall(
        "answer", static_cast<int>(::recv(socket.get(), &seen, sizeof seen, MSG_WAITALL)));
    return seen;
}

UniqueFd listen_on(int type, std::uint16_t port) {
    auto socket = make_socket(AF_INET6, type);
    const int on = 1;
    const int bytes = 16 << 20;
    (void)::setsockopt(socket.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    (void)::setsockopt(socket.get(), SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof bytes);
    sockaddr_in6 any{};
    any.sin6_family = AF_INET6;
    any.sin6_port = htons(port);
    check_syscall(
        "bind",
        ::bind(socket.get(), reinterpret_cast<const sockaddr*>(&any), sizeof any)); // NOLINT
    if (type == SOCK_STREAM) {
        check_syscall("listen", ::listen(socket.get(), 8));
    }
    return socket;
}

/// Takes what there is; returns how many datagrams.
std::uint64_t drain_datagrams(int socket) {
    static std::array<std::array<char, 2048>, kDatagramsAtOnce> buffers;
    std::array<iovec, kDatagramsAtOnce> data{};
    std::array<mmsghdr, kDatagramsAtOnce> messages{};
    for (std::size_t i = 0; i < kDatagramsAtOnce; ++i) {
        data.at(i) = {buffers.at(i).data(), buffers.at(i).size()};
        messages.at(i).msg_hdr.msg_iov = &data.at(i);
        messages.at(i).msg_hdr.msg_iovlen = 1;
    }
    const int count = ::recvmmsg(socket, messages.data(), kDatagramsAtOnce, MSG_DONTWAIT, nullptr);
    return count > 0 ? static_cast<std::uint64_t>(count) : 0;
}

[[noreturn]] void serve_sink(std::uint16_t port) {
    const auto udp = listen_on(SOCK_DGRAM, port);
    const auto tcp = listen_on(SOCK_STREAM, port);
    std::vector<pollfd> watched{{udp.get(), POLLIN, 0}, {tcp.get(), POLLIN, 0}};
    std::vector<char> buffer(1U << 20U);
    std::uint64_t datagrams = 0;
    std::cout << "ready" << std::endl;
    for (;;) {
        check_syscall("poll", ::poll(watched.data(), watched.size(), -1));
        if (watched[0].revents != 0) {
            datagrams += drain_datagrams(udp.get());
        }
        if (watched[1].revents != 0) {
            const int client = ::accept4(tcp.get(), nullptr, nullptr, SOCK_CLOEXEC);
            watched.push_back({client, POLLIN, 0});
        }
        for (std::size_t i = 2; i < watched.size(); ++i) {
            if (watched[i].revents == 0) {
                continue;
            }
            const auto size = ::recv(watched[i].fd, buffer.data(), buffer.size(), MSG_DONTWAIT);
            if (size == 1 && buffer[0] == '?') {
                (void)::send(watched[i].fd, &datagrams, sizeof datagrams, MSG_NOSIGNAL);
            } else if (size <= 0) {
                ::close(watched[i].fd);
                watched.erase(watched.begin() + static_cast<std::ptrdiff_t>(i));
                break;
            }
        }
    }
}

void load_tcp(const char* address, const char* port, double seconds) {
    const auto socket = connect_to(address, port, SOCK_STREAM);
    const std::vector<char> data(1U << 17U);
    const auto start = Clock::now();
    std::uint64_t bytes = 0;
    double elapsed = 0;
    while (elapsed < seconds) {
        bytes += static_cast<std::uint64_t>(check_syscall(
            "send", static_cast<int>(::send(socket.get(), data.data(), data.size(), 0))));
        elapsed = std::chrono::duration<double>(Clock::now() - start).count();
    }
    std::cout << "{\"mbit\": " << static_cast<double>(bytes) * 8 / elapsed / 1e6 << "}\n";
}

void load_udp(const char* address, const char* port, double seconds, std::size_t size) {
    const auto socket = connect_to(address, port, SOCK_DGRAM);
    const auto before = ask_sink(address, port);
    std::vector<char> data(size);
    std::array<iovec, kDatagramsAtOnce> pieces{};
    std::array<mmsghdr, kDatagramsAtOnce> messages{};
    for (std::size_t i = 0; i < kDatagramsAtOnce; ++i) {
        pieces.at(i) = {data.data(), data.size()};
        messages.at(i).msg_hdr.msg_iov = &pieces.at(i);
        messages.at(i).msg_hdr.msg_iovlen = 1;
    }
    const auto start = Clock::now();
    std::uint64_t sent = 0;
    double elapsed = 0;
    while (elapsed < seconds) {
        const int count = ::sendmmsg(socket.get(), messages.data(), kDatagramsAtOnce, 0);
        sent += count > 0 ? static_cast<std::uint64_t>(count) : 0;
        elapsed = std::chrono::duration<double>(Clock::now() - start).count();
    }
    const auto received = ask_sink(address, port) - before;
    std::cout << "{\"sent\": " << sent << ", \"received\": " << received
              << ", \"pps\": " << static_cast<double>(received) / elapsed << "}\n";
}

} // namespace

int main(int argc, char** argv) {
    const std::vector<const char*> words(argv, argv + argc);
    try {
        const std::string what = argc > 2 ? words.at(1) : "";
        if (what == "sink") {
            serve_sink(static_cast<std::uint16_t>(std::atoi(words.at(2))));
        }
        if (what == "tcp") {
            load_tcp(words.at(2), words.at(3), std::atof(words.at(4)));
            return 0;
        }
        if (what == "udp") {
            load_udp(
                words.at(2),
                words.at(3),
                std::atof(words.at(4)),
                static_cast<std::size_t>(std::atoi(words.at(5))));
            return 0;
        }
        std::cerr << "usage: bench_tunnel sink PORT | tcp ADDRESS PORT SECONDS | udp ADDRESS PORT "
                     "SECONDS BYTES\n";
        return 2;
    } catch (const std::exception& error) {
        std::cerr << "bench_tunnel: " << error.what() << "\n";
        return 1;
    }
}
