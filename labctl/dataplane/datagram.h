#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "netemu/base/address.h"

namespace labctl::dataplane {

/// A datagram and the address it was sent to, so that the reply can come from there: a pod has
/// several addresses, and a client takes an answer only from the one it asked.
struct Datagram {
    std::string bytes;
    netemu::Endpoint from;
    std::string peer;          // the same as `from`, as the socket wrote it
    std::string reply_control; // ancillary data for the reply (IP_PKTINFO or IPV6_PKTINFO)
};

/// The next datagram of a socket with packet information (netemu::request_packet_info), or nullopt
/// when there is none now. Errors of earlier replies are swallowed.
std::optional<Datagram> receive_datagram(int socket);

/// Answers; what the network does not take is lost, as datagrams are.
void reply_datagram(int socket, const Datagram& to, std::string_view bytes);

} // namespace labctl::dataplane
