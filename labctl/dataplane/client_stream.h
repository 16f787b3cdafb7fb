#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "labctl/dataplane/stream_socket.h"

namespace mesh {
class TlsServerConfig;
class TlsServerSession;
} // namespace mesh

namespace labctl::dataplane {

/// A client's connection to a proxy, as plain bytes whether it speaks TLS or not. As StreamSocket:
/// not to be destroyed by its callbacks. Belongs to the loop's thread.
class ClientStream {
public:
    struct Events {
        std::function<void(std::string_view bytes)> received;
        std::function<void()> ended; // nothing more will be received
        /// The connection is lost, and why, if TLS is the reason.
        std::function<void(const std::string& why)> failed;
        std::function<void()> drained;
    };

    /// `tls`: null for plain bytes.
    ClientStream(
        netemu::EventLoop& loop,
        netemu::UniqueFd socket,
        const std::shared_ptr<const mesh::TlsServerConfig>& tls,
        Events events);
    ClientStream(const ClientStream&) = delete;
    ClientStream& operator=(const ClientStream&) = delete;
    ~ClientStream();

    /// `bytes` have been received already.
    void start(std::string_view bytes);
    void send(std::string_view bytes);
    void pause(bool paused) { socket_.pause(paused); }
    [[nodiscard]] bool full() const { return socket_.full(); }
    /// The end of what is sent, behind all that was given to `send`.
    void finish();
    void close() { socket_.close(); }
    [[nodiscard]] bool is_open() const { return socket_.is_open(); }

private:
    void received(std::string_view bytes);
    void send_output();

    Events events_;
    std::unique_ptr<mesh::TlsServerSession> tls_;
    bool ended_ = false;
    StreamSocket socket_;
};

} // namespace labctl::dataplane
