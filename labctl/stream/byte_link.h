#pragma once

#include <functional>
#include <string_view>

namespace labctl::stream {

/// Bytes to and from one client, bounded both ways. All on the loop's thread; a handler may not
/// destroy the link.
class ByteLink {
public:
    struct Handlers {
        std::function<void(std::string_view bytes)> input;
        std::function<void()> room; // it is congested no more
        /// The client; or, after `finish`, what was left to say is said. Called once, by the loop.
        std::function<void()> gone;
    };

    ByteLink() = default;
    ByteLink(const ByteLink&) = delete;
    ByteLink& operator=(const ByteLink&) = delete;
    virtual ~ByteLink() = default;

    /// Before the loop runs.
    virtual void handle(Handlers handlers) = 0;
    virtual void send(std::string_view bytes) = 0;
    /// Whether so much waits for the client that whoever makes output has to wait, too.
    [[nodiscard]] virtual bool congested() const = 0;
    /// Takes no more input until it is told to; the client's end is noticed all the same.
    virtual void pause(bool paused) = 0;
    /// Ends the connection when what was sent is out. Input means nothing from now on.
    virtual void finish() = 0;
};

} // namespace labctl::stream
