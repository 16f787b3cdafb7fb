#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

namespace labctl::stream {

/// What a client wants of a command's streams.
struct CommandStreams {
    bool input = false;
    bool output = false;
    bool error = false;
    bool terminal = false; // then output and error are one
};

/// Columns and rows of a terminal.
struct TerminalSize {
    std::uint16_t columns = 0;
    std::uint16_t rows = 0;
};

/// {"Width":80,"Height":24} as clients write it; {0, 0} for what is none.
TerminalSize parse_terminal_size(std::string_view json);
inline constexpr std::size_t kTerminalSizeBytesMax = 256;

enum class OutputChannel : unsigned char { Output = 1, Error = 2 };

/// The client of one command, whatever protocol it speaks. All on the loop's thread; a handler may
/// not destroy it.
class CommandPeer {
public:
    struct Handlers {
        std::function<void()> ready; // all channels are there; called once, from the loop
        std::function<void(std::string_view bytes)> input;
        std::function<void()> end_of_input;
        std::function<void(TerminalSize size)> resize;
        std::function<void()> room; // it is congested no more
        std::function<void()> gone; // the client; after `finish`, all is said
    };

    CommandPeer() = default;
    CommandPeer(const CommandPeer&) = delete;
    CommandPeer& operator=(const CommandPeer&) = delete;
    virtual ~CommandPeer() = default;

    /// Begins: before the loop runs.
    virtual void start(Handlers handlers) = 0;
    virtual void output(OutputChannel channel, std::string_view bytes) = 0;
    [[nodiscard]] virtual bool congested() const = 0;
    virtual void pause_input(bool paused) = 0;
    /// The last word: a v1.Status (exit_status.h). Ends the connection.
    virtual void finish(const std::string& status) = 0;
};

} // namespace labctl::stream
