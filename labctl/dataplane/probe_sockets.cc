#include "labctl/dataplane/probe_sockets.h"

#include <netinet/in.h>
#include <sys/socket.h>

#include "netemu/base/error.h"

namespace labctl::dataplane {
namespace {

using probe::Scheme;

netemu::UniqueFd open_probe_socket(
    const SocketFactory& open_socket,
    const ResolvedRequest& request,
    Scheme scheme,
    const netemu::IpAddress& address) {
    int type = SOCK_STREAM;
    int protocol = scheme == Scheme::Sctp ? IPPROTO_SCTP : IPPROTO_TCP;
    if (scheme == Scheme::Udp) {
        type = SOCK_DGRAM;
        protocol = IPPROTO_UDP;
    } else if (scheme == Scheme::Icmp) {
        type = SOCK_RAW;
        protocol =
            address.is_v4() ? static_cast<int>(IPPROTO_ICMP) : static_cast<int>(IPPROTO_ICMPV6);
    }
    auto socket = open_socket(request.ns, address.af(), type | SOCK_NONBLOCK, protocol);
    if (request.mark != 0) {
        netemu::check_syscall(
            "mark a probe's socket",
            ::setsockopt(socket.get(), SOL_SOCKET, SO_MARK, &request.mark, sizeof request.mark));
    }
    return socket;
}

} // namespace

std::vector<netemu::UniqueFd>
open_probe_sockets(const SocketFactory& open_socket, const ResolvedRequest& request) {
    const auto scheme = request.request.to.scheme;
    std::vector<netemu::UniqueFd> sockets;
    if (scheme == Scheme::Dns) {
        for (const auto& server : request.lookup->servers) {
            for (const auto kind : {Scheme::Udp, Scheme::Tcp}) {
                sockets.push_back(open_probe_socket(open_socket, request, kind, server.address));
            }
        }
    } else {
        sockets.push_back(open_probe_socket(open_socket, request, scheme, request.address));
    }
    return sockets;
}

} // namespace labctl::dataplane
