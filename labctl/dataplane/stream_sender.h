#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "labctl/dataplane/stream_socket.h"

namespace mesh {
class TlsSession;
} // namespace mesh

namespace labctl::dataplane {

/// What is sent on a StreamSocket, through TLS or as it is: the same for whoever has connected and
/// whoever was connected to. Belongs to the loop's thread.
class StreamSender {
public:
    /// `socket` outlives this. With `secure` nothing is sent before there is a session.
    StreamSender(StreamSocket& socket, bool secure) : socket_(socket), secure_(secure) {}

    /// From now on, what waits and what comes goes through it; it outlives this.
    void use(mesh::TlsSession& session) { session_ = &session; }
    void send(std::string_view bytes);
    /// Sends it with the next `send` or `flush`.
    void put(std::string_view bytes);
    void flush();
    /// What TLS itself has to say.
    void flush_session();
    /// The end of what is sent, behind all that was given to `send`.
    void finish();
    [[nodiscard]] std::size_t unsent() const { return plain_.size() + socket_.unsent(); }

private:
    StreamSocket& socket_; // NOLINT: both are of one stream
    bool secure_;
    mesh::TlsSession* session_ = nullptr;
    std::string plain_; // not given to TLS yet
};

} // namespace labctl::dataplane
