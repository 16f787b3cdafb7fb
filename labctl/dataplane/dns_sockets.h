#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "dns/message.h"
#include "netemu/base/address.h"
#include "netemu/base/event_loop.h"

/// Private to the room.
namespace labctl::dataplane {

/// Who is told what comes from the servers of a look-up.
class DnsSocketsListener {
public:
    /// Nothing is told from when this is false.
    [[nodiscard]] virtual bool waits() const = 0;
    /// A whole message, as it came.
    virtual void on_packet(std::size_t server, bool tcp, dns::Bytes packet) = 0;
    /// `error_number` is an errno. The connection over TCP has ended; another one may be begun.
    virtual void on_failed(std::size_t server, int error_number) = 0;

protected:
    ~DnsSocketsListener() = default;
};

/// The sockets of a look-up: for each of its servers one for UDP and one for TCP, both connected
/// once something is sent, so that what others send is not heard. Messages over TCP have their
/// length before them (RFC 1035, 4.2.2). Belongs to the loop's thread.
class DnsSockets {
public:
    /// Socket `2 * server` is for UDP, the one behind it for TCP. They are the caller's, as is the
    /// listener, and outlive this. `source_port`: 0 for any.
    DnsSockets(
        netemu::EventLoop& loop,
        DnsSocketsListener& listener,
        const std::vector<netemu::Endpoint>& servers,
        std::vector<int> sockets,
        std::uint16_t source_port);
    DnsSockets(const DnsSockets&) = delete;
    DnsSockets& operator=(const DnsSockets&) = delete;
    ~DnsSockets() { stop(); }

    /// 0, or the errno of what the kernel has refused.
    [[nodiscard]] int send(std::size_t server, bool tcp, std::string_view packet);
    [[nodiscard]] int socket_of(std::size_t server, bool tcp) const;
    /// Hears nothing more.
    void stop();

private:
    struct Server {
        netemu::Endpoint address;
        bool udp_ready = false;
        bool tcp_connected = false; // or about to be
        bool tcp_used = false;
        std::string out;
        std::string in;
    };

    int send_udp(std::size_t at, std::string_view packet);
    int send_tcp(std::size_t at, std::string_view packet);
    [[nodiscard]] int bind_source(int socket, netemu::Family family) const;
    static int connect(int socket, const netemu::Endpoint& address);
    void listen_to(std::size_t at, bool tcp, std::uint32_t events);
    void on_udp(std::size_t at, std::uint32_t events);
    void on_tcp(std::size_t at, std::uint32_t events);
    void read_tcp(std::size_t at);
    void tcp_failed(std::size_t at, int error_number);

    netemu::EventLoop& loop_;
    DnsSocketsListener& listener_;
    std::vector<Server> servers_;
    std::vector<int> sockets_;
    std::uint16_t source_port_;
    std::vector<int> watched_;
};

} // namespace labctl::dataplane
