#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "netemu/base/event_loop.h"
#include "netemu/base/unique_fd.h"

namespace labctl::dataplane {

/// One end of a SOCK_SEQPACKET pair on a loop: whole messages with descriptors, never blocking.
/// What the socket does not take is queued; the queue's length is bounded by the requests that its
/// owner has under way.
class Channel {
public:
    /// `fds` that the callback leaves in the vector are closed after it.
    using MessageCallback =
        std::function<void(std::string_view message, std::vector<netemu::UniqueFd>& fds)>;
    using CloseCallback = std::function<void()>;

    /// Owns `socket`. `on_close` is called at most once, when the peer has gone; it may destroy
    /// this object.
    Channel(
        netemu::EventLoop& loop,
        netemu::UniqueFd socket,
        MessageCallback on_message,
        CloseCallback on_close);
    Channel(const Channel&) = delete;
    Channel& operator=(const Channel&) = delete;
    ~Channel();

    /// Sends one message with duplicates of `fds` (at most netemu::kFdsPerMessageMax), which stay
    /// the caller's and must stay open until the next turn of the loop.
    void send(std::string message, std::vector<int> fds = {});
    /// The same, but closes the descriptors once they are sent.
    void send_owned(std::string message, std::vector<netemu::UniqueFd> fds);

    /// Messages that the peer has not taken.
    [[nodiscard]] std::size_t queued() const { return outgoing_.size(); }

private:
    struct Outgoing {
        std::string message;
        std::vector<netemu::UniqueFd> fds;
    };

    void on_events(std::uint32_t events);
    void receive();
    void flush();
    void queue(std::string message, std::vector<netemu::UniqueFd> fds);
    void closed();

    netemu::EventLoop& loop_;
    netemu::UniqueFd socket_;
    MessageCallback on_message_;
    CloseCallback on_close_;
    std::deque<Outgoing> outgoing_;
    std::vector<char> buffer_;
    std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

} // namespace labctl::dataplane
