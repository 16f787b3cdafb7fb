#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

/// WebSocket frames (RFC 6455), the server's side: what clients send is masked, what we send is
/// not. Pure; extensions are none.
namespace labctl::stream {

/// RFC 6455, section 5.2.
enum class WebSocketOpcode : std::uint8_t {
    Continuation = 0x0,
    Text = 0x1,
    Binary = 0x2,
    Close = 0x8,
    Ping = 0x9,
    Pong = 0xa,
};

/// RFC 6455, section 7.4.1.
enum class WebSocketClose : std::uint16_t {
    Normal = 1000,
    ProtocolError = 1002,
    TooBig = 1009,
    ServerError = 1011,
};

/// Payload of one frame. It is handed on as it comes, so this bounds no memory, but nonsense.
inline constexpr std::uint64_t kWebSocketFrameBytesMax = 1U << 30U;
inline constexpr std::size_t kWebSocketControlBytesMax = 125; // section 5.5

/// What a client has said.
struct WebSocketEvent {
    enum class Kind : unsigned char { Data, Ping, Pong, Close };
    Kind kind = Kind::Data;
    std::string bytes;   // unmasked: a piece of a message; what a ping carries; why it closes
    bool begins = false; // Data: the first piece of its message
    bool ends = false;   // Data: the last piece of its message, which may be empty
};

/// Takes bytes in pieces of any size and never throws: a client that breaks the rules is a value
/// (`failed()`), after which the connection must be closed. Text is taken as bytes, its encoding is
/// not checked. Holds no more than was fed and not yet taken.
class WebSocketReader {
public:
    void feed(std::string_view bytes);
    /// The next event that is complete enough to be told; nullopt: feed more. After Close and after
    /// a failure there is none.
    std::optional<WebSocketEvent> next();

    [[nodiscard]] bool failed() const { return !error_.empty(); }
    [[nodiscard]] const std::string& error() const { return error_; }
    /// What to close with after a failure.
    [[nodiscard]] WebSocketClose error_code() const { return error_code_; }

private:
    struct Frame {
        WebSocketOpcode opcode = WebSocketOpcode::Continuation;
        bool final = false;
        bool begins = false;         // nothing of its message was told yet
        std::uint64_t remaining = 0; // payload bytes to come
        std::array<unsigned char, 4> mask{};
        std::size_t masked = 0; // bytes of the payload that are unmasked already
    };

    bool read_head();
    bool check_head(unsigned first, unsigned second);
    std::optional<WebSocketEvent> data();
    std::optional<WebSocketEvent> control();
    WebSocketEvent close(std::string_view payload);
    std::string take_payload(std::size_t size);
    void consume(std::size_t size);
    void fail(WebSocketClose code, std::string text);
    [[nodiscard]] std::size_t available() const { return input_.size() - used_; }
    [[nodiscard]] unsigned byte(std::size_t at) const {
        return static_cast<unsigned char>(input_[used_ + at]);
    }

    std::string input_;
    std::size_t used_ = 0;
    std::optional<Frame> frame_;
    bool in_message_ = false; // a message has begun and its last frame has not come
    bool closed_ = false;
    std::string error_;
    WebSocketClose error_code_ = WebSocketClose::ProtocolError;
};

/// What stands before `size` bytes of payload in an unfragmented frame of ours.
std::string websocket_head(WebSocketOpcode opcode, std::size_t size);
/// A whole frame.
std::string websocket_frame(WebSocketOpcode opcode, std::string_view payload);
/// A closing frame; `why` is cut to what fits.
std::string websocket_close(WebSocketClose code, std::string_view why);

/// Sec-WebSocket-Accept for a client's Sec-WebSocket-Key (section 4.2.2).
std::string websocket_accept(std::string_view key);

} // namespace labctl::stream
