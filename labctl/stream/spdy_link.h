#pragma once

#include <functional>

#include "labctl/stream/byte_link.h"
#include "labctl/stream/spdy_session.h"

namespace labctl::stream {

/// A SPDY connection over a link: passes bytes on, and events as they come. All on the loop's
/// thread; a handler may not destroy it.
class SpdyLink {
public:
    struct Handlers {
        std::function<void(SpdyEvent& event)> event;
        std::function<void()> room;
        /// Called once: the client has said GOAWAY, has broken the protocol or is gone; after
        /// `finish`, the client has got everything.
        std::function<void()> gone;
    };

    /// `link` must outlive this.
    SpdyLink(ByteLink& link, Handlers handlers);

    void send(std::uint32_t stream, std::string_view bytes);
    void finish_stream(std::uint32_t stream);
    void reset(std::uint32_t stream, SpdyStatus status);
    [[nodiscard]] bool congested() const { return link_.congested(); }
    void pause(bool paused);
    /// Says GOAWAY and ends the connection.
    void finish();

private:
    void take(std::string_view bytes);
    void flush();
    void tell_gone();

    ByteLink& link_;
    Handlers handlers_;
    SpdySession session_;
    bool paused_ = false; // by whoever uses it; without that, while the client does not read
    bool finished_ = false;
    bool gone_ = false;
};

} // namespace labctl::stream
