#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "labctl/dataplane/stream_sender.h"
#include "labctl/dataplane/stream_socket.h"

namespace mesh {
class TlsServerConfig;
class TlsServerSession;
} // namespace mesh

namespace labctl::dataplane {

/// Who hears of what happens on a ClientStream.
class ClientListener {
public:
    ClientListener() = default;
    ClientListener(const ClientListener&) = delete;
    ClientListener& operator=(const ClientListener&) = delete;

    virtual void on_client_bytes(std::string_view bytes) = 0;
    virtual void on_client_ended() = 0; // nothing more will be received
    /// The connection is lost, and why, if TLS is the reason: then its alert is on its way, and the
    /// socket still open.
    virtual void on_client_failed(const std::string& why) = 0;
    virtual void on_client_secured() {} // the handshake of TLS is over
    virtual void on_client_drained() {}
    virtual void on_client_finished() {} // all is sent, and its end

protected:
    ~ClientListener() = default;
};

/// A client's connection to a proxy, as plain bytes whether it speaks TLS or not. As StreamSocket:
/// not to be destroyed by its callbacks. Belongs to the loop's thread.
class ClientStream final : private StreamListener {
public:
    /// `tls`: null for plain bytes. Whoever listens is named before `start`.
    ClientStream(
        netemu::EventLoop& loop,
        netemu::UniqueFd socket,
        const std::shared_ptr<const mesh::TlsServerConfig>& tls);
    ClientStream(const ClientStream&) = delete;
    ClientStream& operator=(const ClientStream&) = delete;
    ~ClientStream();

    /// From now on, somebody else hears of it; also in the middle of what it tells.
    void set_listener(ClientListener& listener) { listener_ = &listener; }
    /// `bytes` have been received already.
    void start(std::string_view bytes);
    void send(std::string_view bytes) { sender_.send(bytes); }
    /// Sends it with the next `send` or `flush`.
    void put(std::string_view bytes) { sender_.put(bytes); }
    void flush() { sender_.flush(); }
    void pause(bool paused) { socket_.pause(paused); }
    [[nodiscard]] std::size_t unsent() const { return sender_.unsent(); }
    [[nodiscard]] bool full() const { return socket_.full(); }
    [[nodiscard]] std::uint64_t sent_total() const { return socket_.sent_total(); }
    /// The end of what is sent, behind all that was given to `send`.
    void finish() { sender_.finish(); }
    void close() { socket_.close(); }
    /// See StreamSocket.
    void abort() { socket_.abort(); }
    [[nodiscard]] bool is_open() const { return socket_.is_open(); }
    /// With TLS: whether the connection has ended, and not the session (RFC 8446, section 6.1).
    [[nodiscard]] bool cut_short() const;
    [[nodiscard]] bool tls_failed() const { return failed_; }
    /// Null without TLS.
    [[nodiscard]] const mesh::TlsServerSession* tls() const { return tls_.get(); }

private:
    void on_received(std::string_view bytes) override;
    void on_ended() override;
    void on_failed(int error) override;
    void on_drained() override;
    void on_finished() override;
    void limit_answers();

    ClientListener* listener_ = nullptr;
    std::unique_ptr<mesh::TlsServerSession> tls_;
    bool secured_ = false;
    bool ended_ = false;
    bool failed_ = false;
    StreamSocket socket_;
    StreamSender sender_;
};

} // namespace labctl::dataplane
