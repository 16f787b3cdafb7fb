#pragma once

#include <string>
#include <string_view>

#include "mesh/http/message.h"

/// How a request of kubectl's becomes a connection that is no HTTP any more. Pure.
namespace labctl::stream {

/// What is asked for at a pod.
enum class Purpose : unsigned char { Exec, Attach, Forward };

/// What both ends speak after the upgrade.
enum class Protocol : unsigned char {
    ChannelsV4, // WebSocket; the first byte of a message is its channel ("v4.channel.k8s.io")
    ChannelsV5, // the same with a message that closes a channel (KEP-4006)
    Spdy,       // SPDY/3.1, a stream for each channel or connection
    SpdyTunnel, // the same in binary messages of a WebSocket (KEP-4006)
};

struct Upgrade {
    Protocol protocol = Protocol::ChannelsV5;
    std::string response; // 101 Switching Protocols, as bytes
};

/// The newest protocol that the client offers for this purpose. Throws api::StatusError (400) for a
/// request that is no upgrade, a handshake that is none (RFC 6455, section 4.2.1), and (403) for a
/// client that offers nothing that is known here.
Upgrade negotiate(const std::string& method, const mesh::Headers& headers, Purpose purpose);

std::string_view to_string(Protocol protocol);
/// Throws netemu::Error for what is none.
Protocol parse_protocol(std::string_view text);

} // namespace labctl::stream
