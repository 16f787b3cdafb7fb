#include "labctl/dataplane/listener.h"

#include <algorithm>
#include <cerrno>
#include <utility>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "labctl/dataplane/datagram.h"
#include "netemu/base/address.h"
#include "netemu/base/error.h"
#include "netemu/base/packet_info.h"

namespace labctl::dataplane {
namespace {

using netemu::check_syscall;
using netemu::UniqueFd;

constexpr int kBacklog = 4096; // the kernel lowers it to net.core.somaxconn

void set_option(int socket, int level, int option, int value) {
    check_syscall(
        "set option " + std::to_string(option) + " of a workload's socket",
        ::setsockopt(socket, level, option, &value, sizeof value));
}

/// Of the family of the port's address; without one a socket of the IPv6 family that serves both,
/// or one of IPv4 where the kernel has no IPv6.
UniqueFd open_for_port(
    const std::string& ns,
    const WorkloadPort& port,
    const SocketFactory& open_socket,
    int& domain) {
    const bool stream = port.protocol != Protocol::Udp;
    const int type = (stream ? SOCK_STREAM : SOCK_DGRAM) | SOCK_NONBLOCK;
    const int protocol = port.protocol == Protocol::Sctp ? IPPROTO_SCTP : 0;
    if (port.address) {
        domain = port.address->af();
        return open_socket(ns, domain, type, protocol);
    }
    try {
        domain = AF_INET6;
        return open_socket(ns, domain, type, protocol);
    } catch (const netemu::SysError& error) {
        if (error.error_number() != EAFNOSUPPORT) {
            throw;
        }
        domain = AF_INET;
        return open_socket(ns, domain, type, protocol);
    }
}

UniqueFd
open_listener(const std::string& ns, const WorkloadPort& port, const SocketFactory& open_socket) {
    const bool tcp = port.protocol == Protocol::Tcp;
    const bool stream = port.protocol != Protocol::Udp;
    int domain = AF_INET6;
    auto socket = open_for_port(ns, port, open_socket, domain);
    const int fd = socket.get();
    const bool v6 = domain == AF_INET6;
    if (v6) {
        set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY, 0);
    }
    if (stream) {
        set_option(fd, SOL_SOCKET, SO_REUSEADDR, 1);
        if (tcp) {
            set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1); // its connections inherit it
        }
    } else {
        netemu::request_packet_info(fd, v6);
    }
    const std::uint8_t zeros[16] = {};
    const auto any =
        netemu::IpAddress::from_bytes(v6 ? netemu::Family::V6 : netemu::Family::V4, zeros);
    const netemu::Endpoint where{port.address.value_or(any), port.port};
    sockaddr_storage address{};
    const auto size = where.to_sockaddr(address);
    const auto what = std::to_string(port.port) + (tcp ? "/tcp" : stream ? "/sctp" : "/udp");
    check_syscall(
        "bind to port " + what,
        ::bind(fd, reinterpret_cast<const sockaddr*>(&address), size)); // NOLINT
    if (stream) {
        check_syscall("listen on port " + what, ::listen(fd, kBacklog));
    }
    return socket;
}

bool same_place(const WorkloadPort& one, const WorkloadPort& other) {
    return one.port == other.port && one.protocol == other.protocol && one.address == other.address;
}

/// A new socket, or the former one where that is in the way: in another namespace it is not.
UniqueFd open_or_keep(
    const std::string& ns,
    const WorkloadPort& port,
    const SocketFactory& open_socket,
    std::vector<Listener>& former) {
    try {
        return open_listener(ns, port, open_socket);
    } catch (const netemu::SysError& error) {
        const auto found = std::find_if(former.begin(), former.end(), [&](const Listener& each) {
            return same_place(each.port, port) && each.socket;
        });
        if (error.error_number() != EADDRINUSE || found == former.end()) {
            throw;
        }
        return std::move(found->socket);
    }
}

} // namespace

std::vector<Listener> open_listeners(
    const WorkloadSpec& spec, const SocketFactory& open_socket, std::vector<Listener> former) {
    std::vector<Listener> listeners;
    for (const auto& port : spec.ports) {
        const bool known =
            std::any_of(listeners.begin(), listeners.end(), [&port](const Listener& other) {
                return same_place(other.port, port);
            });
        if (known) {
            continue;
        }
        try {
            listeners.push_back({port, open_or_keep(spec.ns_name, port, open_socket, former)});
        } catch (const netemu::SysError& error) {
            const bool no_sctp = error.error_number() == EPROTONOSUPPORT;
            if (port.protocol != Protocol::Sctp || !no_sctp) {
                throw;
            }
        }
    }
    return listeners;
}

} // namespace labctl::dataplane
