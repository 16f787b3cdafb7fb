#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "labctl/dataplane/stream_sender.h"
#include "labctl/dataplane/stream_socket.h"
#include "labctl/dataplane/upstream.h"

namespace mesh {
class TlsClientSession;
} // namespace mesh

namespace labctl::dataplane {

/// A proxy's connection to an endpoint, as plain bytes whether TLS is spoken on it or not. As
/// StreamSocket: what happens is told by the loop, it is not to be destroyed by its callbacks, and
/// `close` may be called by them. Belongs to the loop's thread.
class UpstreamStream final : private StreamListener {
public:
    UpstreamStream(
        netemu::EventLoop& loop,
        netemu::UniqueFd socket,
        Upstream upstream,
        StreamListener& listener);
    UpstreamStream(const UpstreamStream&) = delete;
    UpstreamStream& operator=(const UpstreamStream&) = delete;
    ~UpstreamStream();

    [[nodiscard]] const Upstream& upstream() const { return upstream_; }
    /// Begins to connect; on_connected (with TLS, when the handshake is over) or on_failed tells.
    void connect();
    void set_listener(StreamListener& listener) { listener_ = &listener; }

    void send(std::string_view bytes) { sender_.send(bytes); }
    /// Sends it with the next `send` or `flush`.
    void put(std::string_view bytes) { sender_.put(bytes); }
    void flush() { sender_.flush(); }
    [[nodiscard]] std::size_t unsent() const { return sender_.unsent(); }
    [[nodiscard]] bool full() const { return socket_.full(); }
    [[nodiscard]] std::uint64_t sent_total() const { return socket_.sent_total(); }
    void pause(bool paused);
    /// The end of what is sent, behind all that was given to `send`.
    void finish() { sender_.finish(); }
    void give_up_after(std::chrono::milliseconds time) { socket_.give_up_after(time); }
    void close() { socket_.close(); }
    void abort() { socket_.abort(); }
    [[nodiscard]] bool is_open() const { return socket_.is_open(); }
    [[nodiscard]] bool is_quiet() const { return socket_.is_quiet() && !ended_; }
    /// Why TLS has failed, after on_failed; empty if the reason was another one.
    [[nodiscard]] const std::string& tls_problem() const { return tls_problem_; }

private:
    void on_received(std::string_view bytes) override;
    void on_ended() override;
    void on_failed(int error) override;
    void on_drained() override { listener_->on_drained(); }
    void on_connected() override;
    void on_finished() override { listener_->on_finished(); }
    void take_tls();

    Upstream upstream_;
    StreamListener* listener_;
    std::unique_ptr<mesh::TlsClientSession> tls_;
    std::string tls_problem_;
    bool connected_ = false;
    bool paused_ = false;
    bool ended_ = false;
    StreamSocket socket_;
    StreamSender sender_;
};

} // namespace labctl::dataplane
