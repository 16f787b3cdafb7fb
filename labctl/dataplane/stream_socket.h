#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "netemu/base/address.h"
#include "netemu/base/event_loop.h"
#include "netemu/base/unique_fd.h"

namespace labctl::dataplane {

/// Unsent bytes above which whoever feeds a StreamSocket should pause, until `drained`.
inline constexpr std::size_t kStreamUnsentMax = 256U << 10U;

/// One end of a TCP connection on an event loop: keeps what cannot be sent yet, can be paused, and
/// closes its half when all is sent. Must not be destroyed by one of its own callbacks; `close`
/// may be called by them. Belongs to the loop's thread.
class StreamSocket {
public:
    struct Events {
        std::function<void(std::string_view bytes)> received;
        std::function<void()> ended; // FIN came: nothing more will be received
        std::function<void(int)>
            failed; // errno, of a connect too; 0: both ways have ended. It is closed then.
        std::function<void()> drained; // it was full, and is not any more
        std::function<void()> connected{};
    };

    StreamSocket(netemu::EventLoop& loop, netemu::UniqueFd socket, Events events);
    StreamSocket(const StreamSocket&) = delete;
    StreamSocket& operator=(const StreamSocket&) = delete;
    ~StreamSocket();

    /// Watches a socket that is connected already.
    void start();
    /// Begins to connect; `connected` or `failed` tells, after this has returned.
    void connect(const netemu::Endpoint& to);

    void send(std::string_view bytes);
    [[nodiscard]] std::size_t unsent() const { return out_.size() - sent_; }
    [[nodiscard]] bool full() const { return unsent() > kStreamUnsentMax; }
    /// Whether to leave what arrives where it is.
    void pause(bool paused);
    /// FIN, behind all that was given to `send`.
    void finish();
    void close();
    [[nodiscard]] bool is_open() const { return static_cast<bool>(socket_); }
    [[nodiscard]] int fd() const { return socket_.get(); }
    /// Gives the socket away, unwatched; nothing must be unsent.
    netemu::UniqueFd release();

private:
    void on_events(std::uint32_t events);
    void on_connected();
    void read();
    void flush();
    void fail(int error);
    void watch();

    netemu::EventLoop& loop_;
    netemu::UniqueFd socket_;
    Events events_;
    std::string out_;
    std::size_t sent_ = 0;
    std::uint32_t watched_ = 0;
    bool connecting_ = false;
    bool paused_ = false;
    bool input_ended_ = false;
    bool finishing_ = false;
    bool finished_ = false;
    bool was_full_ = false;
};

} // namespace labctl::dataplane
