#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "labctl/stream/byte_link.h"
#include "labctl/stream/websocket.h"

namespace labctl::stream {

/// Messages to and from one client over a WebSocket. Answers pings and the closing handshake. All
/// on the loop's thread; a handler may not destroy it.
class WebSocketLink {
public:
    struct Handlers {
        /// A piece of a message, as it comes; an empty one may begin or end it.
        std::function<void(std::string_view piece, bool begins, bool ends)> message;
        std::function<void()> room;
        /// Called once: the client has closed, has broken the protocol (and was told so), or is
        /// gone; after `finish`, the client has got everything.
        std::function<void()> gone;
    };

    /// `link` is the connection behind the handshake and must outlive this.
    explicit WebSocketLink(ByteLink& link);
    void handle(Handlers handlers) { handlers_ = std::move(handlers); }

    /// A binary message: `head` and `body` one behind the other.
    void send(std::string_view head, std::string_view body);
    [[nodiscard]] bool congested() const { return link_.congested(); }
    void pause(bool paused) { link_.pause(paused); }
    /// Closes, with status 1000.
    void finish();

private:
    void take(std::string_view bytes);
    void answer_ping(std::string payload);
    void close(WebSocketClose code, std::string_view why);
    void tell_gone();

    ByteLink& link_;
    Handlers handlers_;
    WebSocketReader reader_;
    std::string ping_; // the last one that is not answered yet, while the client does not read
    bool has_ping_ = false;
    bool closed_ = false;
    bool gone_ = false;
};

/// The payloads of binary messages as one stream of bytes: where messages begin and end means
/// nothing (KEP-4006, port forwarding).
class WebSocketTunnel final : public ByteLink {
public:
    /// `link` must outlive this.
    explicit WebSocketTunnel(WebSocketLink& link) : link_(link) {}

    void handle(Handlers handlers) override;
    void send(std::string_view bytes) override { link_.send({}, bytes); }
    [[nodiscard]] bool congested() const override { return link_.congested(); }
    void pause(bool paused) override { link_.pause(paused); }
    void finish() override { link_.finish(); }

private:
    WebSocketLink& link_;
};

} // namespace labctl::stream
