#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

namespace labctl::stream {

/// The client of a port forwarding, whatever protocol it speaks. A connection of it has a number.
/// All on the loop's thread; a handler may not destroy it.
class ForwardPeer {
public:
    using Connection = std::uint32_t;
    struct Handlers {
        std::function<void(Connection connection, std::uint16_t port)> open;
        std::function<void(Connection connection, std::string_view bytes)> input;
        std::function<void(Connection connection)> end_of_input; // it may still read
        std::function<void(Connection connection)> reset;        // nothing more is to be said of it
        std::function<void()> room;                              // it is congested no more
        std::function<void()> gone;                              // the client
    };

    ForwardPeer() = default;
    ForwardPeer(const ForwardPeer&) = delete;
    ForwardPeer& operator=(const ForwardPeer&) = delete;
    virtual ~ForwardPeer() = default;

    /// Begins: before the loop runs.
    virtual void start(Handlers handlers) = 0;
    virtual void output(Connection connection, std::string_view bytes) = 0;
    /// The pod's side has ended its half.
    virtual void end_of_output(Connection connection) = 0;
    /// Both halves have ended; `error` is for people, or empty.
    virtual void close(Connection connection, const std::string& error) = 0;
    [[nodiscard]] virtual bool congested() const = 0;
    virtual void pause_input(bool paused) = 0;
};

} // namespace labctl::stream
