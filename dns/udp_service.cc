#include "dns/udp_service.h"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include <sys/epoll.h>

#include "dns/server.h"
#include "netemu/base/error.h"
#include "netemu/base/packet_info.h"
#include "netemu/base/process.h"

namespace dns {
namespace {

using netemu::check_syscall;

sockaddr* raw_address(sockaddr_storage& storage) {
    return reinterpret_cast<sockaddr*>(&storage); // NOLINT
}

} // namespace

/// Keeps what a late answer needs: the socket, the peer and the ancillary data.
class UdpService::Replies : public ReplyMaker {
public:
    Replies(const std::shared_ptr<Socket>& socket, msghdr& message)
        : socket_(socket), message_(message) {}

    Reply later() override {
        std::string peer(static_cast<const char*>(message_.msg_name), message_.msg_namelen);
        std::string control(
            static_cast<const char*>(message_.msg_control), message_.msg_controllen);
        return [weak = std::weak_ptr(socket_), peer, control](
                   Bytes answer, Rcode, const Origin&) mutable {
            const auto socket = weak.lock();
            if (!socket) {
                return;
            }
            iovec vector{const_cast<std::uint8_t*>(answer.data()), answer.size()}; // NOLINT
            msghdr message{};
            message.msg_name = peer.data();
            message.msg_namelen = static_cast<socklen_t>(peer.size());
            message.msg_iov = &vector;
            message.msg_iovlen = 1;
            message.msg_control = control.empty() ? nullptr : control.data();
            message.msg_controllen = control.size();
            (void)::sendmsg(socket->fd.get(), &message, MSG_DONTWAIT | MSG_NOSIGNAL);
        };
    }

private:
    const std::shared_ptr<Socket>& socket_;
    msghdr& message_;
};

UdpService::UdpService(Server& server)
    : server_(server), input_(limits::kUdpBatch * limits::kUdpQueryBytesMax),
      output_bytes_(
          std::max(server.options_.udp_bytes_max, limits::kUdpBytesMin) + limits::kNameBytesMax) {
    output_.resize(limits::kUdpBatch * output_bytes_);
    for (std::size_t i = 0; i < limits::kUdpBatch; ++i) {
        in_vectors_.at(i) = {&input_[i * limits::kUdpQueryBytesMax], limits::kUdpQueryBytesMax};
        in_.at(i).msg_hdr.msg_iov = &in_vectors_.at(i);
        in_.at(i).msg_hdr.msg_iovlen = 1;
        in_.at(i).msg_hdr.msg_name = &peers_.at(i);
    }
}

UdpService::~UdpService() {
    for (const auto& [fd, socket] : sockets_) {
        server_.loop_.remove(fd);
    }
}

int UdpService::add(netemu::UniqueFd fd) {
    sockaddr_storage bound{};
    socklen_t size = sizeof bound;
    const int number = fd.get();
    check_syscall(
        "ask where a DNS socket is bound", ::getsockname(number, raw_address(bound), &size));
    netemu::set_nonblocking(number);
    auto socket = std::make_shared<Socket>();
    socket->any = netemu::Endpoint::from_sockaddr(bound).address.is_unspecified();
    if (socket->any) {
        netemu::request_packet_info(number, bound.ss_family == AF_INET6);
    }
    socket->fd = std::move(fd);
    sockets_[number] = socket;
    server_.loop_.add(
        number, EPOLLIN, [this, socket](std::uint32_t /*events*/) { readable(socket); });
    return number;
}

void UdpService::remove(int socket) {
    if (sockets_.contains(socket)) {
        server_.loop_.remove(socket);
        sockets_.erase(socket);
    }
}

void UdpService::readable(const std::shared_ptr<Socket>& socket) {
    for (std::size_t round = 0; round < limits::kUdpRoundsMax && batch(socket); ++round) {
    }
}

void UdpService::prepare(std::size_t index, bool any) {
    auto& header = in_[index].msg_hdr; // NOLINT: index < kUdpBatch
    header.msg_namelen = sizeof(sockaddr_storage);
    header.msg_flags = 0;
    header.msg_control = any ? &controls_[index] : nullptr; // NOLINT
    header.msg_controllen = any ? sizeof(Control) : 0;
}

bool UdpService::batch(const std::shared_ptr<Socket>& socket) {
    // Only what the last batch has written over: under little load that is one of 64.
    const auto used = socket->any == used_by_any_ ? used_ : limits::kUdpBatch;
    for (std::size_t i = 0; i < used; ++i) {
        prepare(i, socket->any);
    }
    used_by_any_ = socket->any;
    used_ = 0;
    const int count =
        ::recvmmsg(socket->fd.get(), in_.data(), limits::kUdpBatch, MSG_DONTWAIT, nullptr);
    if (count <= 0) { // nothing there, or the error of an earlier reply
        return count < 0 && errno == ECONNREFUSED;
    }
    const auto start = netemu::Clock::now();
    server_.batch_start_ = start;
    const auto received = static_cast<std::size_t>(count);
    used_ = received;
    if (received > 1) {
        expect(received);
    }
    std::size_t answers = 0;
    for (std::size_t i = 0; i < received; ++i) {
        auto& header = in_.at(i).msg_hdr;
        if ((header.msg_flags & MSG_TRUNC) != 0) {
            ++server_.counters_.dropped;
            continue;
        }
        if (socket->any) {
            netemu::turn_packet_info(header);
        }
        auto* out = &output_[answers * output_bytes_];
        Replies replies(socket, header);
        Client client{netemu::Endpoint::from_sockaddr(peers_.at(i)), Transport::Udp, 0};
        const Bytes packet(&input_[i * limits::kUdpQueryBytesMax], in_.at(i).msg_len);
        const auto handled = server_.answer(packet, client, {out, output_bytes_}, replies);
        if (handled.size > 0) {
            out_vectors_.at(answers) = {out, handled.size};
            auto& reply = out_.at(answers).msg_hdr;
            reply = header;
            reply.msg_iov = &out_vectors_.at(answers);
            ++answers;
        }
    }
    send(socket->fd.get(), answers);
    if (answers > 0) {
        server_.counters_.duration(netemu::Clock::now() - start, answers);
    }
    return received == limits::kUdpBatch;
}

void UdpService::expect(std::size_t count) {
    std::array<Bytes, limits::kUdpBatch> packets;
    for (std::size_t i = 0; i < count; ++i) {
        packets.at(i) = {&input_[i * limits::kUdpQueryBytesMax], in_.at(i).msg_len};
    }
    server_.handler_.expect(std::span(packets).first(count));
}

void UdpService::send(int fd, std::size_t count) {
    std::size_t sent = 0;
    while (sent < count) {
        const int done = ::sendmmsg(
            fd, &out_.at(sent), static_cast<unsigned>(count - sent), MSG_DONTWAIT | MSG_NOSIGNAL);
        // What the network does not take is lost, as datagrams are; the next may go elsewhere.
        sent += done > 0 ? static_cast<std::size_t>(done) : 1;
    }
}

} // namespace dns
