#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "netemu/base/address.h"
#include "netemu/base/event_loop.h"
#include "netemu/base/unique_fd.h"

namespace labctl::dataplane {

/// Unsent bytes above which whoever feeds a StreamSocket should pause, until `drained`.
inline constexpr std::size_t kStreamUnsentMax = 256U << 10U;

/// Who hears of what happens on a StreamSocket.
class StreamListener {
public:
    StreamListener() = default;
    StreamListener(const StreamListener&) = delete;
    StreamListener& operator=(const StreamListener&) = delete;

    virtual void on_received(std::string_view bytes) = 0;
    virtual void on_ended() = 0; // FIN came: nothing more will be received
    /// errno, of a connect too; 0: both ways have ended. The socket is closed then.
    virtual void on_failed(int error) = 0;
    virtual void on_drained() {} // it was full, and is not any more
    virtual void on_connected() {}
    virtual void on_finished() {} // FIN is sent, behind everything

protected:
    ~StreamListener() = default;
};

/// One end of a TCP connection on an event loop: keeps what cannot be sent yet, can be paused, and
/// closes its half when all is sent. Failures and the peer's end are told by the loop, never from
/// within a member, and behind all that the peer has sent, also when the connection broke while
/// something was sent to it. Must not be destroyed by one of its own callbacks; `close` may be
/// called by them. Belongs to the loop's thread.
class StreamSocket {
public:
    StreamSocket(netemu::EventLoop& loop, netemu::UniqueFd socket, StreamListener& listener);
    StreamSocket(const StreamSocket&) = delete;
    StreamSocket& operator=(const StreamSocket&) = delete;
    ~StreamSocket();

    /// Watches a socket that is connected already, and has TCP_NODELAY.
    void start();
    /// From now on, somebody else hears of it; also in the middle of what it tells.
    void set_listener(StreamListener& listener) { listener_ = &listener; }
    /// Begins to connect; on_connected or on_failed tells, after this has returned.
    /// From that address of its own, if one is named.
    void connect(
        const netemu::Endpoint& to, const std::optional<netemu::IpAddress>& from = std::nullopt);

    void send(std::string_view bytes);
    /// Sends it with the next `send` or `flush`: for what is too small for a packet of its own.
    void put(std::string_view bytes);
    void flush();
    [[nodiscard]] std::size_t unsent() const { return out_.size() - sent_; }
    [[nodiscard]] bool full() const { return unsent() > kStreamUnsentMax; }
    /// Bytes that the kernel has taken so far.
    [[nodiscard]] std::uint64_t sent_total() const { return sent_total_; }
    /// Whether to leave what arrives where it is.
    void pause(bool paused);
    /// FIN, behind all that was given to `send`.
    void finish();
    /// The connection is lost when what was sent is not acknowledged for that long (tcp(7),
    /// TCP_USER_TIMEOUT).
    void give_up_after(std::chrono::milliseconds time);
    void close();
    /// Closes with RST, so that nobody takes it for the end of what was to be sent.
    void abort();
    [[nodiscard]] bool is_open() const { return static_cast<bool>(socket_); }
    /// Whether it is open both ways, and the peer has said nothing that has not been received.
    [[nodiscard]] bool is_quiet() const;

private:
    [[nodiscard]] int
    begin_connecting(const netemu::Endpoint& to, const std::optional<netemu::IpAddress>& from);
    void take_events(std::uint32_t events);
    void end_connecting();
    void read();
    void write(std::string_view more);
    void write_failed(int error);
    void all_sent();
    void fail(int error);
    void watch();

    netemu::EventLoop& loop_;
    netemu::UniqueFd socket_;
    StreamListener* listener_;
    std::string out_;
    std::size_t sent_ = 0; // of out_
    std::uint64_t sent_total_ = 0;
    std::uint32_t watched_ = 0;
    int write_error_ = 0; // nothing can be sent any more
    bool connecting_ = false;
    bool paused_ = false;
    bool input_ended_ = false;
    bool finishing_ = false;
    bool finished_ = false;
    bool was_full_ = false;
};

} // namespace labctl::dataplane
