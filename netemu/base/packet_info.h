#pragma once

struct msghdr;

/// UDP sockets that are bound to any address: which one a datagram was sent to, and answers from
/// that one (IP_PKTINFO of ip(7), RFC 3542 section 6).
namespace netemu {

/// Datagrams of `socket`, whose family `ipv6` tells, come with packet information from now on.
/// Throws SysError.
void request_packet_info(int socket, bool ipv6);

/// Turns the packet information that came with a datagram into that of its answer: from the address
/// that was asked, by whatever route. `message` is as recvmsg(2) has filled it.
void turn_packet_info(msghdr& message);

} // namespace netemu
